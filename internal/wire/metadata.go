package wire

// MetadataPrefix begins the keys of metadata in $SRV.INFO that are the library's own.
const MetadataPrefix = "typednats."

// The keys of an endpoint's metadata.
const (
	ContractKey = MetadataPrefix + "contract" // the digest of the contract document
	AcceptsKey  = MetadataPrefix + "accepts"  // the content types that are accepted, if that is not JSON alone
)
