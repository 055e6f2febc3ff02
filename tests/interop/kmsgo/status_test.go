package kmsgo

import (
	"bytes"
	"testing"
	"time"

	"github.com/minio/kms-go/kes"

	"interop/harness"
)

// storeLimit bounds the wait until the server notices that the key store went or came back: it looks every 10 s.
const storeLimit = 30 * time.Second

func TestStatusIsDecodedWhileTheStoreIsUp(t *testing.T) {
	_, client := startWithAdmin(t)
	ctx := deadline(t)

	state, err := client.Status(ctx)
	must(t, err)
	if !state.KeyStoreReachable || !state.KeystoreAvailable || state.KeyStoreLatency <= 0 {
		t.Errorf("the key store looks down: %+v", state)
	}
	if state.OS == "" || state.Arch == "" || state.CPUs < 1 || state.UsableCPUs < 1 {
		t.Errorf("the machine is not described: %+v", state)
	}
	if state.HeapAlloc == 0 || state.StackAlloc == 0 {
		t.Errorf("no memory is used: %+v", state)
	}
	version, err := client.Version(ctx)
	must(t, err)
	if version == "" || version != state.Version {
		t.Errorf("version is %q, in the status %q", version, state.Version)
	}
	ready, err := client.IsReady(ctx)
	must(t, err)
	if !ready {
		t.Error("the server is not ready")
	}
}

// MinIO shows an endpoint offline if, and only if, the SDK fails to read its status. So the SDK must fail while the key
// store is down, and the answer itself must say why.
func TestStatusIsAnErrorOfTheSDKWhileTheStoreIsDown(t *testing.T) {
	server, client := startWithAdmin(t)
	ctx := deadline(t)
	must(t, client.CreateKey(ctx, "cached"))
	must(t, client.CreateKey(ctx, "not-cached"))
	dek, err := client.GenerateKey(ctx, "cached", nil)
	must(t, err)

	bringBack := server.TakeStoreAway(t)
	harness.Eventually(t, storeLimit, "the SDK refuses the status", func() bool {
		_, err := client.Status(ctx)
		return err != nil
	})
	raw := harness.HTTP(server.ClientTLS(certificateOf(t, server.Admin)))
	harness.MustSend(t, raw, "GET", server.Endpoint+"/v1/status", nil).Expect(t, 200, `"keystore_unreachable":true`)
	if ready, err := client.IsReady(ctx); ready && err == nil {
		t.Error("the server says that it is ready without its key store")
	}

	plaintext, err := client.Decrypt(ctx, "cached", dek.Ciphertext, nil)
	must(t, err)
	if !bytes.Equal(plaintext, dek.Plaintext) {
		t.Error("a cached key opens something else while the store is down")
	}
	_, err = client.DescribeKey(ctx, "not-cached")
	mustHaveStatus(t, err, 502, "failed to read key")
	mustHaveStatus(t, client.CreateKey(ctx, "new"), 502, "failed to create key")

	bringBack()
	harness.Eventually(t, storeLimit, "the SDK reads the status again", func() bool {
		_, err := client.Status(ctx)
		return err == nil
	})
	_, err = client.DescribeKey(ctx, "not-cached")
	must(t, err)
	_, err = client.DescribeKey(ctx, "new")
	mustBe(t, err, kes.ErrKeyNotFound)
}

// The SDK gives up on metrics altogether if one family but the request counters has two samples.
func TestMetricsAreReadAfterAnswersOfEveryKind(t *testing.T) {
	stranger := harness.NewAPIKey(t)
	server, client := startWithAdmin(t)
	ctx := deadline(t)
	before, err := client.Metrics(ctx)
	must(t, err)

	must(t, client.CreateKey(ctx, "my-key"))                     // 200
	mustBe(t, client.CreateKey(ctx, "my-key"), kes.ErrKeyExists) // 400
	mustBe(t, client.DeleteKey(ctx, "none"), kes.ErrKeyNotFound) // 404
	_, err = clientFor(t, server, stranger).DescribeKey(ctx, "my-key")
	mustBe(t, err, kes.ErrNotAllowed) // 403
	server.Plant(t, "not a stored key", "damaged")
	_, err = client.DescribeKey(ctx, "damaged")
	mustHaveStatus(t, err, 502, "failed to read key")

	after, err := client.Metrics(ctx)
	must(t, err)
	if after.RequestOK < before.RequestOK+1 || after.RequestErr < before.RequestErr+3 || after.RequestFail < before.RequestFail+1 {
		t.Errorf("after one success, three errors and one failure the counters went from %d, %d, %d to %d, %d, %d",
			before.RequestOK, before.RequestErr, before.RequestFail, after.RequestOK, after.RequestErr, after.RequestFail)
	}
	if after.CPUs < 1 || after.Threads < 1 || after.HeapAlloc == 0 || after.UpTime < before.UpTime {
		t.Errorf("the system is not described: %+v", after)
	}
	if len(after.LatencyHistogram) == 0 {
		t.Error("no response times")
	}
}

func TestEveryRouteIsListed(t *testing.T) {
	_, client := startWithAdmin(t)

	apis, err := client.APIs(deadline(t))
	must(t, err)
	found := make(map[string]string)
	for _, api := range apis {
		found[api.Path] = api.Method
	}
	for path, method := range map[string]string{
		"/version": "GET", "/v1/ready": "GET", "/v1/status": "GET", "/v1/metrics": "GET", "/v1/api": "GET",
		"/v1/key/create/": "PUT", "/v1/key/import/": "PUT", "/v1/key/describe/": "GET", "/v1/key/list/": "GET",
		"/v1/key/delete/": "DELETE", "/v1/key/encrypt/": "PUT", "/v1/key/generate/": "PUT",
		"/v1/key/decrypt/": "PUT", "/v1/key/hmac/": "PUT", "/v1/policy/describe/": "GET", "/v1/policy/read/": "GET",
		"/v1/policy/list/": "GET", "/v1/identity/describe/": "GET", "/v1/identity/list/": "GET",
		"/v1/identity/self/describe": "GET", "/v1/log/error": "GET", "/v1/log/audit": "GET",
	} {
		if found[path] != method {
			t.Errorf("route %s has method %q, want %q", path, found[path], method)
		}
	}
}
