package cleat

// #include "bridge.h"
import "C"

import (
	"math"
	"time"
)

// Kind says what a node of configuration is.
type Kind uint32

// Kinds of nodes.
const (
	Null   Kind = C.CLEAT_CONFIG_NULL   // absent, or empty in the file
	Scalar Kind = C.CLEAT_CONFIG_SCALAR // a text, number, boolean, duration or size
	List   Kind = C.CLEAT_CONFIG_LIST
	Map    Kind = C.CLEAT_CONFIG_MAP
)

// Config is a node of configuration, for the call it was given to. Every mistake is recorded by the host at its file:line:column and
// reading goes on with the fallback: the load is refused once that call has returned, with all mistakes at once. A key that was never
// asked for is refused as unknown: ask for every key you know, each time.
type Config struct{ node C.cleat_config }

// Member is a member of a list or map; Key is empty in a list.
type Member struct {
	Key   string
	Value Config
}

// Kind says what the node is.
func (c Config) Kind() Kind { return Kind(C.go_config_type(c.node)) }

// Get gives a map's value, a null node if it is absent, or (recorded) if this is not a map.
func (c Config) Get(key string) Config {
	if c.Kind() == Null {
		return Config{}
	}
	got := C.go_config_get(c.node, in(key), size(key))
	if got.status != C.CLEAT_OK {
		return Config{}
	}
	return Config{got.value}
}

// Required is Get; an absent one is recorded as an error.
func (c Config) Required(key string) Config {
	value := c.Get(key)
	if value.Kind() == Null {
		c.Error("\"" + key + "\" is required")
	}
	return value
}

// Members gives the members of a list or map, in the file's order.
func (c Config) Members() []Member {
	if c.Kind() == Null {
		return nil
	}
	count := C.go_config_count(c.node)
	if count.status != C.CLEAT_OK {
		return nil
	}
	var all []Member
	for i := C.uint64_t(0); i < count.value; i++ {
		if got := C.go_config_at(c.node, i); got.status == C.CLEAT_OK {
			all = append(all, Member{out(got.key), Config{got.value}})
		}
	}
	return all
}

// --- this node itself; false, and recorded, where it is out of form ---

func text(got C.go_text) (string, bool) {
	if got.status != C.CLEAT_OK {
		return "", false
	}
	return out(got.value), true
}

// AsText reads a scalar's text.
func (c Config) AsText() (string, bool) { return text(C.go_config_text(c.node)) }

// AsPath reads a path as the operator meant it: relative ones are relative to the configuration file.
func (c Config) AsPath() (string, bool) { return text(C.go_config_path(c.node)) }

// JSON gives the whole subtree as JSON text, for encoding/json; every key below counts as asked for.
func (c Config) JSON() (string, bool) { return text(C.go_config_json(c.node)) }

// AsInteger reads an integer within bounds.
func (c Config) AsInteger(least, most int64) (int64, bool) {
	got := C.go_config_integer(c.node, C.int64_t(least), C.int64_t(most))
	return int64(got.value), got.status == C.CLEAT_OK
}

// AsNumber reads a number.
func (c Config) AsNumber() (float64, bool) {
	got := C.go_config_number(c.node)
	return float64(got.value), got.status == C.CLEAT_OK
}

// AsBool reads true or false.
func (c Config) AsBool() (bool, bool) {
	got := C.go_config_boolean(c.node)
	return got.value != 0, got.status == C.CLEAT_OK
}

// AsDuration reads a duration: 250ms, 2s, 1m, 1h.
func (c Config) AsDuration() (time.Duration, bool) {
	got := C.go_config_duration(c.node)
	const most = C.uint64_t(math.MaxInt64 / time.Millisecond)
	if got.value > most {
		got.value = most
	}
	return time.Duration(got.value) * time.Millisecond, got.status == C.CLEAT_OK
}

// AsBytes reads a size in bytes: 512, 16KiB, 1MB.
func (c Config) AsBytes() (uint64, bool) {
	got := C.go_config_bytes(c.node)
	return uint64(got.value), got.status == C.CLEAT_OK
}

// --- a key's value, or the fallback where it is absent or (recorded) out of form ---

func or[T any](c Config, key string, fallback T, read func(value Config) (T, bool)) T {
	if value := c.Get(key); value.Kind() != Null {
		if found, ok := read(value); ok {
			return found
		}
	}
	return fallback
}

// Text is the text of a key.
func (c Config) Text(key, fallback string) string { return or(c, key, fallback, Config.AsText) }

// Integer is the integer of a key, within bounds.
func (c Config) Integer(key string, least, most, fallback int64) int64 {
	return or(c, key, fallback, func(value Config) (int64, bool) { return value.AsInteger(least, most) })
}

// Number is the number of a key.
func (c Config) Number(key string, fallback float64) float64 {
	return or(c, key, fallback, Config.AsNumber)
}

// Bool is the boolean of a key.
func (c Config) Bool(key string, fallback bool) bool { return or(c, key, fallback, Config.AsBool) }

// Duration is the duration of a key.
func (c Config) Duration(key string, fallback time.Duration) time.Duration {
	return or(c, key, fallback, Config.AsDuration)
}

// Bytes is the size of a key.
func (c Config) Bytes(key string, fallback uint64) uint64 {
	return or(c, key, fallback, Config.AsBytes)
}

// Error records an error at this node, in the plugin's words. Reading goes on; the load will be refused.
func (c Config) Error(words string) {
	if C.go_config_error(c.node, in(words), size(words)) != C.CLEAT_OK {
		setError(words)
	}
}
