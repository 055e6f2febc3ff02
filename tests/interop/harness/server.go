// Package harness starts the real `kes` binary for tests: it makes the certificates, writes the configuration, waits
// until the server says that it is up, and stops it again, checking that it ends well.
//
// It uses nothing but the standard library, so that the tests of each SDK release can share it.
package harness

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// startLimit bounds the wait for the server's "up and running" line. A debug build needs well below a second.
	startLimit = 60 * time.Second

	// stopLimit bounds the wait after SIGTERM: the default grace period of 5 s and as much again.
	stopLimit = 10 * time.Second

	upLine       = "=> Server is up and running"
	reloadedLine = "=> Reloading configuration after SIGHUP signal completed"
)

// Server is a running `kes server` on the loopback interface with a file key store of its own.
type Server struct {
	Endpoint string         // "https://127.0.0.1:PORT"
	Address  string         // "127.0.0.1:PORT"
	StoreDir string         // where the file key store keeps its entries
	Roots    *x509.CertPool // trusts the server's certificate
	Admin    string         // API key of the administrator

	dir     string
	config  Config
	process *exec.Cmd
	lines   chan string // standard output, line by line; closed when the server has ended
	stderr  lockedBuffer
}

// Binary is the path of the `kes` binary, from the environment variable KES_BINARY.
func Binary(t testing.TB) string {
	t.Helper()
	path := os.Getenv("KES_BINARY")
	if !filepath.IsAbs(path) {
		t.Fatalf("KES_BINARY is %q: set it to the absolute path of the kes binary, or run scripts/test", path)
	}
	return path
}

// Start runs a server with this configuration. It is stopped when the test ends.
func Start(t testing.TB, config Config) *Server {
	t.Helper()
	s := &Server{dir: t.TempDir(), Admin: NewAPIKey(t), config: config}
	s.StoreDir = filepath.Join(s.dir, "keys")
	if err := os.Mkdir(s.StoreDir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.makeServerCertificate(t)

	// The port was free a moment ago, but another process may take it before our server does: then try another one.
	const attempts = 5
	for attempt := 1; ; attempt++ {
		s.Address = freeAddress(t)
		s.Endpoint = "https://" + s.Address
		s.writeConfig(t)
		err := s.launch(t)
		if err == nil {
			break
		}
		if attempt == attempts || !strings.Contains(strings.ToLower(err.Error()), "address already in use") {
			t.Fatalf("the server did not start: %v", err)
		}
	}
	t.Cleanup(func() { s.stop(t) })
	return s
}

// Reload changes the configuration, sends SIGHUP and waits until the server says that it uses the new one.
func (s *Server) Reload(t testing.TB, config Config) {
	t.Helper()
	s.config = config
	s.writeConfig(t)
	if err := s.process.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := s.waitFor(reloadedLine); err != nil {
		t.Fatalf("the server did not reload: %v", err)
	}
}

// ClientTLS is a client configuration that trusts the server and offers these certificates.
func (s *Server) ClientTLS(certificates ...tls.Certificate) *tls.Config {
	return &tls.Config{RootCAs: s.Roots, Certificates: certificates}
}

func (s *Server) makeServerCertificate(t testing.TB) {
	t.Helper()
	key, cert := filepath.Join(s.dir, "server.key"), filepath.Join(s.dir, "server.crt")
	Run(t, "identity", "new", "--key", key, "--cert", cert, "--ip", "127.0.0.1", "--dns", "localhost")
	pem, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	s.Roots = x509.NewCertPool()
	if !s.Roots.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate that Go can read", cert)
	}
}

func (s *Server) writeConfig(t testing.TB) {
	t.Helper()
	text := s.config.render(s.dir, s.Address, IdentityOf(t, s.Admin))
	if err := os.WriteFile(s.configPath(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) configPath() string { return filepath.Join(s.dir, "config.yaml") }

func (s *Server) launch(t testing.TB) error {
	t.Helper()
	s.process = exec.Command(Binary(t), "server", "--config", s.configPath())
	s.process.Stderr = &s.stderr
	stdout, err := s.process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.process.Start(); err != nil {
		return err
	}
	// Read to the end, or the server would block on a full pipe.
	lines := make(chan string, 4096)
	s.lines = lines
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			select {
			case lines <- scanner.Text():
			default: // Nobody waits for so many lines.
			}
		}
	}()
	if err := s.waitFor(upLine); err != nil {
		_ = s.process.Process.Kill() // It may have ended by itself.
		_ = s.process.Wait()
		return fmt.Errorf("%w\n%s", err, s.stderr.String())
	}
	return nil
}

// waitFor reads standard output up to a line that begins with this text.
func (s *Server) waitFor(beginning string) error {
	deadline := time.After(startLimit)
	for {
		select {
		case line, open := <-s.lines:
			if !open {
				return fmt.Errorf("the server ended before it printed %q", beginning)
			}
			if strings.HasPrefix(line, beginning) {
				return nil
			}
		case <-deadline:
			return fmt.Errorf("no line %q within %s", beginning, startLimit)
		}
	}
}

// stop ends the server with SIGTERM. That it ends in time, with status 0, is a check of every test.
func (s *Server) stop(t testing.TB) {
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("the server was not running any more: %v", err)
	}
	ended := make(chan error, 1)
	go func() {
		for range s.lines { // Wait must not be called before the pipe has been read.
		}
		ended <- s.process.Wait()
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the server did not end with status 0 after SIGTERM: %v", err)
		}
	case <-time.After(stopLimit):
		t.Errorf("the server still ran %s after SIGTERM", stopLimit)
		_ = s.process.Process.Kill()
		<-ended
	}
	if t.Failed() {
		t.Logf("standard error of the server:\n%s", s.stderr.String())
	}
}

// Run executes a `kes` command that must succeed and returns its standard output.
func Run(t testing.TB, arguments ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	output, err := exec.CommandContext(ctx, Binary(t), arguments...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("kes %s: %v\n%s", strings.Join(arguments, " "), err, exit.Stderr)
		}
		t.Fatalf("kes %s: %v", strings.Join(arguments, " "), err)
	}
	return string(output)
}

// DeadAddress is a loopback address on which nothing listens.
func DeadAddress(t testing.TB) string { return freeAddress(t) }

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// Eventually repeats a check until it holds or the limit is over. Between two tries it waits a little: what it waits
// for happens in another process, which cannot wake it.
func Eventually(t testing.TB, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// lockedBuffer collects what a process writes while a test may read it.
type lockedBuffer struct {
	mutex sync.Mutex
	bytes bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.bytes.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.bytes.String()
}
