# For `engine: kv`, `version: v1` and `prefix: kes`. Version 2 is better: see README.md.

# Without "update", so that no key can be overwritten: Vault then refuses most of what two servers could do to each other
# that create a key of the same name at the same time.
path "kv/kes/*" {
  capabilities = ["create", "read", "delete"]
}

path "kv/kes" {
  capabilities = ["list"]
}
