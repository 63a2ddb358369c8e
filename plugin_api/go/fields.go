package cleat

// #include "bridge.h"
import "C"

// Fields is one list of fields of an exchange: request, response or their trailers. Names compare without regard to case (RFC 9110, 5.1).
// The host's own (Host, Connection, Transfer-Encoding, Content-Length) can be read, and not changed: ErrInvalid.
type Fields struct {
	x    C.cleat_exchange
	part C.cleat_part
}

// Get gives the first field of that name; empty if there is none.
func (f Fields) Get(name string) string {
	value, _ := f.Nth(name, 0)
	return value
}

// Has says whether there is a field of that name.
func (f Fields) Has(name string) bool {
	_, has := f.Nth(name, 0)
	return has
}

// Nth gives the index-th field of that name; 0 is the first.
func (f Fields) Nth(name string, index uint64) (string, bool) {
	got := C.go_header_get(f.x, f.part, in(name), size(name), C.uint64_t(index))
	if got.status != C.CLEAT_OK {
		return "", false
	}
	return out(got.value), true
}

// All gives every field, in order of arrival.
func (f Fields) All() []Field {
	count := C.go_header_count(f.x, f.part)
	if count.status != C.CLEAT_OK {
		return nil
	}
	all := make([]Field, 0, count.value)
	for i := C.uint64_t(0); i < count.value; i++ {
		if got := C.go_header_at(f.x, f.part, i); got.status == C.CLEAT_OK {
			all = append(all, Field{out(got.value.name), out(got.value.value)})
		}
	}
	return all
}

// Set replaces every field of that name by one. It refuses names and values that RFC 9110, 5.1 and 5.5, do not allow.
func (f Fields) Set(name, value string) error {
	return check(C.go_header_set(f.x, f.part, in(name), size(name), in(value), size(value)))
}

// Add adds one more field of that name.
func (f Fields) Add(name, value string) error {
	return check(C.go_header_add(f.x, f.part, in(name), size(name), in(value), size(value)))
}

// Remove removes every field of that name; ErrNotFound if there was none.
func (f Fields) Remove(name string) error {
	return check(C.go_header_remove(f.x, f.part, in(name), size(name)))
}
