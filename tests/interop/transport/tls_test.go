// Package transport checks what a peer built on Go's crypto/tls and net/http meets on the wire, without any SDK: TLS
// versions, client certificates, session resumption, ALPN, and the framing of requests.
package transport

import (
	"crypto/elliptic"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"interop/harness"
)

// connectionLimit ends a test whose connection gets no answer.
const connectionLimit = 10 * time.Second

// anyone is a client without any rights: enough for /version, which asks for none.
func anyone(t *testing.T) tls.Certificate {
	t.Helper()
	return harness.SelfSigned(t, harness.Ed25519(t)).TLS()
}

// connect shakes hands, and asks for the version if the connection speaks HTTP/1: in TLS 1.3 a client knows only after
// its first read that the server has accepted its certificate.
func connect(t *testing.T, address string, config *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	connection, err := dial(t, address, config)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	state := connection.ConnectionState()
	if state.NegotiatedProtocol == "h2" {
		return state, nil
	}
	if _, err := io.WriteString(connection, "GET /version HTTP/1.0\r\n\r\n"); err != nil {
		return state, err
	}
	_, err = io.ReadAll(connection)
	return state, err
}

// mustBeRefused checks that the server ends the handshake with a TLS alert rather than by closing the connection.
func mustBeRefused(t *testing.T, address string, config *tls.Config) {
	t.Helper()
	connection, err := dial(t, address, config)
	if err == nil {
		// Nothing is written: the server would close a connection with unread data by a reset, which could overtake
		// its alert.
		_, err = connection.Read(make([]byte, 1))
	}
	var alert tls.AlertError
	var operation *net.OpError
	if errors.As(err, &alert) || (errors.As(err, &operation) && operation.Op == "remote error") {
		return
	}
	t.Fatalf("no alert of the server but: %v", err)
}

func dial(t *testing.T, address string, config *tls.Config) (*tls.Conn, error) {
	t.Helper()
	connection, err := tls.DialWithDialer(&net.Dialer{Timeout: connectionLimit}, "tcp", address, config)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { connection.Close() })
	return connection, connection.SetDeadline(time.Now().Add(connectionLimit))
}

func TestTLS12And13AreSpokenWithEveryKindOfClientKey(t *testing.T) {
	server := harness.Start(t, harness.Config{})
	certificates := map[string]tls.Certificate{
		"ed25519":    harness.SelfSigned(t, harness.Ed25519(t)).TLS(),
		"ecdsa-p256": harness.SelfSigned(t, harness.ECDSA(t, elliptic.P256())).TLS(),
		"ecdsa-p384": harness.SelfSigned(t, harness.ECDSA(t, elliptic.P384())).TLS(),
		"ecdsa-p521": harness.SelfSigned(t, harness.ECDSA(t, elliptic.P521())).TLS(),
		"rsa":        harness.SelfSigned(t, harness.RSA(t)).TLS(),
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for kind, certificate := range certificates {
			t.Run(tls.VersionName(version)+" "+kind, func(t *testing.T) {
				config := server.ClientTLS(certificate)
				config.MinVersion, config.MaxVersion = version, version
				answer := harness.MustSend(t, harness.HTTP(config), "GET", server.Endpoint+"/version", nil)
				answer.Expect(t, 200, `"version"`)
				if answer.TLS.Version != version {
					t.Errorf("version is %s", tls.VersionName(answer.TLS.Version))
				}
			})
		}
	}
}

func TestOlderTLSIsRefused(t *testing.T) {
	server := harness.Start(t, harness.Config{})
	config := server.ClientTLS(anyone(t))
	config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	mustBeRefused(t, server.Address, config)
}

func TestKeyExchangeGroups(t *testing.T) {
	server := harness.Start(t, harness.Config{})
	for group, accepted := range map[tls.CurveID]bool{
		tls.X25519MLKEM768: true, tls.X25519: true, tls.CurveP256: true, tls.CurveP384: true, tls.CurveP521: false,
	} {
		config := server.ClientTLS(anyone(t))
		config.CurvePreferences = []tls.CurveID{group}
		if !accepted {
			mustBeRefused(t, server.Address, config)
		} else if _, err := connect(t, server.Address, config); err != nil {
			t.Errorf("%s: %v", group, err)
		}
	}
}

func TestTLS12WithoutAuthenticatedEncryptionIsRefused(t *testing.T) {
	server := harness.Start(t, harness.Config{})
	config := server.ClientTLS(anyone(t))
	config.MaxVersion = tls.VersionTLS12
	config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}
	mustBeRefused(t, server.Address, config)
}

func TestWithoutACertificateTheHandshakeFails(t *testing.T) {
	server := harness.Start(t, harness.Config{})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := server.ClientTLS()
		config.MinVersion, config.MaxVersion = version, version
		mustBeRefused(t, server.Address, config)
	}
}

