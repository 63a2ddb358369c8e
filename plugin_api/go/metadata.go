package cleat

// #include "bridge.h"
import "C"

// MetadataKey names a typed value of exchanges, handed from plugin to plugin and to access logs.
type MetadataKey struct{ key C.uint32_t }

// NewMetadataKey makes a key's number once, on the control thread: api_key.owner, the plugin's name first, [a-z0-9_.]{1,64}.
func NewMetadataKey(name string) (MetadataKey, error) {
	got := C.go_metadata_key(in(name), size(name))
	return MetadataKey{C.uint32_t(got.value)}, check(got.status)
}

// Metadata gives what is set under the key: a string, an int64 or a float64; nil if nothing is.
func (x *Exchange) Metadata(key MetadataKey) any {
	kind := C.go_metadata_type(x.handle, key.key)
	if kind.status != C.CLEAT_OK {
		return nil
	}
	switch kind.value {
	case C.CLEAT_METADATA_TEXT:
		if got := C.go_metadata_text(x.handle, key.key); got.status == C.CLEAT_OK {
			return out(got.value)
		}
	case C.CLEAT_METADATA_INTEGER:
		if got := C.go_metadata_integer(x.handle, key.key); got.status == C.CLEAT_OK {
			return int64(got.value)
		}
	case C.CLEAT_METADATA_NUMBER:
		if got := C.go_metadata_number(x.handle, key.key); got.status == C.CLEAT_OK {
			return float64(got.value)
		}
	}
	return nil
}

// SetMetadata sets a text; the last set wins. ErrLimit where the exchange's memory for texts, 64 KiB, is used up.
func (x *Exchange) SetMetadata(key MetadataKey, value string) error {
	return check(C.go_metadata_set_text(x.handle, key.key, in(value), size(value)))
}

// SetMetadataInteger sets an integer.
func (x *Exchange) SetMetadataInteger(key MetadataKey, value int64) error {
	return check(C.go_metadata_set_integer(x.handle, key.key, C.int64_t(value)))
}

// SetMetadataNumber sets a number.
func (x *Exchange) SetMetadataNumber(key MetadataKey, value float64) error {
	return check(C.go_metadata_set_number(x.handle, key.key, C.double(value)))
}
