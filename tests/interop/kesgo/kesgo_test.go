// Package kesgo runs kes-go v0.2.1, the SDK inside MinIO of February 2024, against the `kes` binary: the core of what
// package kmsgo checks with its successor, and the enclave header that only this release sends.
package kesgo

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/kes-go"

	"interop/harness"
)

// testLimit ends a test whose server does not answer.
const testLimit = 2 * time.Minute

func start(t *testing.T, config harness.Config) (*harness.Server, *kes.Client, context.Context) {
	t.Helper()
	server := harness.Start(t, config)
	ctx, cancel := context.WithTimeout(context.Background(), testLimit)
	t.Cleanup(cancel)
	return server, clientFor(t, server, server.Admin), ctx
}

func clientFor(t *testing.T, server *harness.Server, apiKey string) *kes.Client {
	t.Helper()
	key, err := kes.ParseAPIKey(apiKey)
	must(t, err)
	certificate, err := kes.GenerateCertificate(key)
	must(t, err)
	return kes.NewClientWithConfig(server.Endpoint, server.ClientTLS(certificate))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustBe(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("the SDK returns %v, which is not its %q", err, want)
	}
}

func TestKeysLiveAndDie(t *testing.T) {
	_, client, ctx := start(t, harness.Config{})

	must(t, client.CreateKey(ctx, "my-key"))
	mustBe(t, client.CreateKey(ctx, "my-key"), kes.ErrKeyExists)
	info, err := client.DescribeKey(ctx, "my-key")
	must(t, err)
	if info.Name != "my-key" || info.CreatedAt.IsZero() {
		t.Errorf("the key is %+v", info)
	}
	must(t, client.ImportKey(ctx, "imported", &kes.ImportKeyRequest{Key: make([]byte, 32), Cipher: kes.AES256}))
	names, token, err := client.ListKeys(ctx, "", 0)
	must(t, err)
	if want := []string{"imported", "my-key"}; token != "" || !slices.Equal(names, want) {
		t.Errorf("keys are %q, continued at %q", names, token)
	}

	must(t, client.DeleteKey(ctx, "my-key"))
	mustBe(t, client.DeleteKey(ctx, "my-key"), kes.ErrKeyNotFound)
	_, err = client.GenerateKey(ctx, "my-key", nil)
	mustBe(t, err, kes.ErrKeyNotFound)
}

func TestADataKeyOpensOnlyUnderItsContext(t *testing.T) {
	_, client, ctx := start(t, harness.Config{})
	must(t, client.CreateKey(ctx, "my-key"))

	dek, err := client.GenerateKey(ctx, "my-key", []byte("context"))
	must(t, err)
	plaintext, err := client.Decrypt(ctx, "my-key", dek.Ciphertext, []byte("context"))
	must(t, err)
	if len(dek.Plaintext) != 32 || !bytes.Equal(plaintext, dek.Plaintext) {
		t.Fatal("decrypt returns another data key than generate did")
	}
	_, err = client.Decrypt(ctx, "my-key", dek.Ciphertext, []byte("wrong"))
	mustBe(t, err, kes.ErrDecrypt)
	_, err = client.Decrypt(ctx, "missing", dek.Ciphertext, []byte("context"))
	mustBe(t, err, kes.ErrKeyNotFound)
}

func TestStatusVersionAndMetricsAreRead(t *testing.T) {
	_, client, ctx := start(t, harness.Config{})

	state, err := client.Status(ctx)
	must(t, err)
	if !state.KeyStoreReachable || !state.KeystoreAvailable {
		t.Errorf("the key store looks down: %+v", state)
	}
	version, err := client.Version(ctx)
	must(t, err)
	if version != state.Version {
		t.Errorf("version is %q, in the status %q", version, state.Version)
	}
	metrics, err := client.Metrics(ctx)
	must(t, err)
	if metrics.CPUs < 1 {
		t.Errorf("metrics are %+v", metrics)
	}
}

func TestAnIdentityWithoutRightsIsRefused(t *testing.T) {
	user := harness.NewAPIKey(t)
	server, _, ctx := start(t, harness.Config{Policies: []harness.Policy{{
		Name: "reader", Allow: []string{"/v1/key/list/*"}, Identities: []string{harness.IdentityOf(t, user)},
	}}})
	client := clientFor(t, server, user)

	mustBe(t, client.CreateKey(ctx, "my-key"), kes.ErrNotAllowed)
	info, policy, err := client.DescribeSelf(ctx)
	must(t, err)
	if info.Policy != "reader" || len(policy.Allow) != 1 {
		t.Errorf("the user is %+v with %+v", info, policy)
	}
}

// Servers without enclaves have always ignored which one a client names.
func TestTheEnclaveOfARequestIsIgnored(t *testing.T) {
	_, client, ctx := start(t, harness.Config{})

	must(t, client.Enclave("tenant-1").CreateKey(ctx, "my-key"))
	mustBe(t, client.Enclave("tenant-2").CreateKey(ctx, "my-key"), kes.ErrKeyExists)
	mustBe(t, client.CreateKey(ctx, "my-key"), kes.ErrKeyExists)
}

func TestStatefulOperationsAreUnknownRoutes(t *testing.T) {
	_, client, ctx := start(t, harness.Config{})

	var answer kes.Error
	err := client.CreateEnclave(ctx, "tenant-1")
	if !errors.As(err, &answer) || answer.Status() != 404 || !strings.Contains(answer.Error(), "404 page not found") {
		t.Errorf("creating an enclave returns %v", err)
	}
}
