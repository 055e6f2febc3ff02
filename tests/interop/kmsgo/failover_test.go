package kmsgo

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/minio/kms-go/kes"

	"interop/harness"
)

// failingEndpoint is a server that reads every request to its end and answers 500.
func failingEndpoint(t *testing.T, server *harness.Server) (endpoint string, requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	failing := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		http.Error(w, "broken on purpose", http.StatusInternalServerError)
	}))
	failing.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	failing.EnableHTTP2 = true
	failing.StartTLS()
	t.Cleanup(failing.Close)
	server.Roots.AddCert(failing.Certificate())
	return failing.URL, requests
}

func clientOf(t *testing.T, server *harness.Server, endpoints ...string) *kes.Client {
	t.Helper()
	client := clientFor(t, server, server.Admin)
	client.Endpoints = endpoints
	return client
}

// After an endpoint has read the body and failed, this SDK sends the next one an empty body of unknown length. Read as
// "no context", it would yield a data key that nobody can open again under the context that MinIO will ask for.
func TestADataKeyIsNeverSealedWithoutItsContextAfterAFailover(t *testing.T) {
	server := harness.Start(t, harness.Config{})
	failing, requests := failingEndpoint(t, server)
	ctx := deadline(t)
	must(t, clientFor(t, server, server.Admin).CreateKey(ctx, "my-key"))
	context := []byte(`{"bucket":"bucket/object"}`)

	client := clientOf(t, server, failing, server.Endpoint)
	// The SDK may begin with either endpoint. One that failed is parked for 30 s, so each client meets it once.
	for tries := 0; requests.Load() == 0; tries++ {
		const enough = 100 // Odds of 1 in 2^100 never to meet the failing one.
		if tries == enough {
			t.Fatal("the SDK never asked the failing endpoint")
		}
		client = clientOf(t, server, failing, server.Endpoint)
		dek, err := client.GenerateKey(ctx, "my-key", context)
		if err != nil {
			mustHaveStatus(t, err, 400, "invalid request body")
			continue
		}
		_, err = client.Decrypt(ctx, "my-key", dek.Ciphertext, context)
		must(t, err)
	}

	// A 400 must not have parked the good endpoint.
	dek, err := client.GenerateKey(ctx, "my-key", context)
	must(t, err)
	_, err = client.Decrypt(ctx, "my-key", dek.Ciphertext, context)
	must(t, err)
}

func TestADeadEndpointIsPassedOver(t *testing.T) {
	server := harness.Start(t, harness.Config{})
	ctx := deadline(t)

	client := clientOf(t, server, "https://"+harness.DeadAddress(t), server.Endpoint)
	must(t, client.CreateKey(ctx, "my-key"))
	mustBe(t, client.CreateKey(ctx, "my-key"), kes.ErrKeyExists)
}

func TestADeadEndpointAloneIsAConnectionError(t *testing.T) {
	server := harness.Start(t, harness.Config{})

	client := clientOf(t, server, "https://"+harness.DeadAddress(t))
	err := client.CreateKey(deadline(t), "my-key")
	var answer kes.Error
	if err == nil || errors.As(err, &answer) {
		t.Fatalf("without a server the SDK returns %v", err)
	}
}
