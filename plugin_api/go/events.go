package cleat

// #include "bridge.h"
import "C"

// Subscribe has OnEvent told, from now on and until the instance ends, of a name, or with ".*" after it of every name below it: 1 to 128 of
// A-Z a-z 0-9 _ - and dots. On the control thread: when the instance is made. The host's own begin with "cleat.", and ext/events.h has them.
// ErrLimit over 64 of an instance.
func (h Handle) Subscribe(pattern string) error {
	return check(C.go_events_subscribe(h.instance, in(pattern), size(pattern)))
}

// Publish tells all who subscribed to the name, this plugin too, once it has returned; from any goroutine. At most 4,096 bytes of data.
// ErrInvalid for the host's names; ErrLimit: 4,096 events wait already, and this one is lost.
func (h Handle) Publish(name, data string) error {
	return check(C.go_events_publish(h.instance, in(name), size(name), in(data), size(data)))
}
