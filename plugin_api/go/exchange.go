package cleat

// #include "bridge.h"
import "C"

import (
	"runtime/cgo"
	"time"
)

// Field is one header or trailer field.
type Field struct{ Name, Value string }

// Reply is a reply made here instead of by an upstream. Content-Length, Date and Connection are the host's.
type Reply struct {
	Status  uint32 // 200 to 599
	Headers []Field
	Body    string // dropped for HEAD, 204 and 304
	Reason  string // a short token for the access log, such as api_key_missing; may be empty
}

func (r Reply) packed() packed {
	var list packed
	list.add(r.Body, r.Reason)
	list.fields(r.Headers)
	return list
}

// Exchange is one request and its response, inside a hook or a callback on its worker.
type Exchange struct{ handle C.cleat_exchange }

// ExchangeID names an exchange beyond the hook it was seen in: for Handle.Post. A late one is harmless.
type ExchangeID uint64

// ID is what names the exchange beyond this hook.
func (x *Exchange) ID() ExchangeID { return ExchangeID(x.handle) }

// Request is the list of the request's fields.
func (x *Exchange) Request() Fields { return Fields{x.handle, C.CLEAT_REQUEST} }

// Response is the list of the response's fields, empty before there is a response.
func (x *Exchange) Response() Fields { return Fields{x.handle, C.CLEAT_RESPONSE} }

// RequestTrailers is the list of the request's trailers.
func (x *Exchange) RequestTrailers() Fields { return Fields{x.handle, C.CLEAT_REQUEST_TRAILERS} }

// ResponseTrailers is the list of the response's trailers.
func (x *Exchange) ResponseTrailers() Fields { return Fields{x.handle, C.CLEAT_RESPONSE_TRAILERS} }

func (x *Exchange) field(field C.uint32_t) string {
	got := C.go_field_get(x.handle, field)
	if got.status != C.CLEAT_OK {
		return ""
	}
	return out(got.value)
}

// Method is the request's; it and the others of the request line are empty where not known.
func (x *Exchange) Method() string { return x.field(C.CLEAT_METHOD) }

// Scheme is http or https.
func (x *Exchange) Scheme() string { return x.field(C.CLEAT_SCHEME) }

// Authority is host[:port].
func (x *Exchange) Authority() string { return x.field(C.CLEAT_AUTHORITY) }

// Target is path[?query], normalised.
func (x *Exchange) Target() string { return x.field(C.CLEAT_TARGET) }

// Path is the target up to '?'.
func (x *Exchange) Path() string { return x.field(C.CLEAT_PATH) }

// Query is the target after '?'.
func (x *Exchange) Query() string { return x.field(C.CLEAT_QUERY) }

// SetMethod sets another method. After OnRoute this and the next two do not choose another route; see Reroute.
func (x *Exchange) SetMethod(value string) error {
	return check(C.go_field_set(x.handle, C.CLEAT_METHOD, in(value), size(value)))
}

// SetAuthority sets another authority.
func (x *Exchange) SetAuthority(value string) error {
	return check(C.go_field_set(x.handle, C.CLEAT_AUTHORITY, in(value), size(value)))
}

// SetTarget sets another target; the host normalises it.
func (x *Exchange) SetTarget(value string) error {
	return check(C.go_field_set(x.handle, C.CLEAT_TARGET, in(value), size(value)))
}

// Status is the response's status, 0 while there is none.
func (x *Exchange) Status() uint32 {
	got := C.go_status_get(x.handle)
	if got.status != C.CLEAT_OK {
		return 0
	}
	return uint32(got.value)
}

// SetStatus sets another status, 200 to 599: in OnResponse and OnReply.
func (x *Exchange) SetStatus(status uint32) error {
	return check(C.go_status_set(x.handle, C.uint32_t(status)))
}

// RequestBody is the request's body: to ask for it until OnRoute has returned, to work on the piece at hand in its hook.
func (x *Exchange) RequestBody() Body { return Body{x.handle, C.CLEAT_REQUEST} }

// ResponseBody is the response's body: to ask for it until OnResponse has returned, to work on the piece at hand in its hook.
func (x *Exchange) ResponseBody() Body { return Body{x.handle, C.CLEAT_RESPONSE} }

// KeepForReplay has the request's body kept, up to so many bytes, so that it can be sent again by Retry: in OnRequest, OnRoute.
func (x *Exchange) KeepForReplay(bytesMax uint64) error {
	return check(C.go_keep_for_replay(x.handle, C.uint64_t(bytesMax)))
}

// Reply stages a reply: return x.Reply(...). Where none is possible any more it answers Fail, with the reason.
func (x *Exchange) Reply(reply Reply) Verdict {
	list := reply.packed()
	if C.go_reply(x.handle, C.uint32_t(reply.Status), list.data(), list.size(), list.lengths(), C.uint64_t(len(reply.Headers))) != C.CLEAT_OK {
		return Failed(ErrorText())
	}
	return Replied
}

// Suspend gives the ticket of a hook that then answers Suspend.
func (x *Exchange) Suspend() (Ticket, error) { return suspend(x.handle) }

func suspend(subject C.uint64_t) (Ticket, error) {
	got := C.go_suspend(subject)
	return Ticket{got.value}, check(got.status)
}

// Reset cuts the exchange off without a reply once the hook has returned.
func (x *Exchange) Reset() error { return check(C.go_reset(x.handle)) }

