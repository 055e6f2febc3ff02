package kmsgo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/minio/kms-go/kes"

	"interop/harness"
)

func TestKeysAreListedByPrefix(t *testing.T) {
	_, client := startWithAdmin(t)
	ctx := deadline(t)
	if names := listAll(t, ctx, client.ListKeys, ""); len(names) != 0 {
		t.Fatalf("an empty store lists %q", names)
	}
	for _, name := range []string{"team-b", "team-a", "other"} {
		must(t, client.CreateKey(ctx, name))
	}

	for prefix, want := range map[string][]string{
		"":       {"other", "team-a", "team-b"},
		"*":      {"other", "team-a", "team-b"},
		"team":   {"team-a", "team-b"},
		"team-":  {"team-a", "team-b"},
		"team-*": {"team-a", "team-b"},
		"team-b": {"team-b"},
		"x":      {},
	} {
		if names := listAll(t, ctx, client.ListKeys, prefix); !slices.Equal(names, want) {
			t.Errorf("prefix %q lists %q, want %q", prefix, names, want)
		}
	}
}

// MinIO reads one page only.
func TestFifteenHundredKeysAreOneAnswer(t *testing.T) {
	server, client := startWithAdmin(t)
	want := numbered("key-%04d", 1500)
	server.Plant(t, harness.StoredWithHMAC, want...)

	names, token, err := client.ListKeys(deadline(t), "", 0)
	must(t, err)
	if token != "" || !slices.Equal(names, want) {
		t.Fatalf("%d names, then continue at %q; want all %d at once", len(names), token, len(want))
	}
}

// 15,000 names of 80 bytes do not fit the 1 MiB that clients read: the listing needs a second page, of which the older
// server lost most.
func TestALongListingLosesNothingBetweenItsPages(t *testing.T) {
	reader := harness.NewAPIKey(t)
	server := harness.Start(t, harness.Config{Policies: []harness.Policy{{
		Name: "reader", Allow: []string{"/v1/key/list/team-*"}, Identities: []string{harness.IdentityOf(t, reader)},
	}}})
	want := numbered("team-%075d", 15_000)
	server.Plant(t, harness.StoredWithHMAC, want...)
	ctx := deadline(t)

	for who, apiKey := range map[string]string{"administrator": server.Admin, "reader": reader} {
		client := clientFor(t, server, apiKey)
		first, token, err := client.ListKeys(ctx, "team-", 0)
		must(t, err)
		if token == "" {
			t.Fatalf("%s: %d names without a token for the rest", who, len(first))
		}
		second, end, err := client.ListKeys(ctx, token, 0)
		must(t, err)
		if end != "" {
			t.Fatalf("%s: a third page is announced at %q", who, end)
		}
		if all := slices.Concat(first, second); !slices.Equal(all, want) {
			t.Fatalf("%s: pages of %d and %d names, want %d in order", who, len(first), len(second), len(want))
		}
		if names := iterate(t, ctx, client.ListKeys, "team-"); !slices.Equal(names, want) {
			t.Fatalf("%s: the SDK's iterator yields %d names, want %d", who, len(names), len(want))
		}
	}

	_, _, err := clientFor(t, server, reader).ListKeys(ctx, "", 0)
	mustBe(t, err, kes.ErrNotAllowed)
}

func TestPoliciesAndIdentitiesAreListed(t *testing.T) {
	user := harness.IdentityOf(t, harness.NewAPIKey(t))
	server := harness.Start(t, harness.Config{Policies: []harness.Policy{
		{Name: "app-one", Identities: []string{user}}, {Name: "app-two"}, {Name: "monitoring"},
	}})
	client := clientFor(t, server, server.Admin)
	ctx := deadline(t)

	policies := listAll(t, ctx, client.ListPolicies, "")
	if want := []string{"app-one", "app-two", "monitoring"}; !slices.Equal(policies, want) {
		t.Errorf("policies are %q, want %q", policies, want)
	}
	policies = listAll(t, ctx, client.ListPolicies, "app-*")
	if want := []string{"app-one", "app-two"}; !slices.Equal(policies, want) {
		t.Errorf("policies with a prefix are %q, want %q", policies, want)
	}

	identities := listAll(t, ctx, client.ListIdentities, "")
	want := []kes.Identity{kes.Identity(user), kes.Identity(harness.IdentityOf(t, server.Admin))}
	slices.Sort(want)
	if !slices.Equal(identities, want) {
		t.Errorf("identities are %q, want %q", identities, want)
	}
}

type pages[T any] func(ctx context.Context, prefix string, n int) ([]T, string, error)

// listAll expects that one page holds everything.
func listAll[T any](t *testing.T, ctx context.Context, list pages[T], prefix string) []T {
	t.Helper()
	items, token, err := list(ctx, prefix, 0)
	if err != nil {
		t.Fatalf("listing %q: %v", prefix, err)
	}
	if token != "" {
		t.Fatalf("listing %q: continues at %q", prefix, token)
	}
	return items
}

// iterate goes through all pages as the SDK's own iterator does.
func iterate[T any](t *testing.T, ctx context.Context, list pages[T], prefix string) []T {
	t.Helper()
	iterator := kes.ListIter[T]{NextFunc: list}
	var items []T
	item, err := iterator.SeekTo(ctx, prefix)
	for ; err == nil; item, err = iterator.Next(ctx) {
		items = append(items, item)
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return items
}

// numbered makes names that sort as their numbers do.
func numbered(format string, count int) []string {
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf(format, i)
	}
	return names
}
