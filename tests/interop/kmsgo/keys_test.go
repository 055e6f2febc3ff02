package kmsgo

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"sync"
	"testing"
	"time"

	"github.com/minio/kms-go/kes"

	"interop/harness"
)

// The secret key of the planted entries (harness.StoredWithHMAC, harness.StoredLegacy).
var plantedKey = decodeHex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")

func TestAKeyIsCreatedOnce(t *testing.T) {
	_, client := startWithAdmin(t)
	ctx := deadline(t)

	must(t, client.CreateKey(ctx, "my-key"))
	mustBe(t, client.CreateKey(ctx, "my-key"), kes.ErrKeyExists)
}

func TestADataKeyOpensOnlyUnderItsContext(t *testing.T) {
	_, client := startWithAdmin(t)
	ctx := deadline(t)
	must(t, client.CreateKey(ctx, "my-key"))
	must(t, client.CreateKey(ctx, "other"))

	for _, context := range [][]byte{nil, []byte(`{"bucket":"bucket/object"}`)} {
		dek, err := client.GenerateKey(ctx, "my-key", context)
		must(t, err)
		if len(dek.Plaintext) != 32 || len(dek.Ciphertext) != 76 {
			t.Fatalf("data key of %d bytes, sealed %d, want 32 and 76", len(dek.Plaintext), len(dek.Ciphertext))
		}
		plaintext, err := client.Decrypt(ctx, "my-key", dek.Ciphertext, context)
		must(t, err)
		if !bytes.Equal(plaintext, dek.Plaintext) {
			t.Fatal("decrypt returns another data key than generate did")
		}

		_, err = client.Decrypt(ctx, "my-key", dek.Ciphertext, []byte("wrong context"))
		mustBe(t, err, kes.ErrDecrypt)
		_, err = client.Decrypt(ctx, "other", dek.Ciphertext, context)
		mustBe(t, err, kes.ErrDecrypt)
		_, err = client.Decrypt(ctx, "my-key", dek.Ciphertext[1:], context)
		mustBe(t, err, kes.ErrDecrypt)
	}
}

func TestTextIsEncryptedAndDecrypted(t *testing.T) {
	_, client := startWithAdmin(t)
	ctx := deadline(t)
	must(t, client.CreateKey(ctx, "my-key"))

	const largest = 700_000 // In base64 just below the limit of 1,000,000 bytes per request.
	for _, plaintext := range [][]byte{nil, []byte("Hello KES"), bytes.Repeat([]byte{7}, largest)} {
		ciphertext, err := client.Encrypt(ctx, "my-key", plaintext, []byte("context"))
		must(t, err)
		opened, err := client.Decrypt(ctx, "my-key", ciphertext, []byte("context"))
		must(t, err)
		if !bytes.Equal(opened, plaintext) {
			t.Fatalf("a text of %d bytes came back changed", len(plaintext))
		}
	}
}

func TestAMissingKeyIsRecognised(t *testing.T) {
	_, client := startWithAdmin(t)
	ctx := deadline(t)

	_, err := client.GenerateKey(ctx, "missing", nil)
	mustBe(t, err, kes.ErrKeyNotFound)
	_, err = client.Encrypt(ctx, "missing", []byte("text"), nil)
	mustBe(t, err, kes.ErrKeyNotFound)
	_, err = client.Decrypt(ctx, "missing", make([]byte, 76), nil)
	mustBe(t, err, kes.ErrKeyNotFound)
	_, err = client.HMAC(ctx, "missing", []byte("message"))
	mustBe(t, err, kes.ErrKeyNotFound)
	_, err = client.DescribeKey(ctx, "missing")
	mustBe(t, err, kes.ErrKeyNotFound)
	mustBe(t, client.DeleteKey(ctx, "missing"), kes.ErrKeyNotFound)
}

func TestAKeyIsDescribed(t *testing.T) {
	server, client := startWithAdmin(t)
	ctx := deadline(t)
	before := time.Now().Add(-time.Second)
	must(t, client.CreateKey(ctx, "my-key"))

	info, err := client.DescribeKey(ctx, "my-key")
	must(t, err)
	if info.Name != "my-key" {
		t.Errorf("name is %q", info.Name)
	}
	if info.CreatedBy.String() != harness.IdentityOf(t, server.Admin) {
		t.Errorf("created by %q, not by the administrator", info.CreatedBy)
	}
	if info.CreatedAt.Before(before) || info.CreatedAt.After(time.Now().Add(time.Second)) {
		t.Errorf("created at %s, which is not now", info.CreatedAt)
	}
}

func TestADeletedKeyIsGone(t *testing.T) {
	_, client := startWithAdmin(t)
	ctx := deadline(t)
	must(t, client.CreateKey(ctx, "my-key"))
	_, err := client.GenerateKey(ctx, "my-key", nil) // Now it is in the server's cache.
	must(t, err)

	must(t, client.DeleteKey(ctx, "my-key"))
	_, err = client.GenerateKey(ctx, "my-key", nil)
	mustBe(t, err, kes.ErrKeyNotFound)
	mustBe(t, client.DeleteKey(ctx, "my-key"), kes.ErrKeyNotFound)
}

