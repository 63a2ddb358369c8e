package cleat

// #include "bridge.h"
import "C"

import (
	"runtime/cgo"
	"time"
)

// Level says how loud a line of the log is.
type Level uint32

// From the quietest to the loudest.
const (
	Debug Level = C.CLEAT_DEBUG
	Info  Level = C.CLEAT_INFO
	Warn  Level = C.CLEAT_WARN
	Error Level = C.CLEAT_ERROR
)

// Ticket is the right to resume one suspended hook, once, from any goroutine. A value: copies are the same ticket.
type Ticket struct{ handle C.cleat_ticket }

// Resume moves the exchange on with a verdict other than Suspend. ErrStale, harmless: used before, timed out, or the exchange is gone.
func (t Ticket) Resume(verdict Verdict) error {
	return check(C.go_resume(t.handle, C.uint32_t(verdict)))
}

// Completion is for OnDrain and OnShutdown; any goroutine may finish it.
type Completion struct{ handle C.uint64_t }

// Done says that what was asked for is finished.
func (c Completion) Done() error { return check(C.go_complete(c.handle)) }

// Timer is an armed timer, on the worker that armed it. A value: copies are the same timer.
type Timer struct{ handle C.cleat_timer }

// Rearm moves the deadline to delay from now; ErrStale if it has fired or was cancelled.
func (t Timer) Rearm(delay time.Duration) error {
	return check(C.go_timer_rearm(t.handle, milliseconds(delay)))
}

// Cancel has its hook not called; ErrStale as for Rearm.
func (t Timer) Cancel() error { return check(C.go_timer_cancel(t.handle)) }

// Handle names one instance; any goroutine may use it.
type Handle struct{ instance C.cleat_instance }

// Log writes a line in the log, blamed on this instance; over the rate limit it is counted and dropped.
func (h Handle) Log(level Level, text string) {
	C.go_log(h.instance, C.uint32_t(level), in(text), size(text))
}

// --- timers: on a worker; never early, up to 10 ms late ---

// Arm calls OnTimer with the token after delay, unless the exchange ends first. At most 16 an exchange.
func (h Handle) Arm(x *Exchange, delay time.Duration, token uintptr) (Timer, error) {
	return h.arm(x.handle, delay, C.GO_TIMER, token)
}

// ArmConnection calls OnConnectionTimer with the token after delay, unless the connection ends first.
func (h Handle) ArmConnection(c *Connection, delay time.Duration, token uintptr) (Timer, error) {
	return h.arm(c.handle, delay, C.GO_CONNECTION_TIMER, token)
}

// ArmWorker calls OnWorkerTimer with the token after delay, on this worker, unless it stops first. From WorkerStart on.
func (h Handle) ArmWorker(delay time.Duration, token uintptr) (Timer, error) {
	return h.arm(h.instance, delay, C.GO_WORKER_TIMER, token)
}

func (h Handle) arm(owner C.uint64_t, delay time.Duration, hook C.uint32_t, token uintptr) (Timer, error) {
	if registered.hooks>>hook&1 == 0 {
		return Timer{}, ErrUnsupported // the plugin has no such hook
	}
	got := C.go_timer_arm(h.instance, owner, milliseconds(delay), hook, C.uintptr_t(token))
	return Timer{got.value}, check(got.status)
}

// --- posts: from any goroutine to the thread that owns something ---

// Post runs task on the exchange's worker; it is dropped without being run if the exchange is gone by then, or this fails.
func (h Handle) Post(x ExchangeID, task func(x *Exchange)) error {
	return own(task, func(user C.uintptr_t) error { return check(C.go_post(h.instance, C.uint64_t(x), user)) })
}

// PostConnection runs task on the connection's worker, as Post.
func (h Handle) PostConnection(c ConnectionID, task func(c *Connection)) error {
	return own(task, func(user C.uintptr_t) error { return check(C.go_post(h.instance, C.uint64_t(c), user)) })
}

// PostWorker runs task on a worker by number, as Post.
func (h Handle) PostWorker(worker uint32, task func()) error {
	return own(task, func(user C.uintptr_t) error { return check(C.go_post_worker(h.instance, C.uint32_t(worker), user)) })
}

// PostControl runs task on the control thread, as Post.
func (h Handle) PostControl(task func()) error { return h.PostWorker(C.CLEAT_POST_CONTROL, task) }

// own hands a value to the host, and takes it back where the host refused it.
func own(value any, hand func(user C.uintptr_t) error) error {
	handle := cgo.NewHandle(value)
	err := hand(C.uintptr_t(handle))
	if err != nil {
		handle.Delete()
	}
	return err
}

func take(user C.uintptr_t) any {
	handle := cgo.Handle(user)
	value := handle.Value()
	handle.Delete()
	return value
}

//export cleatGoPost
func cleatGoPost(handle C.uintptr_t, status C.cleat_status, owner C.uint64_t, user C.uintptr_t) {
	task := take(user)
	if status != C.CLEAT_OK {
		return // the owner is gone
	}
	defer silenced(instanceOf(handle).self)
	switch run := task.(type) {
	case func(x *Exchange):
		run(&Exchange{owner})
	case func(c *Connection):
		run(&Connection{owner})
	case func():
		run()
	}
}