// Reroute has the route chosen again, from the head as it is then, when the chain has run: in OnRoute, at most 4 times.
func (x *Exchange) Reroute() error { return check(C.go_reroute(x.handle)) }

// SetCluster sends the exchange to another cluster than the route's: in OnRoute.
func (x *Exchange) SetCluster(cluster string) error {
	return check(C.go_cluster_set(x.handle, in(cluster), size(cluster)))
}

// SetAttemptTimeout bounds this attempt, to the end of its response head; 0: none but the route's. In OnAttempt.
func (x *Exchange) SetAttemptTimeout(timeout time.Duration) error {
	return check(C.go_attempt_timeout(x.handle, milliseconds(timeout)))
}

// Shorten has the exchange end this long after its first byte, if it is not to end sooner; at least 1 ms. In OnRequest, OnRoute.
func (x *Exchange) Shorten(timeout time.Duration) error {
	return check(C.go_exchange_timeout(x.handle, milliseconds(timeout)))
}

// Retry drops this attempt's outcome and makes another after the delay, if it may be at an endpoint not tried yet. In OnAttemptEnd.
func (x *Exchange) Retry(delay time.Duration, otherEndpoint bool) error {
	var flags C.uint32_t
	if otherEndpoint {
		flags = C.CLEAT_RETRY_OTHER_ENDPOINT
	}
	return check(C.go_retry(x.handle, flags, milliseconds(delay)))
}

// Text is an attribute that is a text; false: not known (yet).
func (x *Exchange) Text(attribute TextAttribute) (string, bool) { return textOf(x.handle, attribute) }

// Integer is an attribute that is a number.
func (x *Exchange) Integer(attribute IntegerAttribute) (int64, bool) {
	return integerOf(x.handle, attribute)
}

// Route is what RouteCreate made for the chosen route, nil where the route says nothing. From OnRoute on.
func (x *Exchange) Route() any {
	got := C.go_route_config(x.handle)
	if got.status != C.CLEAT_OK {
		return nil
	}
	return cgo.Handle(got.value).Value()
}

func textOf(subject C.uint64_t, attribute TextAttribute) (string, bool) {
	got := C.go_attribute_text(subject, C.uint32_t(attribute))
	if got.status != C.CLEAT_OK {
		return "", false
	}
	return out(got.value), true
}

func integerOf(subject C.uint64_t, attribute IntegerAttribute) (int64, bool) {
	got := C.go_attribute_integer(subject, C.uint32_t(attribute))
	return int64(got.value), got.status == C.CLEAT_OK
}

func milliseconds(time time.Duration) C.uint64_t {
	if time < 0 {
		return 0
	}
	return C.uint64_t(time.Milliseconds())
}

// Connection is one downstream connection, inside a hook.
type Connection struct{ handle C.cleat_conn }

// ConnectionID names a connection beyond the hook it was seen in. A late one is harmless.
type ConnectionID uint64

// ID is what names the connection beyond this hook.
func (c *Connection) ID() ConnectionID { return ConnectionID(c.handle) }

// Text is an attribute that is a text, of those that connections have; false: not known (yet).
func (c *Connection) Text(attribute TextAttribute) (string, bool) { return textOf(c.handle, attribute) }

// Integer is an attribute that is a number.
func (c *Connection) Integer(attribute IntegerAttribute) (int64, bool) {
	return integerOf(c.handle, attribute)
}

// Suspend gives the ticket of a hook that then answers Suspend.
func (c *Connection) Suspend() (Ticket, error) { return suspend(c.handle) }

// How says how an attempt, or a call, ended.
type How uint32

// Ways for it to end.
const (
	Response       How = C.CLEAT_END_RESPONSE        // a final response head arrived
	ConnectFailed  How = C.CLEAT_END_CONNECT_FAILED  // refused, unreachable
	ConnectTimeout How = C.CLEAT_END_CONNECT_TIMEOUT // no connection within the cluster's connect_timeout
	Reset          How = C.CLEAT_END_RESET           // closed or reset before it was complete
	Timeout        How = C.CLEAT_END_TIMEOUT         // its own timeout
	Malformed      How = C.CLEAT_END_MALFORMED       // the reply broke the protocol
	NoEndpoint     How = C.CLEAT_END_NO_ENDPOINT     // no endpoint, or every one unhealthy
	Overflow       How = C.CLEAT_END_OVERFLOW        // the cluster's connection or pending bound
	Cancelled      How = C.CLEAT_CALL_CANCELLED      // of a call: it was cancelled, or its exchange ended
	TooLarge       How = C.CLEAT_CALL_TOO_LARGE      // of a call: the body was longer than BodyMax
)

// AttemptEnd is how an attempt ended.
type AttemptEnd struct {
	Attempt  uint32 // 1 for the first
	How      How
	Status   uint32 // the response's; 0 if there is none
	CanRetry bool   // Exchange.Retry would be accepted now
	Unsent   bool   // nothing of the request reached an endpoint
	Elapsed  time.Duration
}

func attemptEnd(end *C.cleat_attempt_end) AttemptEnd {
	return AttemptEnd{
		Attempt:  uint32(end.attempt),
		How:      How(end.how),
		Status:   uint32(end.status),
		CanRetry: end.flags&C.CLEAT_ATTEMPT_CAN_RETRY != 0,
		Unsent:   end.flags&C.CLEAT_ATTEMPT_UNSENT != 0,
		Elapsed:  time.Duration(end.elapsed_us) * time.Microsecond,
	}
}
