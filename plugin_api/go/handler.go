package cleat

// #include "bridge.h"
import "C"

// ResponseWriter is the answer of a plugin that is the route's handler, as it is made: from OnHandle on, in any hook or callback on the
// exchange's worker. ErrWrongPhase where this instance is not the handler, and after the answer's end.
type ResponseWriter struct{ x C.cleat_exchange }

// ResponseWriter is where the route's handler writes its answer.
func (x *Exchange) ResponseWriter() ResponseWriter { return ResponseWriter{x.handle} }

// Start begins the answer: status and headers; the reply's body must be empty. A Content-Length among the headers is kept, and the body held to
// it; without one the body is framed chunked.
func (w ResponseWriter) Start(head Reply) error {
	list := head.packed()
	return check(C.go_handler_start(w.x, C.uint32_t(head.Status), list.data(), list.size(), list.lengths(), C.uint64_t(len(head.Headers))))
}

// Write gives more of the body: how many bytes were taken, from the front. Where fewer were taken the client is slow: go on in OnWritable.
// ErrLimit: more than Content-Length.
func (w ResponseWriter) Write(data string) (int, error) {
	got := C.go_handler_write(w.x, in(data), size(data))
	return int(got.value), check(got.status)
}

// Finish ends the answer, with trailers or none. ErrInvalid where less than Content-Length was written: the answer is then cut off.
func (w ResponseWriter) Finish(trailers ...Field) error {
	var list packed
	list.fields(trailers)
	return check(C.go_handler_finish(w.x, list.data(), list.size(), list.lengths(), C.uint64_t(len(trailers))))
}

// Abort cuts the answer off: the client sees a broken message.
func (w ResponseWriter) Abort() error { return check(C.go_handler_abort(w.x)) }
