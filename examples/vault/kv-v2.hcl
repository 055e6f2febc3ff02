# For `engine: kv`, `version: v2` and `prefix: kes`.

# Without "update": the first version of an entry is the key, and no other one is ever written.
path "kv/data/kes/*" {
  capabilities = ["create", "read"]
}

# Deletes an entry for good, with all its versions.
path "kv/metadata/kes/*" {
  capabilities = ["delete"]
}

path "kv/metadata/kes" {
  capabilities = ["list"]
}
