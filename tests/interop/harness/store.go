package harness

import (
	"os"
	"path/filepath"
	"testing"
)

// Stored entries as earlier releases left them behind. Both hold the secret key 000102…1f.
const (
	// StoredWithHMAC is a key of the current format with the HMAC key 202122…3f.
	StoredWithHMAC = "CiQKIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fEAESJAogICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6" +
		"Ozw9Pj8QARoMCPDtyLEGEPm+nfgCIkBlYTk4MjYwODkzMTFmZTQ0ZDc1OTA0MDhlZGU5MTUwZjdjNjM3YjZjYWIwYTkxZWU2ZmUxYWE1ZDlmYjM2NmY2"

	// StoredLegacy is a key of the JSON format, which has no HMAC key.
	StoredLegacy = `{"bytes":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}`
)

// Plant puts entries into the key store behind the server's back, as another server that shares the store would.
func (s *Server) Plant(t testing.TB, value string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(s.StoreDir, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TakeStoreAway moves the store's directory, as a lost mount does, and returns what brings it back.
func (s *Server) TakeStoreAway(t testing.TB) (bringBack func()) {
	t.Helper()
	elsewhere := s.StoreDir + ".away"
	if err := os.Rename(s.StoreDir, elsewhere); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := os.Rename(elsewhere, s.StoreDir); err != nil {
			t.Fatal(err)
		}
	}
}
