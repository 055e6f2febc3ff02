package kmsgo

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"testing"
	"time"

	"github.com/minio/kms-go/kes"

	"interop/harness"
)

// minioRules are the rights that MinIO needs.
var minioRules = []string{
	"/v1/key/create/*", "/v1/key/generate/*", "/v1/key/decrypt/*", "/v1/key/list/*", "/v1/status", "/v1/api",
}

func TestTheSDKComputesTheSameIdentity(t *testing.T) {
	apiKey := harness.NewAPIKey(t)
	key, err := kes.ParseAPIKey(apiKey)
	must(t, err)
	if key.String() != apiKey {
		t.Errorf("the SDK prints %q for an API key that kes printed otherwise", key)
	}
	if ours := harness.IdentityOf(t, apiKey); key.Identity().String() != ours {
		t.Errorf("identity is %s for the SDK and %s for kes", key.Identity(), ours)
	}
}

func TestAPolicyAllowsAndDenies(t *testing.T) {
	user := harness.NewAPIKey(t)
	server := harness.Start(t, harness.Config{Policies: []harness.Policy{{
		Name:       "my-app",
		Allow:      []string{"/v1/key/create/my-*", "/v1/key/generate/my-*", "/v1/key/describe/exact"},
		Deny:       []string{"/v1/key/create/my-internal*", "/v1/key/*/my-secret"},
		Identities: []string{harness.IdentityOf(t, user)},
	}}})
	client := clientFor(t, server, user)
	ctx := deadline(t)

	must(t, client.CreateKey(ctx, "my-key"))
	_, err := client.GenerateKey(ctx, "my-key", nil)
	must(t, err)
	_, err = client.DescribeKey(ctx, "exact")
	mustBe(t, err, kes.ErrKeyNotFound)

	mustBe(t, client.CreateKey(ctx, "other"), kes.ErrNotAllowed)
	mustBe(t, client.CreateKey(ctx, "my-internal-x"), kes.ErrNotAllowed)
	mustBe(t, client.CreateKey(ctx, "my-secret"), kes.ErrNotAllowed) // Inner wildcards still deny.
	mustBe(t, client.DeleteKey(ctx, "my-key"), kes.ErrNotAllowed)
	_, err = client.Decrypt(ctx, "my-key", make([]byte, 76), nil)
	mustBe(t, err, kes.ErrNotAllowed)
	_, err = client.DescribeKey(ctx, "exact2")
	mustBe(t, err, kes.ErrNotAllowed)
	_, err = client.Status(ctx)
	mustBe(t, err, kes.ErrNotAllowed)
}

func TestAnUnknownIdentityMayDoNothing(t *testing.T) {
	server := harness.Start(t, harness.Config{})
	client := clientFor(t, server, harness.NewAPIKey(t))
	ctx := deadline(t)

	mustBe(t, client.CreateKey(ctx, "my-key"), kes.ErrNotAllowed)
	_, err := client.Status(ctx)
	mustBe(t, err, kes.ErrNotAllowed)
	_, _, err = client.DescribeSelf(ctx)
	mustBe(t, err, kes.ErrIdentityNotFound)
}

func TestEveryoneCanAskWhoTheyAre(t *testing.T) {
	user := harness.NewAPIKey(t)
	server := harness.Start(t, harness.Config{Policies: []harness.Policy{{
		Name: "minio", Allow: minioRules, Deny: []string{"/v1/key/create/root"},
		Identities: []string{harness.IdentityOf(t, user)},
	}}})
	ctx := deadline(t)

	info, _, err := clientFor(t, server, server.Admin).DescribeSelf(ctx)
	must(t, err)
	if !info.IsAdmin || info.Identity.String() != harness.IdentityOf(t, server.Admin) {
		t.Errorf("the administrator is %+v", info)
	}

	info, policy, err := clientFor(t, server, user).DescribeSelf(ctx)
	must(t, err)
	if info.IsAdmin || info.Policy != "minio" || info.Identity.String() != harness.IdentityOf(t, user) {
		t.Errorf("the user is %+v", info)
	}
	if len(policy.Allow) != len(minioRules) || len(policy.Deny) != 1 {
		t.Errorf("the user's policy is %+v", policy)
	}
}

