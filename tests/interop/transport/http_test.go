package transport

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"interop/harness"
)

const createPath, generatePath = "/v1/key/create/my-key", "/v1/key/generate/my-key"

// startWithKey starts a server that knows the key "my-key" and returns a client that may do everything.
func startWithKey(t *testing.T) (*harness.Server, *tls.Config) {
	t.Helper()
	certificate := harness.SelfSigned(t, harness.Ed25519(t))
	server := harness.Start(t, serverFor(certificate))
	config := server.ClientTLS(certificate.TLS())
	harness.MustSend(t, harness.HTTP(config), "PUT", server.Endpoint+createPath, nil).Expect(t, 200, "")
	return server, config
}

func TestBothVersionsOfHTTPTakeBodiesOfUnknownLength(t *testing.T) {
	server, both := startWithKey(t)
	for protocol, config := range protocols(both) {
		client := client(protocol, config)
		answer := harness.MustSend(t, client, "PUT", server.Endpoint+generatePath, harness.UnknownLength(`{"context":"Y3R4"}`))
		answer.Expect(t, 200, `"ciphertext"`)
		if answer.Protocol != protocol {
			t.Errorf("%s is answered with %s", protocol, answer.Protocol)
		}
	}
}

// What an official client sends after a failover is an empty body of unknown length. Taken as "no context" it would seal
// a data key that nobody can open again.
func TestAnEmptyBodyCountsAsAbsentOnlyIfItWasAnnounced(t *testing.T) {
	server, both := startWithKey(t)
	for protocol, config := range protocols(both) {
		client := client(protocol, config)
		harness.MustSend(t, client, "PUT", server.Endpoint+generatePath, nil).Expect(t, 200, `"ciphertext"`)
		for _, route := range []string{"generate", "encrypt", "decrypt", "hmac"} {
			answer := harness.MustSend(t, client, "PUT", server.Endpoint+"/v1/key/"+route+"/my-key", harness.UnknownLength(""))
			answer.Expect(t, 400, `{"message":"invalid request body"`)
		}
		harness.MustSend(t, client, "PUT", server.Endpoint+"/v1/key/import/new", harness.UnknownLength("")).
			Expect(t, 400, `{"message":"invalid import key request body"`)
	}
}

func TestHTTP11FramingOfAnEmptyBody(t *testing.T) {
	server, config := startWithKey(t)
	for framing, want := range map[string]int{
		"":                               200, // as `curl -X PUT` does
		"Content-Length: 0\r\n":          200,
		"Transfer-Encoding: chunked\r\n": 400,
		"transfer-encoding:  CHUNKED\r\nX: y\r\n": 400,
	} {
		body := ""
		if want == 400 {
			body = "0\r\n\r\n"
		}
		connection := dialHTTP11(t, server, config)
		answers := connection.send(t, "PUT "+generatePath+" HTTP/1.1\r\nHost: kes\r\n"+framing+"\r\n"+body, 1)
		if answers[0] != want {
			t.Errorf("framing %q is answered %d, want %d", framing, answers[0], want)
		}
	}
}

// The older server parsed what it had not read of such a body as the next request.
func TestABodyOnARouteWithoutOneIsNeverReadAsARequest(t *testing.T) {
	const readInAnyCase = 1000
	server, config := startWithKey(t)
	for _, size := range []int{1, readInAnyCase, 262_144, 300_000, 2_000_000} {
		connection := dialHTTP11(t, server, config)
		request := fmt.Sprintf("PUT /v1/key/create/new-%d HTTP/1.1\r\nHost: kes\r\nContent-Length: %d\r\n\r\n%s", size, size,
			strings.Repeat("x", size))
		answers := connection.send(t, request+"GET /version HTTP/1.1\r\nHost: kes\r\n\r\n", 2)
		// The server may close the connection after its first answer. Closed before all of a large body was read, it
		// may be reset, and then even that answer can get lost.
		if len(answers) == 0 && size <= readInAnyCase {
			t.Errorf("a body of %d bytes is not answered", size)
		}
		for _, status := range answers {
			if status != 200 {
				t.Errorf("a body of %d bytes and a second request are answered %v", size, answers)
			}
		}
	}
}

func TestRequestsMayNameAnEnclaveAndUnknownMembers(t *testing.T) {
	server, config := startWithKey(t)
	client := harness.HTTP(config)

	harness.MustSend(t, client, "POST", server.Endpoint+generatePath+"?enclave=tenant-1",
		strings.NewReader(`{"version":7,"unknown":[{}],"context":""}`)).Expect(t, 200, `"plaintext"`)
}

func TestListingWithoutTheFinalSlashMeansEverything(t *testing.T) {
	server, config := startWithKey(t)
	client := harness.HTTP(config)
	for _, path := range []string{"/v1/key/list", "/v1/key/list/", "/v1/key/list/*", "/v1/key/list/%2A", "/v1/key/list/my%2A"} {
		harness.MustSend(t, client, "GET", server.Endpoint+path, nil).Expect(t, 200, `{"names":["my-key"]}`)
	}
}

// protocols are client configurations that speak one version of HTTP each.
func protocols(config *tls.Config) map[string]*tls.Config {
	one, two := config.Clone(), config.Clone()
	one.NextProtos, two.NextProtos = []string{"http/1.1"}, []string{"h2"}
	return map[string]*tls.Config{"HTTP/1.1": one, "HTTP/2.0": two}
}

func client(protocol string, config *tls.Config) *http.Client {
	if protocol == "HTTP/2.0" {
		return harness.HTTP(config)
	}
	client := harness.HTTP(config)
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = false
	return client
}

// http11 is a connection over which a test writes the bytes of its requests itself.
type http11 struct{ net.Conn }

func dialHTTP11(t *testing.T, server *harness.Server, config *tls.Config) http11 {
	t.Helper()
	config = config.Clone()
	config.ServerName, config.NextProtos = "127.0.0.1", []string{"http/1.1"}
	connection, err := tls.DialWithDialer(&net.Dialer{Timeout: connectionLimit}, "tcp", server.Address, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(connectionLimit)); err != nil {
		t.Fatal(err)
	}
	return http11{connection}
}

// send writes these bytes and returns the status of each answer, of at most as many as are expected. They are fewer if
// the server closes the connection.
func (c http11) send(t *testing.T, requests string, expected int) []int {
	t.Helper()
	// The server may answer and close before it has read everything: then writing fails, and the answer still counts.
	go func() { _, _ = io.WriteString(c, requests) }()
	reader := bufio.NewReader(c)
	var answers []int
	for len(answers) < expected {
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				t.Fatalf("after answers %v the server says nothing", answers)
			}
			break
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		answers = append(answers, response.StatusCode)
	}
	return answers
}
