package cleat

// #include "bridge.h"
import "C"

// Body is a body, or in its hook the piece at hand; later plugins see what is changed, and the host frames it anew. Bodies pass by unseen
// unless a plugin asks, for each exchange and part.
type Body struct {
	x    C.cleat_exchange
	part C.cleat_part
}

// Stream asks for each piece as it passes. Suspend in the hook holds the stream back, and with it the sender.
func (b Body) Stream() error {
	return check(C.go_body_subscribe(b.x, b.part, C.CLEAT_BODY_STREAM, 0))
}

// Whole asks for all of it at once, up to so many bytes (0: the listener's bound). Over the bound: 413, or 502 for a response.
func (b Body) Whole(bytesMax uint64) error {
	return check(C.go_body_subscribe(b.x, b.part, C.CLEAT_BODY_WHOLE, C.uint64_t(bytesMax)))
}

// Unsubscribe lets it pass by unseen again.
func (b Body) Unsubscribe() error {
	return check(C.go_body_subscribe(b.x, b.part, C.CLEAT_BODY_NONE, 0))
}

// Data is the piece, in its hook; empty elsewhere.
func (b Body) Data() string {
	got := C.go_body_view(b.x, b.part)
	if got.status != C.CLEAT_OK {
		return ""
	}
	return out(got.value)
}

// Append puts data after the piece.
func (b Body) Append(data string) error {
	return check(C.go_body_append(b.x, b.part, in(data), size(data)))
}

// Prepend puts data before the piece.
func (b Body) Prepend(data string) error {
	return check(C.go_body_prepend(b.x, b.part, in(data), size(data)))
}

// Replace puts other data in place of the piece.
func (b Body) Replace(data string) error {
	return check(C.go_body_replace(b.x, b.part, in(data), size(data)))
}

// Drain takes so many bytes off the front; ErrInvalid if there are fewer.
func (b Body) Drain(bytes uint64) error {
	return check(C.go_body_drain(b.x, b.part, C.uint64_t(bytes)))
}