func TestWithAnOpenRouteACertificateIsOptionalInTheHandshake(t *testing.T) {
	server := harness.Start(t, harness.Config{SkipAuth: []string{"/v1/ready"}})
	client := harness.HTTP(server.ClientTLS())

	harness.MustSend(t, client, "GET", server.Endpoint+"/v1/ready", nil).Expect(t, 200, "")
	harness.MustSend(t, client, "GET", server.Endpoint+"/version", nil).Expect(t, 200, `"version"`)
	harness.MustSend(t, client, "GET", server.Endpoint+"/v1/status", nil).
		Expect(t, 400, `{"message":"tls: client certificate is required"`)
	harness.MustSend(t, client, "PUT", server.Endpoint+"/v1/key/create/x", nil).
		Expect(t, 400, `{"message":"tls: client certificate is required"`)
}

// A list of acceptable CAs makes Go clients withhold a self-signed certificate without a word.
func TestNoAcceptableCAsAreNamed(t *testing.T) {
	authority := harness.SelfSigned(t, harness.Ed25519(t), harness.CA)
	member := authority.Issue(t, harness.Ed25519(t)).TLS()
	for _, auth := range []string{"off", "on"} {
		server := harness.Start(t, harness.Config{Auth: auth, VerifyWith: authority.WritePEM(t)})
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			var named [][]byte
			config := server.ClientTLS()
			config.MinVersion, config.MaxVersion = version, version
			config.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
				named = request.AcceptableCAs
				return &member, nil
			}
			if _, err := connect(t, server.Address, config); err != nil {
				t.Fatalf("auth %s: %v", auth, err)
			}
			if len(named) != 0 {
				t.Errorf("auth %s, %s: the server names %d CAs", auth, tls.VersionName(version), len(named))
			}
		}
	}
}

func TestWithVerificationOnlyCertificatesOfTheCAAreAccepted(t *testing.T) {
	authority := harness.SelfSigned(t, harness.ECDSA(t, elliptic.P256()), harness.CA)
	server := harness.Start(t, harness.Config{Auth: "on", VerifyWith: authority.WritePEM(t)})
	other := harness.SelfSigned(t, harness.ECDSA(t, elliptic.P256()), harness.CA)

	for name, certificate := range map[string]struct {
		tls      tls.Certificate
		accepted bool
	}{
		"of the CA":         {authority.Issue(t, harness.Ed25519(t)).TLS(), true},
		"the CA itself":     {authority.TLS(), true},
		"expired":           {authority.Issue(t, harness.Ed25519(t), harness.Expired).TLS(), false},
		"self-signed":       {anyone(t), false},
		"of another CA":     {other.Issue(t, harness.Ed25519(t)).TLS(other), false},
		"another CA itself": {other.TLS(), false},
	} {
		t.Run(name, func(t *testing.T) {
			config := server.ClientTLS(certificate.tls)
			if !certificate.accepted {
				mustBeRefused(t, server.Address, config)
			} else if _, err := connect(t, server.Address, config); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestALPN(t *testing.T) {
	server := harness.Start(t, harness.Config{})
	for _, offer := range []struct {
		protocols []string
		chosen    string
	}{
		{[]string{"h2"}, "h2"},
		{[]string{"http/1.1"}, "http/1.1"},
		{[]string{"http/1.1", "h2"}, "h2"},
		{[]string{"unknown", "http/1.1"}, "http/1.1"},
		{nil, ""},
	} {
		config := server.ClientTLS(anyone(t))
		config.NextProtos = offer.protocols
		state, err := connect(t, server.Address, config)
		if err != nil {
			t.Errorf("offer %q: %v", offer.protocols, err)
		}
		if state.NegotiatedProtocol != offer.chosen {
			t.Errorf("offer %q: the server chooses %q, want %q", offer.protocols, state.NegotiatedProtocol, offer.chosen)
		}
	}

	config := server.ClientTLS(anyone(t))
	config.NextProtos = []string{"unknown"}
	mustBeRefused(t, server.Address, config)
}

func TestPlainHTTPGetsOneSentenceAndTheEnd(t *testing.T) {
	server := harness.Start(t, harness.Config{})
	connection, err := net.DialTimeout("tcp", server.Address, connectionLimit)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(connectionLimit)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(connection, "GET /version HTTP/1.1\r\nHost: kes\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(connection)
	if err != nil {
		t.Fatal(err)
	}
	const want = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
	if string(answer) != want {
		t.Errorf("answer is %q, want %q", answer, want)
	}
}

func TestAHealthCheckThatOnlyConnectsDoesNoHarm(t *testing.T) {
	server := harness.Start(t, harness.Config{})
	for range 10 {
		connection, err := net.DialTimeout("tcp", server.Address, connectionLimit)
		if err != nil {
			t.Fatal(err)
		}
		connection.Close()
	}
	answer := harness.MustSend(t, harness.HTTP(server.ClientTLS(anyone(t))), "GET", server.Endpoint+"/version", nil)
	if !strings.Contains(answer.Body, `"version"`) {
		t.Errorf("afterwards the server answers %+v", answer)
	}
}
