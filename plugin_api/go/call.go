package cleat

// #include "bridge.h"
import "C"

import (
	"runtime/cgo"
	"strings"
	"time"
	"unsafe"
)

// Call is a request of the plugin's own to a cluster: through its pools, balancing, health, connections and bounds.
type Call struct {
	Cluster    string        // of the configuration
	Method     string        // empty: GET. Not CONNECT
	Target     string        // path[?query], sent as it stands; empty: /
	Authority  string        // host[:port]; empty: the endpoint's address
	Headers    []Field       // none of those that frame the message
	Body       string        // at most 1 MiB; empty with StreamBody
	StreamBody bool          // the body comes through CallHandle.Write and Finish instead, chunked
	Timeout    time.Duration // from the start to the response's end; 0: 5 s
	BodyMax    uint64        // most of a response's body that is kept, at most 16 MiB; 0: 64 KiB. Not of a streamed one
}

// Answer is what became of a call.
type Answer struct {
	OK       bool // a whole response came; if not, How and Reason say why
	How      How
	Status   uint32  // the response's; 0 where none came whole
	Headers  []Field // of a streamed one they and the body were told before
	Body     string
	Trailers []Field
	Reason   string
}

// Header gives the first field of that name, in any case; empty if there is none.
func (a *Answer) Header(name string) string { return header(a.Headers, name) }

func header(fields []Field, name string) string {
	for _, field := range fields {
		if strings.EqualFold(field.Name, name) {
			return field.Value
		}
	}
	return ""
}

// CallKind says what a streamed call tells.
type CallKind uint32

// Kinds of what streamed calls tell.
const (
	CallHead     CallKind = C.CLEAT_CALL_HEAD     // the response's head, once, before its body: Status, Headers
	CallData     CallKind = C.CLEAT_CALL_DATA     // a piece of the response's body: Data
	CallWritable CallKind = C.CLEAT_CALL_WRITABLE // CallHandle.Write takes more again, after it had taken less than it was given
	CallEnd      CallKind = C.CLEAT_CALL_DONE     // the last, exactly once: Answer, with trailers; if it is not OK what was told is not whole
)

// CallEvent is what comes of a streamed call.
type CallEvent struct {
	Kind    CallKind
	Status  uint32
	Headers []Field
	Data    string
	Answer  *Answer // of CallEnd
}

// Header gives the first field of that name, in any case; empty if there is none.
func (e *CallEvent) Header(name string) string { return header(e.Headers, name) }

// CallHandle is a call that is under way, on its worker. A value: copies are the same call. ErrStale once it has ended.
type CallHandle struct{ handle C.cleat_call }

// Write gives more of the request's body, of a call with StreamBody: how many bytes were taken, from the front. The call holds 64 KiB that the
// endpoint does not take yet. Where fewer were taken, go on at CallWritable.
func (c CallHandle) Write(data string) (int, error) {
	got := C.go_call_write(c.handle, in(data), size(data))
	return int(got.value), check(got.status)
}

// Finish ends the request's body, with trailers or none.
func (c CallHandle) Finish(trailers ...Field) error {
	var list packed
	list.fields(trailers)
	return check(C.go_call_finish(c.handle, list.data(), list.size(), list.lengths(), C.uint64_t(len(trailers))))
}

// Pause with true has no more of a streamed response told for now, with false it goes on. What is under way already may still come.
func (c CallHandle) Pause(on bool) error {
	var flag C.uint32_t
	if on {
		flag = 1
	}
	return check(C.go_call_pause(c.handle, flag))
}

// Cancel has its end follow, once this has returned: Cancelled.
func (c CallHandle) Cancel() error { return check(C.go_call_cancel(c.handle)) }

// Call starts a call on behalf of an exchange, on its worker. answered is called exactly once, when the call is done, has failed or was
// cancelled; of one whose exchange has ended the exchange is stale, and what is asked of it fails. ErrNotFound: no such cluster.
//
//	ticket, _ := x.Suspend()
//	h.Call(x, cleat.Call{Cluster: "auth", Target: "/check"}, func(x *cleat.Exchange, answer *cleat.Answer) {
//		ticket.Resume(cleat.Continue)
//	})
//	return cleat.Suspend
func (h Handle) Call(x *Exchange, call Call, answered func(x *Exchange, answer *Answer)) (CallHandle, error) {
	return h.start(x.handle, call, 0, answered)
}

// CallWorker is the same on the instance's own account, on the worker it is started on. From WorkerStart on.
func (h Handle) CallWorker(call Call, answered func(answer *Answer)) (CallHandle, error) {
	return h.start(h.instance, call, 0, answered)
}

