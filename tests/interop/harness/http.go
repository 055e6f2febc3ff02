package harness

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// requestLimit bounds a request of a test: longer than every route's own deadline.
const requestLimit = 60 * time.Second

// Answer is an HTTP response, read to its end.
type Answer struct {
	Status   int
	Protocol string // "HTTP/1.1" or "HTTP/2.0"
	Header   http.Header
	Body     string
	TLS      *tls.ConnectionState
}

// HTTP is a client with this TLS configuration that may use HTTP/2 and keeps no connection open.
func HTTP(config *tls.Config) *http.Client {
	return &http.Client{
		Timeout:   requestLimit,
		Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, DisableKeepAlives: true},
	}
}

// Send makes one request and reads the answer. A nil body announces that there is none.
func Send(client *http.Client, method, url string, body io.Reader) (Answer, error) {
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		return Answer{}, err
	}
	response, err := client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, err
	}
	return Answer{response.StatusCode, response.Proto, response.Header, string(text), response.TLS}, nil
}

// MustSend is Send for a request that must be answered.
func MustSend(t testing.TB, client *http.Client, method, url string, body io.Reader) Answer {
	t.Helper()
	answer, err := Send(client, method, url, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return answer
}

// Expect checks status and a part of the body.
func (a Answer) Expect(t testing.TB, status int, part string) {
	t.Helper()
	if a.Status != status || !strings.Contains(a.Body, part) {
		t.Fatalf("answer is %d %q, want %d with %q", a.Status, a.Body, status, part)
	}
}

// UnknownLength is a body whose length the HTTP library cannot know, so that it is sent chunked or, in HTTP/2, without
// a content-length.
func UnknownLength(text string) io.Reader { return struct{ io.Reader }{strings.NewReader(text)} }
