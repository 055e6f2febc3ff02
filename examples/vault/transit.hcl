# In addition, for `transit: {engine: transit, key: kes}`.

# Without "create", with which Vault would make a new key in place of one that is gone.
path "transit/encrypt/kes" {
  capabilities = ["update"]
}

path "transit/decrypt/kes" {
  capabilities = ["update"]
}