func TestAnImportedKeyOpensWhatItSealedElsewhere(t *testing.T) {
	_, client := startWithAdmin(t)
	ctx := deadline(t)

	// Both ciphertexts hold "Hello KES" under the context "my-context".
	for name, sealed := range map[string]struct {
		algorithm  kes.KeyAlgorithm
		ciphertext string
	}{
		"aes":    {kes.AES256, "/H1RafmUShX+6WEz94F5FuMPMHYbLC8GaKChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5urs="},
		"chacha": {kes.ChaCha20, "gw/4swX7tMuVzjHisnRMzdp9ukcAYsWD4KChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5urs="},
	} {
		request := &kes.ImportKeyRequest{Key: plantedKey, Cipher: sealed.algorithm}
		must(t, client.ImportKey(ctx, name, request))
		mustBe(t, client.ImportKey(ctx, name, request), kes.ErrKeyExists)

		plaintext, err := client.Decrypt(ctx, name, decodeBase64(sealed.ciphertext), []byte("my-context"))
		must(t, err)
		if string(plaintext) != "Hello KES" {
			t.Errorf("%s: plaintext is %q", name, plaintext)
		}
		info, err := client.DescribeKey(ctx, name)
		must(t, err)
		if info.Algorithm != sealed.algorithm {
			t.Errorf("%s: algorithm is %s", name, info.Algorithm)
		}
	}

	err := client.ImportKey(ctx, "short", &kes.ImportKeyRequest{Key: plantedKey[1:], Cipher: kes.AES256})
	mustHaveStatus(t, err, 406, "invalid key size for 'AES256'")
}

func TestAnHMACIsTheSameForTheSameMessage(t *testing.T) {
	server, client := startWithAdmin(t)
	ctx := deadline(t)
	server.Plant(t, harness.StoredWithHMAC, "planted")

	sum, err := client.HMAC(ctx, "planted", []byte("Hello KES"))
	must(t, err)
	if want := decodeHex("a4cc4b29a9d8c5a3ef8c736b9dd775731c7ed95edf21277bf4bc73e1af31b9f1"); !bytes.Equal(sum, want) {
		t.Fatalf("HMAC is %x, want %x", sum, want)
	}

	must(t, client.CreateKey(ctx, "fresh"))
	first, err := client.HMAC(ctx, "fresh", []byte("root access key"))
	must(t, err)
	again, err := client.HMAC(ctx, "fresh", []byte("root access key"))
	must(t, err)
	other, err := client.HMAC(ctx, "fresh", []byte("root secret key"))
	must(t, err)
	if len(first) != 32 || !bytes.Equal(first, again) || bytes.Equal(first, other) {
		t.Fatalf("HMACs %x and %x of one message, %x of another", first, again, other)
	}
}

// MinIO goes on without derived root credentials for 501 and exits for any other failure.
func TestAKeyWithoutHMACKeyIsAnswered501(t *testing.T) {
	server, client := startWithAdmin(t)
	server.Plant(t, harness.StoredLegacy, "legacy")

	_, err := client.HMAC(deadline(t), "legacy", []byte("root access key"))
	mustHaveStatus(t, err, 501, "key does not support HMAC")
}

func TestAnImpossibleNameIsRefused(t *testing.T) {
	_, client := startWithAdmin(t)
	ctx := deadline(t)

	for _, name := range []string{"-a", "_", "my.key", "a b", "my-key--v2-"} {
		mustHaveStatus(t, client.CreateKey(ctx, name), 400, "is empty, too long or contains invalid characters")
	}
}

// MinIO decrypts every IAM object at once when it starts, and stays without users if one of them is refused.
func TestABurstOfDecryptsIsAnsweredCompletely(t *testing.T) {
	_, client := startWithAdmin(t)
	ctx := deadline(t)
	must(t, client.CreateKey(ctx, "my-key"))
	dek, err := client.GenerateKey(ctx, "my-key", nil)
	must(t, err)

	const burst = 2000
	errors := make([]error, burst)
	var all sync.WaitGroup
	for i := range errors {
		all.Add(1)
		go func() {
			defer all.Done()
			_, errors[i] = client.Decrypt(ctx, "my-key", dek.Ciphertext, nil)
		}()
	}
	all.Wait()
	for _, err := range errors {
		must(t, err)
	}
}

func decodeHex(text string) []byte {
	bytes, err := hex.DecodeString(text)
	if err != nil {
		panic(err) // A constant of this file.
	}
	return bytes
}

func decodeBase64(text string) []byte {
	bytes, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err) // A constant of this file.
	}
	return bytes
}
