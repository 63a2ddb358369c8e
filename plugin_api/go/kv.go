package cleat

// #include "bridge.h"
import "C"

import (
	"time"
	"unsafe"
)

const keyBytesMax = 512 // of the host

// Kv is a space of state that workers share, kept over generations: keys and values of any bytes, in the memory of this process. Any goroutine
// may use it. It lives as long as an instance that has opened it, and is found as it was by the next generation's; ErrStale once it is gone.
//
// Keys are 1 to 512 bytes: ErrInvalid. Values are at most 64 KiB, and what is in a full space lives on: ErrLimit.
type Kv struct{ space C.uint64_t }

// KvValue is what is kept under a key.
type KvValue struct {
	Text    string
	Version uint64 // names this state of this key: it changes with every change, and none comes twice in a space
}

// OpenKv gives the space of that name, 1 to 64 of A-Z a-z 0-9 _ . -, of instances of this name, made if there is none. bytesMax: of all
// entries, each counted with 96 more, 1 KiB to 1 GiB. ErrLimit: 16 of this instance, or 1,024 in all.
func (c *Create) OpenKv(name string, bytesMax uint64) (Kv, error) { return c.open(name, 0, bytesMax) }

// OpenPluginKv is the same, shared by all instances of this plugin.
func (c *Create) OpenPluginKv(name string, bytesMax uint64) (Kv, error) {
	return c.open(name, C.CLEAT_KV_PLUGIN, bytesMax)
}

func (c *Create) open(name string, flags C.uint32_t, bytesMax uint64) (Kv, error) {
	got := C.go_kv_open(c.self, in(name), size(name), flags, C.uint64_t(bytesMax))
	return Kv{got.value}, check(got.status)
}

// ttlMs: 0 is for ever, so what is shorter than a millisecond is one.
func ttlMs(ttl time.Duration) C.uint64_t {
	if ttl > 0 && ttl < time.Millisecond {
		return 1
	}
	return milliseconds(ttl)
}

// Get gives what is kept under the key; ErrNotFound: nothing is.
func (k Kv) Get(key string) (KvValue, error) {
	buffer := make([]byte, 256)
	for {
		got := C.go_kv_get(k.space, in(key), size(key), (*C.char)(unsafe.Pointer(&buffer[0])), C.uint64_t(len(buffer)))
		if got.status == C.CLEAT_OK {
			return KvValue{string(buffer[:got.size]), uint64(got.version)}, nil
		}
		if got.status != C.CLEAT_TOO_SMALL {
			return KvValue{}, check(got.status)
		}
		buffer = make([]byte, got.size) // it may have grown again by the next call
	}
}

// Set keeps a value for ttl, 0: for ever. It gives what its version is then.
func (k Kv) Set(key, value string, ttl time.Duration) (uint64, error) {
	got := C.go_kv_set(k.space, in(key), size(key), in(value), size(value), ttlMs(ttl))
	return uint64(got.value), check(got.status)
}

// SetIf is the same if the key's version is expected, 0: if there is no such key. ErrStale: it is another, and nothing is changed.
func (k Kv) SetIf(key, value string, expected uint64, ttl time.Duration) (uint64, error) {
	got := C.go_kv_set_if(k.space, in(key), size(key), in(value), size(value), ttlMs(ttl), C.uint64_t(expected))
	return uint64(got.value), check(got.status)
}

// Remove removes a key, if its version is expected, 0: whatever it is. ErrNotFound, ErrStale as in SetIf.
func (k Kv) Remove(key string, expected uint64) error {
	return check(C.go_kv_remove(k.space, in(key), size(key), C.uint64_t(expected)))
}

// Add adds to a decimal integer, in one step, and gives what it is then. One that is not there is 0, and lives for ttl; else its time stays as
// it is. ErrInvalid where the value is no such number, or would leave 64 bits.
func (k Kv) Add(key string, amount int64, ttl time.Duration) (int64, error) {
	got := C.go_kv_add(k.space, in(key), size(key), C.int64_t(amount), ttlMs(ttl))
	return int64(got.value), check(got.status)
}

// Next gives the first key behind after, in the order of bytes, that begins with prefix; both may be empty. ErrNotFound at the end. A walk that
// others change meanwhile sees each key that stays.
func (k Kv) Next(prefix, after string) (string, error) {
	var key [keyBytesMax]byte
	got := C.go_kv_next(k.space, in(prefix), size(prefix), in(after), size(after), (*C.char)(unsafe.Pointer(&key[0])), keyBytesMax)
	if got.status != C.CLEAT_OK {
		return "", check(got.status)
	}
	return string(key[:got.value]), nil
}
