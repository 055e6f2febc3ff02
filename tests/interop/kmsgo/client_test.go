// Package kmsgo runs kms-go v0.3.1, the SDK inside MinIO since March 2024, against the `kes` binary.
package kmsgo

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/minio/kms-go/kes"

	"interop/harness"
)

// testLimit ends a test whose server does not answer.
const testLimit = 2 * time.Minute

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testLimit)
	t.Cleanup(cancel)
	return ctx
}

// clientFor is the SDK's client, logged in with an API key.
func clientFor(t *testing.T, server *harness.Server, apiKey string) *kes.Client {
	t.Helper()
	return kes.NewClientWithConfig(server.Endpoint, server.ClientTLS(certificateOf(t, apiKey)))
}

func certificateOf(t *testing.T, apiKey string) tls.Certificate {
	t.Helper()
	key, err := kes.ParseAPIKey(apiKey)
	if err != nil {
		t.Fatalf("the SDK does not read the API key that kes made: %v", err)
	}
	certificate, err := kes.GenerateCertificate(key)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// startWithAdmin starts a server without policies and logs in as its administrator.
func startWithAdmin(t *testing.T) (*harness.Server, *kes.Client) {
	t.Helper()
	server := harness.Start(t, harness.Config{})
	return server, clientFor(t, server, server.Admin)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mustBe checks that the SDK recognises an error as one of its own.
func mustBe(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("the SDK returns %v, which is not its %q", err, want)
	}
}

// mustHaveStatus checks an error for which the SDK has no name.
func mustHaveStatus(t *testing.T, err error, status int, part string) {
	t.Helper()
	var answer kes.Error
	if !errors.As(err, &answer) || answer.Status() != status || !strings.Contains(answer.Error(), part) {
		t.Fatalf("the SDK returns %v, not status %d with %q", err, status, part)
	}
}

func contains(values []string, wanted string) bool {
	for _, value := range values {
		if value == wanted {
			return true
		}
	}
	return false
}
