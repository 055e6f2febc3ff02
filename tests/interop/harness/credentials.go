package harness

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// NewAPIKey has the `kes` binary make a new API key.
func NewAPIKey(t testing.TB) string {
	t.Helper()
	return strings.TrimSpace(Run(t, "identity"))
}

// IdentityOf has the `kes` binary compute the identity of an API key.
func IdentityOf(t testing.TB, apiKey string) string {
	t.Helper()
	return strings.TrimSpace(Run(t, "identity", "of", apiKey))
}

// Certificate is a client certificate and its private key, made by Go.
type Certificate struct {
	Leaf *x509.Certificate
	key  crypto.Signer
}

// CertificateOption changes the template of a certificate: by default one for clients, valid for an hour, not a CA.
type CertificateOption func(*x509.Certificate)

// Expired makes a certificate whose validity ended a day ago.
func Expired(template *x509.Certificate) {
	template.NotBefore = time.Now().Add(-48 * time.Hour)
	template.NotAfter = time.Now().Add(-24 * time.Hour)
}

// CA makes a certificate that is flagged as CA, as `openssl req -x509` does.
func CA(template *x509.Certificate) {
	template.IsCA = true
	template.KeyUsage |= x509.KeyUsageCertSign
	template.ExtKeyUsage = nil
}

// SelfSigned makes a certificate signed by its own key.
func SelfSigned(t testing.TB, key crypto.Signer, options ...CertificateOption) Certificate {
	t.Helper()
	return issue(t, nil, key, options)
}

// Issue makes a certificate for another key, signed by this one.
func (c Certificate) Issue(t testing.TB, key crypto.Signer, options ...CertificateOption) Certificate {
	t.Helper()
	return issue(t, &c, key, options)
}

func issue(t testing.TB, issuer *Certificate, key crypto.Signer, options []CertificateOption) Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "interop client " + serial.String()},
		NotBefore:             time.Now().Add(-time.Minute),
		NotAfter:              time.Now().Add(time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	for _, option := range options {
		option(template)
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.Leaf, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return Certificate{Leaf: leaf, key: key}
}

// Identity is the lower-case hex SHA-256 of the certificate's public key, as Go encodes it.
func (c Certificate) Identity() string {
	sum := sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// TLS is the certificate as a client sends it, followed by others.
func (c Certificate) TLS(others ...Certificate) tls.Certificate {
	chain := [][]byte{c.Leaf.Raw}
	for _, other := range others {
		chain = append(chain, other.Leaf.Raw)
	}
	return tls.Certificate{Certificate: chain, PrivateKey: c.key, Leaf: c.Leaf}
}

// WritePEM writes the certificate into a file of the test and returns its path.
func (c Certificate) WritePEM(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "certificate.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Leaf.Raw})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Ed25519 makes a private key.
func Ed25519(t testing.TB) crypto.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return made(t, key, err)
}

// ECDSA makes a private key on this curve.
func ECDSA(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	return made(t, key, err)
}

// RSA makes a private key of 2048 bits.
func RSA(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	return made(t, key, err)
}

func made(t testing.TB, key crypto.Signer, err error) crypto.Signer {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return key
}