func TestPoliciesAndIdentitiesAreDescribed(t *testing.T) {
	user := harness.IdentityOf(t, harness.NewAPIKey(t))
	server := harness.Start(t, harness.Config{Policies: []harness.Policy{{
		Name: "minio", Allow: minioRules, Identities: []string{user},
	}}})
	client := clientFor(t, server, server.Admin)
	ctx := deadline(t)

	identity, err := client.DescribeIdentity(ctx, kes.Identity(user))
	must(t, err)
	if identity.Policy != "minio" || identity.IsAdmin {
		t.Errorf("the identity is %+v", identity)
	}
	_, err = client.DescribeIdentity(ctx, "unknown")
	mustBe(t, err, kes.ErrIdentityNotFound)

	policy, err := client.GetPolicy(ctx, "minio")
	must(t, err)
	for _, rule := range minioRules {
		if _, ok := policy.Allow[rule]; !ok {
			t.Errorf("rule %q is missing in %+v", rule, policy)
		}
	}
	described, err := client.DescribePolicy(ctx, "minio")
	must(t, err)
	if described.Name != "minio" || described.CreatedAt.IsZero() {
		t.Errorf("the policy is %+v", described)
	}
	_, err = client.DescribePolicy(ctx, "unknown")
	mustBe(t, err, kes.ErrPolicyNotFound)
	_, err = client.GetPolicy(ctx, "unknown")
	mustBe(t, err, kes.ErrPolicyNotFound)
}

func TestEveryKindOfCertificateIsAnIdentity(t *testing.T) {
	certificates := map[string]harness.Certificate{
		"ed25519":         harness.SelfSigned(t, harness.Ed25519(t)),
		"ecdsa-p256":      harness.SelfSigned(t, harness.ECDSA(t, elliptic.P256())),
		"ecdsa-p384":      harness.SelfSigned(t, harness.ECDSA(t, elliptic.P384())),
		"rsa":             harness.SelfSigned(t, harness.RSA(t)),
		"expired":         harness.SelfSigned(t, harness.Ed25519(t), harness.Expired),
		"ca-flagged":      harness.SelfSigned(t, crypto.Signer(harness.ECDSA(t, elliptic.P256())), harness.CA),
		"expired-rsa-ca":  harness.SelfSigned(t, harness.RSA(t), harness.Expired, harness.CA),
		"signed-by-other": harness.SelfSigned(t, harness.Ed25519(t), harness.CA).Issue(t, harness.ECDSA(t, elliptic.P256())),
	}
	var policies []harness.Policy
	for name, certificate := range certificates {
		policies = append(policies, harness.Policy{
			Name: name, Allow: []string{"/v1/key/create/" + name}, Identities: []string{certificate.Identity()},
		})
	}
	server := harness.Start(t, harness.Config{Policies: policies})

	for name, certificate := range certificates {
		t.Run(name, func(t *testing.T) {
			ctx := deadline(t)
			client := kes.NewClientWithConfig(server.Endpoint, server.ClientTLS(certificate.TLS()))
			must(t, client.CreateKey(ctx, name))
			mustBe(t, client.CreateKey(ctx, "not-mine"), kes.ErrNotAllowed)
		})
	}
}

func TestAuditEventsArriveAsTheyHappen(t *testing.T) {
	server, client := startWithAdmin(t)
	ctx, cancel := context.WithCancel(deadline(t))
	defer cancel()

	events, err := client.AuditLog(ctx)
	must(t, err)
	must(t, client.CreateKey(ctx, "my-key"))
	for events.Next() {
		event := events.Event()
		if event.APIPath != "/v1/key/create/my-key" {
			continue
		}
		if event.StatusCode != 200 || event.ClientIdentity.String() != harness.IdentityOf(t, server.Admin) {
			t.Errorf("the event is %+v", event)
		}
		if event.ClientIP.String() != "127.0.0.1" {
			t.Errorf("the client's address is %s", event.ClientIP)
		}
		// Nanoseconds read as milliseconds, or the other way round, would be far outside.
		if event.ResponseTime < time.Microsecond || event.ResponseTime > time.Minute {
			t.Errorf("the response took %s", event.ResponseTime)
		}
		return
	}
	t.Fatalf("the stream ended without the event: %v", events.Close())
}

func TestErrorEventsArriveAsTheyHappen(t *testing.T) {
	server, client := startWithAdmin(t)
	ctx, cancel := context.WithCancel(deadline(t))
	defer cancel()
	server.Plant(t, "not a stored key", "damaged")

	events, err := client.ErrorLog(ctx)
	must(t, err)
	_, err = client.DescribeKey(ctx, "damaged")
	mustHaveStatus(t, err, 502, "failed to read key")
	if !events.Next() {
		t.Fatalf("the stream ended without an event: %v", events.Close())
	}
	if events.Message() == "" {
		t.Error("the event has no message")
	}
}