// CallStream starts a call whose response is told piece by piece, and not kept: told is called for each event, the last of which is CallEnd.
// A panic in it is a line of the log and cancels the call; nothing more is told then. Otherwise as Call.
//
//	h.CallStream(x, cleat.Call{Cluster: "files", Target: "/list"}, func(x *cleat.Exchange, call cleat.CallHandle, event *cleat.CallEvent) {
//		switch event.Kind {
//		case cleat.CallData:
//			bytes += len(event.Data)
//		case cleat.CallEnd:
//			ticket.Resume(cleat.Continue)
//		}
//	})
func (h Handle) CallStream(x *Exchange, call Call, told func(x *Exchange, call CallHandle, event *CallEvent)) (CallHandle, error) {
	return h.start(x.handle, call, C.CLEAT_CALL_STREAM, &streamed{told: told})
}

// CallWorkerStream is the same on the instance's own account, on the worker it is started on. From WorkerStart on.
func (h Handle) CallWorkerStream(call Call, told func(call CallHandle, event *CallEvent)) (CallHandle, error) {
	return h.start(h.instance, call, C.CLEAT_CALL_STREAM, &streamed{told: told})
}

// streamed is what a streamed call was started with.
type streamed struct {
	told any
	over bool // it panicked: its state may be broken
}

func (h Handle) start(owner C.uint64_t, call Call, flags C.uint32_t, answered any) (CallHandle, error) {
	if call.StreamBody {
		flags |= C.CLEAT_CALL_STREAM_BODY
	}
	if call.Timeout == 0 {
		call.Timeout = 5 * time.Second
	}
	if call.Target == "" {
		call.Target = "/"
	}
	var list packed
	list.add(call.Cluster, call.Method, call.Target, call.Authority, call.Body)
	list.fields(call.Headers)
	var handle CallHandle
	err := own(answered, func(user C.uintptr_t) error {
		got := C.go_call_start(h.instance, owner, flags, list.data(), list.size(), list.lengths(), C.uint64_t(len(call.Headers)),
			milliseconds(call.Timeout), C.uint64_t(call.BodyMax), user)
		handle.handle = got.value
		return check(got.status)
	})
	return handle, err
}

func fieldsOf(headers *C.cleat_header, count C.uint64_t) []Field {
	if count == 0 {
		return nil
	}
	all := make([]Field, 0, count)
	for _, one := range unsafe.Slice(headers, int(count)) {
		all = append(all, Field{out(one.name), out(one.value)})
	}
	return all
}

func answerOf(event *C.cleat_call_event) *Answer {
	answer := &Answer{
		OK:       event.kind == C.CLEAT_CALL_DONE,
		How:      How(event.how),
		Headers:  fieldsOf(event.headers, event.header_count),
		Body:     out(event.body),
		Trailers: fieldsOf(event.trailers, event.trailer_count),
		Reason:   out(event.reason),
	}
	if answer.OK {
		answer.Status = uint32(event.status)
	}
	return answer
}

//export cleatGoCall
func cleatGoCall(handle C.uintptr_t, owner C.uint64_t, event *C.cleat_call_event, user C.uintptr_t) {
	answered := take(user)
	defer silenced(instanceOf(handle).self)
	answer := answerOf(event)
	switch run := answered.(type) {
	case func(x *Exchange, answer *Answer):
		run(&Exchange{owner}, answer)
	case func(answer *Answer):
		run(answer)
	}
}

//export cleatGoStream
func cleatGoStream(handle C.uintptr_t, call C.cleat_call, owner C.uint64_t, event *C.cleat_call_event, user C.uintptr_t) {
	stream := cgo.Handle(user).Value().(*streamed)
	told := &CallEvent{Kind: CallKind(event.kind)}
	switch event.kind {
	case C.CLEAT_CALL_HEAD:
		told.Status, told.Headers = uint32(event.status), fieldsOf(event.headers, event.header_count)
	case C.CLEAT_CALL_DATA:
		told.Data = out(event.body)
	case C.CLEAT_CALL_WRITABLE:
	case C.CLEAT_CALL_DONE, C.CLEAT_CALL_FAILED:
		cgo.Handle(user).Delete()
		told.Kind, told.Answer = CallEnd, answerOf(event)
	default:
		return
	}
	if stream.over {
		return
	}
	stream.over = true // if it does not return
	defer func() {
		if stream.over {
			CallHandle{call}.Cancel()
		}
	}()
	defer silenced(instanceOf(handle).self)
	switch run := stream.told.(type) {
	case func(x *Exchange, call CallHandle, event *CallEvent):
		run(&Exchange{owner}, CallHandle{call}, told)
	case func(call CallHandle, event *CallEvent):
		run(CallHandle{call}, told)
	}
	stream.over = false
}
