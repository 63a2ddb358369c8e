package cleat

// #include "bridge.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// Status says why a call of the host failed: nothing was changed by it. ErrorText has the host's words.
type Status int32

// What calls of the host answer where they fail.
const (
	ErrStale       Status = C.CLEAT_STALE        // the handle's object is gone, or the ticket was used: harmless
	ErrInvalid     Status = C.CLEAT_INVALID      // an argument is out of its domain
	ErrNotFound    Status = C.CLEAT_NOT_FOUND    // no such header, key, value
	ErrTooSmall    Status = C.CLEAT_TOO_SMALL    // an output's capacity is short
	ErrLimit       Status = C.CLEAT_LIMIT        // a bound would be exceeded
	ErrWrongPhase  Status = C.CLEAT_WRONG_PHASE  // not possible at this point of the exchange
	ErrWrongThread Status = C.CLEAT_WRONG_THREAD // not on this thread: a goroutine other than the hook's
	ErrUnsupported Status = C.CLEAT_UNSUPPORTED  // this host, or this object, cannot
	ErrFailed      Status = C.CLEAT_FAILED       // anything else: the host's words say what
)

// Error is the status in words.
func (s Status) Error() string {
	switch s {
	case ErrStale:
		return "stale"
	case ErrInvalid:
		return "invalid"
	case ErrNotFound:
		return "not found"
	case ErrTooSmall:
		return "too small"
	case ErrLimit:
		return "over a limit"
	case ErrWrongPhase:
		return "not possible at this point"
	case ErrWrongThread:
		return "not on this thread"
	case ErrUnsupported:
		return "not supported"
	case ErrFailed:
		return "failed"
	}
	return fmt.Sprintf("status %d", int32(s))
}

func check(status C.cleat_status) error {
	if status == C.CLEAT_OK {
		return nil
	}
	return Status(status)
}

// Verdict is what a hook answers.
type Verdict uint32

// The five verdicts; all may be given by every hook that has one.
const (
	Continue    Verdict = C.CLEAT_CONTINUE    // go on with the next plugin, then the next stage
	Replied     Verdict = C.CLEAT_REPLIED     // Exchange.Reply was called, which gives this. Of a connection: close it
	Suspend     Verdict = C.CLEAT_SUSPEND     // Suspend was called: nothing moves until the ticket is resumed, or suspend_timeout has passed
	Fail        Verdict = C.CLEAT_FAIL        // could not decide: the instance's on_failure applies
	Unsubscribe Verdict = C.CLEAT_UNSUBSCRIBE // continue, and call none of this instance's hooks for this exchange again
)

// Failed is Fail with its reason: return cleat.Failed("no such key").
func Failed(reason string) Verdict {
	setError(reason)
	return Fail
}

func setError(text string) { C.go_set_error(in(text), size(text)) }

// ErrorText gives the host's words on this thread's last failed call, cut at 512 bytes; to be asked in the hook that made the call.
func ErrorText() string {
	var buffer [512]byte
	var needed C.uint64_t
	if C.go_error_text((*C.char)(unsafe.Pointer(&buffer[0])), C.uint64_t(len(buffer)), &needed) == C.CLEAT_UNSUPPORTED {
		return ""
	}
	if needed > C.uint64_t(len(buffer)) {
		needed = C.uint64_t(len(buffer))
	}
	return string(buffer[:needed])
}

// Worker gives the running worker's number, less than Create.Workers; false on any other thread.
func Worker() (uint32, bool) {
	got := C.go_worker_index()
	return uint32(got.value), got.status == C.CLEAT_OK
}

// in is where a text's bytes are: the host copies them before the call returns.
func in(text string) *C.char { return *(**C.char)(unsafe.Pointer(&text)) }

func size(text string) C.uint64_t { return C.uint64_t(len(text)) }

// out copies a view of the host's: it dies with the hook, and the copy does not.
func out(view C.cleat_str) string { return C.GoStringN(view.data, C.int(view.size)) }

// packed is texts for the host, one after the other, with their sizes.
type packed struct {
	bytes []byte
	sizes []uint64
}

func (p *packed) add(texts ...string) {
	for _, text := range texts {
		p.bytes = append(p.bytes, text...)
		p.sizes = append(p.sizes, uint64(len(text)))
	}
}

func (p *packed) fields(fields []Field) {
	for _, field := range fields {
		p.add(field.Name, field.Value)
	}
}

func (p *packed) data() *C.char {
	if len(p.bytes) == 0 {
		return nil
	}
	return (*C.char)(unsafe.Pointer(&p.bytes[0]))
}

func (p *packed) size() C.uint64_t { return C.uint64_t(len(p.bytes)) }

func (p *packed) lengths() *C.uint64_t {
	if len(p.sizes) == 0 {
		return nil
	}
	return (*C.uint64_t)(unsafe.Pointer(&p.sizes[0]))
}
