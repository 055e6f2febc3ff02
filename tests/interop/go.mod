module interop

go 1.24

// The releases that MinIO ships: kes-go v0.2.1 from 2024-02-14, kms-go v0.3.1 from 2025-01-18 on.
require (
	github.com/minio/kes-go v0.2.1
	github.com/minio/kms-go/kes v0.3.1
)

require (
	aead.dev/mem v0.2.0 // indirect
	github.com/prometheus/client_model v0.6.0 // indirect
	github.com/prometheus/common v0.51.1 // indirect
	google.golang.org/protobuf v1.33.0 // indirect
)
