package harness

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Config is what a test wants to be different from the default configuration: loopback address, an administrator, a
// file key store, client certificates required but not verified.
type Config struct {
	Policies   []Policy
	VerifyWith string   // a file with client CAs: sets tls.ca
	Auth       string   // tls.auth, "off" if empty
	SkipAuth   []string // routes that need no client certificate
}

// Policy gives identities the right to call routes.
type Policy struct {
	Name       string
	Allow      []string
	Deny       []string
	Identities []string
}

// render is the YAML text of the configuration. Go's quoted strings are YAML's double-quoted ones for all that occurs
// here: paths, identities and rules in ASCII.
func (c Config) render(dir, address, admin string) string {
	var yaml strings.Builder
	line := func(format string, values ...any) { fmt.Fprintf(&yaml, format+"\n", values...) }

	line("version: v1")
	line("address: %q", address)
	line("admin:")
	line("  identity: %q", admin)
	line("tls:")
	line("  key: %q", filepath.Join(dir, "server.key"))
	line("  cert: %q", filepath.Join(dir, "server.crt"))
	if c.Auth != "" {
		line("  auth: %q", c.Auth)
	}
	if c.VerifyWith != "" {
		line("  ca: %q", c.VerifyWith)
	}
	if len(c.SkipAuth) > 0 {
		line("api:")
		for _, route := range c.SkipAuth {
			line("  %q:", route)
			line("    skip_auth: true")
		}
	}
	if len(c.Policies) > 0 {
		line("policy:")
		for _, policy := range c.Policies {
			line("  %q:", policy.Name)
			line("    allow: %s", list(policy.Allow))
			line("    deny: %s", list(policy.Deny))
			line("    identities: %s", list(policy.Identities))
		}
	}
	line("keystore:")
	line("  fs:")
	line("    path: %q", filepath.Join(dir, "keys"))
	return yaml.String()
}

func list(values []string) string {
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = fmt.Sprintf("%q", value)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
