package transport

import (
	"crypto/tls"
	"testing"

	"interop/harness"
)

func TestAResumedSessionKeepsItsIdentity(t *testing.T) {
	certificate := harness.SelfSigned(t, harness.Ed25519(t))
	server := harness.Start(t, serverFor(certificate))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := server.ClientTLS(certificate.TLS())
		config.MinVersion, config.MaxVersion = version, version
		config.ClientSessionCache = tls.NewLRUClientSessionCache(0)

		for connection, resumed := range []bool{false, true, true} {
			// A new client has no open connection and must shake hands.
			answer := harness.MustSend(t, harness.HTTP(config), "GET", server.Endpoint+"/v1/identity/self/describe", nil)
			answer.Expect(t, 200, certificate.Identity())
			if answer.TLS.DidResume != resumed {
				t.Errorf("%s, connection %d: resumed is %t", tls.VersionName(version), connection+1, answer.TLS.DidResume)
			}
		}
	}
}

// Resumption skips the verification of certificates, so a session from before must not outlive the change.
func TestASessionDoesNotCarryAnUnverifiedCertificateIntoVerification(t *testing.T) {
	certificate := harness.SelfSigned(t, harness.Ed25519(t))
	authority := harness.SelfSigned(t, harness.Ed25519(t), harness.CA)
	config := serverFor(certificate)
	server := harness.Start(t, config)

	clients := make(map[uint16]*tls.Config)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		client := server.ClientTLS(certificate.TLS())
		client.MinVersion, client.MaxVersion = version, version
		client.ClientSessionCache = tls.NewLRUClientSessionCache(0)
		harness.MustSend(t, harness.HTTP(client), "GET", server.Endpoint+"/v1/status", nil).Expect(t, 200, "")
		clients[version] = client
	}

	config.Auth, config.VerifyWith = "on", authority.WritePEM(t)
	server.Reload(t, config)
	for version, client := range clients {
		answer, err := harness.Send(harness.HTTP(client), "GET", server.Endpoint+"/v1/status", nil)
		if err == nil {
			t.Errorf("%s: a self-signed certificate is still answered: %+v", tls.VersionName(version), answer)
		}
	}
}

// The older server took the identity from the only certificate of the chain that was no CA: a client could send the
// certificate of somebody else, which is public, behind a CA certificate of its own.
func TestNobodyBecomesSomebodyElseByShowingTheirCertificate(t *testing.T) {
	victim := harness.SelfSigned(t, harness.Ed25519(t))
	server := harness.Start(t, serverFor(victim))
	attackers := map[string]tls.Certificate{
		"ca-flagged": harness.SelfSigned(t, harness.Ed25519(t), harness.CA).TLS(victim),
		"ordinary":   harness.SelfSigned(t, harness.Ed25519(t)).TLS(victim),
	}
	for name, attacker := range attackers {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(name+" "+tls.VersionName(version), func(t *testing.T) {
				config := server.ClientTLS(attacker)
				config.MinVersion, config.MaxVersion = version, version
				harness.MustSend(t, harness.HTTP(config), "GET", server.Endpoint+"/v1/status", nil).
					Expect(t, 400, `{"message":"tls: received more than one client certificate"`)
			})
		}
	}
}

func TestAChainOfCACertificatesBehindTheFirstIsAccepted(t *testing.T) {
	authority := harness.SelfSigned(t, harness.Ed25519(t), harness.CA)
	leaf := authority.Issue(t, harness.Ed25519(t))
	server := harness.Start(t, serverFor(leaf))

	client := harness.HTTP(server.ClientTLS(leaf.TLS(authority)))
	harness.MustSend(t, client, "GET", server.Endpoint+"/v1/status", nil).Expect(t, 200, `"version"`)
}

// serverFor is a configuration in which the holder of this certificate may do everything.
func serverFor(certificate harness.Certificate) harness.Config {
	return harness.Config{Policies: []harness.Policy{{
		Name: "everything", Allow: []string{"*"}, Identities: []string{certificate.Identity()},
	}}}
}
