package cleat

// #include "bridge.h"
import "C"

// ProcessState says where the process is in its life.
type ProcessState uint32

// From the start to the end.
const (
	Starting ProcessState = C.CLEAT_STATE_STARTING // workers have not all begun; or the host does not say
	Serving  ProcessState = C.CLEAT_STATE_SERVING
	Draining ProcessState = C.CLEAT_STATE_DRAINING // no new connections; what is under way is finished
	Stopping ProcessState = C.CLEAT_STATE_STOPPING
)

// State gives the state of the process.
func State() ProcessState { return ProcessState(C.go_control_state().value) }

// LogLevel gives from which level on lines are written to the log.
func LogLevel() (Level, error) {
	got := C.go_log_level_get()
	return Level(got.value), check(got.status)
}

// SetLogLevel sets from which level on lines are written, until the next reload.
func (h Handle) SetLogLevel(level Level) error {
	return check(C.go_log_level_set(h.instance, C.uint32_t(level)))
}

// Drain begins to drain, and ends the process after, as SIGTERM does.
func (h Handle) Drain() error { return check(C.go_control_drain(h.instance)) }

// Reload reads the configuration again. answered is called once, on the control thread, unless the instance ends before: with nil, or with
// ErrFailed where it was refused, for the reasons in text, and nothing has changed. ErrLimit: too many questions wait. From any goroutine.
func (h Handle) Reload(answered func(text string, err error)) error {
	return own(answered, func(user C.uintptr_t) error { return check(C.go_control_reload(h.instance, user)) })
}

// Restore puts instances of this name that are in quarantine back to work, and answers as Reload does. ErrNotFound: there is none of the name;
// ErrWrongPhase: it is not in quarantine.
func (h Handle) Restore(instance string, answered func(text string, err error)) error {
	return own(answered, func(user C.uintptr_t) error {
		return check(C.go_control_restore(h.instance, in(instance), size(instance), user))
	})
}

// Describe answers, as Reload does, with JSON of "server", "config", "listeners", "clusters", "plugins" or "generations", without secrets.
// ErrNotFound: no such topic.
func (h Handle) Describe(topic string, answered func(text string, err error)) error {
	return own(answered, func(user C.uintptr_t) error {
		return check(C.go_control_describe(h.instance, in(topic), size(topic), user))
	})
}

//export cleatGoControl
func cleatGoControl(handle C.uintptr_t, status C.cleat_status, text *C.cleat_str, user C.uintptr_t) {
	answered := take(user).(func(text string, err error))
	defer silenced(instanceOf(handle).self)
	answered(out(*text), check(status))
}
