package cleat

// #include "bridge.h"
import "C"

import (
	"strings"
	"time"
	"unsafe"
)

// Call is a request of the plugin's own to a cluster: through its pools, balancing, health, connections and bounds.
type Call struct {
	Cluster   string        // of the configuration
	Method    string        // empty: GET. Not CONNECT
	Target    string        // path[?query], sent as it stands; empty: /
	Authority string        // host[:port]; empty: the endpoint's address
	Headers   []Field       // none of those that frame the message
	Body      string        // at most 1 MiB
	Timeout   time.Duration // from the start to the response's end; 0: 5 s
	BodyMax   uint64        // most of a response's body that is kept, at most 16 MiB; 0: 64 KiB
}

// Answer is what became of a call.
type Answer struct {
	OK       bool // a whole response came; if not, How and Reason say why
	How      How
	Status   uint32 // the response's; 0 where none came whole
	Headers  []Field
	Body     string
	Trailers []Field
	Reason   string
}

// Header gives the first field of that name, in any case; empty if there is none.
func (a *Answer) Header(name string) string {
	for _, field := range a.Headers {
		if strings.EqualFold(field.Name, name) {
			return field.Value
		}
	}
	return ""
}

// CallHandle is a call that is under way, to cancel it; on its worker.
type CallHandle struct{ handle C.cleat_call }

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
	return h.start(x.handle, call, answered)
}

// CallWorker is the same on the instance's own account, on the worker it is started on. From WorkerStart on.
func (h Handle) CallWorker(call Call, answered func(answer *Answer)) (CallHandle, error) {
	return h.start(h.instance, call, answered)
}

func (h Handle) start(owner C.uint64_t, call Call, answered any) (CallHandle, error) {
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
		got := C.go_call_start(h.instance, owner, list.data(), list.size(), list.lengths(), C.uint64_t(len(call.Headers)),
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

//export cleatGoCall
func cleatGoCall(handle C.uintptr_t, owner C.uint64_t, event *C.cleat_call_event, user C.uintptr_t) {
	answered := take(user)
	defer silenced(instanceOf(handle).self)
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
	switch run := answered.(type) {
	case func(x *Exchange, answer *Answer):
		run(&Exchange{owner}, answer)
	case func(answer *Answer):
		run(answer)
	}
}
