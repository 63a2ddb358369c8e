// Package cleat makes plugins for the Cleat proxy in Go, over its C ABI. A plugin is one type, registered by an init function of a package
// main that is built with -buildmode=c-shared:
//
//	type teapot struct{ path string }
//
//	func (t *teapot) OnRequest(x *cleat.Exchange) cleat.Verdict {
//		if x.Path() != t.path {
//			return cleat.Unsubscribe
//		}
//		return x.Reply(cleat.Reply{Status: 418, Body: "short and stout\n", Reason: "teapot"})
//	}
//
//	func init() {
//		cleat.Register(func(c *cleat.Create) (*teapot, error) {
//			return &teapot{path: c.Config().Text("path", "/coffee")}, nil
//		})
//	}
//
//	func main() {}
//
// The hooks that the type has as methods are called. README.md has the rest, note.c among it: what the host reads before it loads the file.
//
// Texts of the host are copied: what is read of an exchange may be kept. An Exchange or Connection is for the hook or callback it was given
// to, and its goroutine; elsewhere its calls fail. A goroutine goes on with a Ticket, or with Handle.Post.
//
// A panic stops at its hook: it is Fail with its words and place, and the operator's on_failure decides.
package cleat

/*
#cgo CFLAGS: -I${SRCDIR}/include -I${SRCDIR}/../.. -std=gnu11 -Wall
#cgo LDFLAGS: ${SRCDIR}/exports.a
#include "bridge.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"runtime/cgo"
	"strings"
)

// instance is what the host's `instance` names: a handle of it.
type instance struct {
	plugin any
	self   C.cleat_instance
}

var registered struct {
	create  func(c *Create) (any, error)
	command func(c *Command) int
	hooks   uint64
	problem string
}

// hooks by the names of their methods; Destroy is not among them, since destroy is always called.
var hooks = map[string]struct {
	number uint
	method reflect.Type
}{
	"RouteCreate":        {C.GO_ROUTE, of[RouteConfig]()},
	"WorkerStart":        {C.GO_WORKER_START, of[WorkerStart]()},
	"WorkerStop":         {C.GO_WORKER_STOP, of[WorkerStop]()},
	"OnConnection":       {C.GO_CONNECTION, of[OnConnection]()},
	"OnTLS":              {C.GO_TLS, of[OnTLS]()},
	"OnConnectionEnd":    {C.GO_CONNECTION_END, of[OnConnectionEnd]()},
	"OnRequest":          {C.GO_REQUEST, of[OnRequest]()},
	"OnRoute":            {C.GO_ON_ROUTE, of[OnRoute]()},
	"OnRequestBody":      {C.GO_REQUEST_BODY, of[OnRequestBody]()},
	"OnRequestTrailers":  {C.GO_REQUEST_TRAILERS, of[OnRequestTrailers]()},
	"OnAttempt":          {C.GO_ATTEMPT, of[OnAttempt]()},
	"OnAttemptEnd":       {C.GO_ATTEMPT_END, of[OnAttemptEnd]()},
	"OnResponse":         {C.GO_RESPONSE, of[OnResponse]()},
	"OnResponseBody":     {C.GO_RESPONSE_BODY, of[OnResponseBody]()},
	"OnResponseTrailers": {C.GO_RESPONSE_TRAILERS, of[OnResponseTrailers]()},
	"OnReply":            {C.GO_REPLY, of[OnReply]()},
	"OnEnd":              {C.GO_END, of[OnEnd]()},
	"OnEvent":            {C.GO_EVENT, of[OnEvent]()},
	"OnDrain":            {C.GO_DRAIN, of[OnDrain]()},
	"OnShutdown":         {C.GO_SHUTDOWN, of[OnShutdown]()},
	"OnTimer":            {C.GO_TIMER, of[OnTimer]()},
	"OnConnectionTimer":  {C.GO_CONNECTION_TIMER, of[OnConnectionTimer]()},
	"OnWorkerTimer":      {C.GO_WORKER_TIMER, of[OnWorkerTimer]()},
	"OnHandle":           {C.GO_HANDLE, of[OnHandle]()},
	"OnHandleBody":       {C.GO_HANDLE_BODY, of[OnHandleBody]()},
	"OnWritable":         {C.GO_WRITABLE, of[OnWritable]()},
	"OnHandleEnd":        {C.GO_HANDLE_END, of[OnHandleEnd]()},
	"OnClientHello":      {C.GO_CLIENT_HELLO, of[OnClientHello]()},
	"SetCreate":          {C.GO_BALANCER, of[Balancer]()},
	"GiveState":          {C.GO_HANDOVER, of[Handover]()},
	"WatchCluster":       {C.GO_WATCH, of[Discovery]()},
}

func of[T any]() reflect.Type { return reflect.TypeOf((*T)(nil)).Elem() }

// Register says how an instance of the plugin is made: from its configuration, on the control thread, once for each instance and
// generation. An error, a panic, and every error recorded in the configuration, refuse the load. Once, in an init function.
//
// A method whose name begins with On must be a hook, of that hook's signature: the load is refused else, since a hook that is silently
// never called is the worst mistake there is.
func Register[P any](create func(c *Create) (P, error)) {
	kind := of[P]()
	for i := 0; i < kind.NumMethod(); i++ {
		name := kind.Method(i).Name
		hook, known := hooks[name]
		switch {
		case known && !kind.Implements(hook.method) && hook.method.NumMethod() > 1:
			registered.problem = fmt.Sprintf("%v has %s, and is no %v: go doc %[3]v has the methods", kind, name, hook.method)
		case known && !kind.Implements(hook.method):
			registered.problem = fmt.Sprintf("%v.%s has another signature than the hook's: %v", kind, name, hook.method.Method(0).Type)
		case known:
			registered.hooks |= 1 << hook.number
		case strings.HasPrefix(name, "On"):
			registered.problem = fmt.Sprintf("%v.%s: there is no such hook", kind, name)
		}
	}
	if handler := uint64(1<<C.GO_HANDLE_BODY | 1<<C.GO_WRITABLE | 1<<C.GO_HANDLE_END); registered.hooks&handler != 0 && registered.hooks>>C.GO_HANDLE&1 == 0 {
		registered.problem = fmt.Sprintf("%v: a handler needs OnHandle", kind)
	}
	if registered.create != nil {
		registered.problem = "cleat.Register was called twice"
	}
	registered.create = func(c *Create) (any, error) { return create(c) }
}

// Create is what an instance is made of.
type Create struct {
	self    C.cleat_instance
	name    string
	workers uint32
	config  C.cleat_config
}

// Name is the instance's name in the configuration.
func (c *Create) Name() string { return c.name }

// Workers is how many workers there are.
func (c *Create) Workers() uint32 { return c.workers }

// Config is the instance's configuration, a null node if absent.
func (c *Create) Config() Config { return Config{c.config} }

// Handle names the instance in calls to the host: to be kept.
func (c *Create) Handle() Handle { return Handle{c.self} }

// --- where panics stop ---

// place says where the panic that is being recovered from began.
func place() string {
	var callers [32]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	panicked := false
	for {
		frame, more := frames.Next()
		if panicked && !strings.HasPrefix(frame.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", frame.File[strings.LastIndexByte(frame.File, '/')+1:], frame.Line)
		}
		panicked = panicked || frame.Function == "runtime.gopanic"
		if !more {
			return "an unknown place"
		}
	}
}

func describe(panicked any) string {
	return fmt.Sprintf("panicked at %s: %s", place(), strings.TrimPrefix(fmt.Sprint(panicked), "runtime error: "))
}

// failed recovers for a call that makes something: CLEAT_FAILED with the reason said.
func failed(status *C.cleat_status, err *error) {
	if panicked := recover(); panicked != nil {
		*err = errors.New(describe(panicked))
	}
	if *err != nil {
		setError((*err).Error())
		*status = C.CLEAT_FAILED
	}
}

// silenced recovers for a call that answers nobody: a line in the log, blamed on the instance.
func silenced(of C.cleat_instance) {
	if panicked := recover(); panicked != nil {
		Handle{of}.Log(Error, describe(panicked))
	}
}

func instanceOf(handle C.uintptr_t) *instance { return cgo.Handle(handle).Value().(*instance) }

// --- what the host calls, through bridge.c ---

//export cleatGoEnter
func cleatGoEnter(hooks *C.uint64_t) C.cleat_status {
	if registered.create == nil {
		registered.problem = "it has no plugin: call cleat.Register in an init function"
	}
	if registered.problem != "" {
		setError(registered.problem)
		return C.CLEAT_FAILED
	}
	*hooks = C.uint64_t(registered.hooks)
	if registered.command != nil {
		*hooks |= 1 << C.GO_COMMAND
	}
	return C.CLEAT_OK
}

//export cleatGoCreate
func cleatGoCreate(info *C.cleat_create, made *C.uintptr_t) (status C.cleat_status) {
	var err error
	defer failed(&status, &err)
	create := &Create{self: info.self, name: out(info.name), workers: uint32(info.workers), config: info.config}
	plugin, err := registered.create(create)
	if err == nil {
		*made = C.uintptr_t(cgo.NewHandle(&instance{plugin, info.self}))
	}
	return
}

//export cleatGoDestroy
func cleatGoDestroy(handle C.uintptr_t) {
	gone := instanceOf(handle)
	defer silenced(gone.self)
	cgo.Handle(handle).Delete()
	if plugin, ok := gone.plugin.(Destroy); ok {
		plugin.Destroy()
	}
}

//export cleatGoRouteCreate
func cleatGoRouteCreate(handle C.uintptr_t, config C.cleat_config, made *C.uintptr_t) (status C.cleat_status) {
	var err error
	defer failed(&status, &err)
	route, err := instanceOf(handle).plugin.(RouteConfig).RouteCreate(Config{config})
	if err == nil {
		*made = C.uintptr_t(cgo.NewHandle(route))
	}
	return
}

//export cleatGoRouteDestroy
func cleatGoRouteDestroy(route C.uintptr_t) { cgo.Handle(route).Delete() }

//export cleatGoWorkerStart
func cleatGoWorkerStart(handle C.uintptr_t, worker C.uint32_t) (status C.cleat_status) {
	var err error
	defer failed(&status, &err)
	err = instanceOf(handle).plugin.(WorkerStart).WorkerStart(uint32(worker))
	return
}

//export cleatGoHook
func cleatGoHook(handle C.uintptr_t, hook C.uint32_t, subject C.uint64_t, with C.uintptr_t) (verdict C.cleat_verdict) {
	of := instanceOf(handle)
	defer func() {
		if panicked := recover(); panicked != nil {
			verdict = C.CLEAT_FAIL
			if hasVerdict(hook) {
				setError(describe(panicked))
			} else {
				Handle{of.self}.Log(Error, describe(panicked))
			}
		}
	}()
	return C.cleat_verdict(call(of.plugin, hook, subject, with))
}

func hasVerdict(hook C.uint32_t) bool {
	switch hook {
	case C.GO_WORKER_STOP, C.GO_CONNECTION_END, C.GO_END, C.GO_DRAIN, C.GO_SHUTDOWN, C.GO_TIMER, C.GO_CONNECTION_TIMER, C.GO_WORKER_TIMER,
		C.GO_WRITABLE, C.GO_HANDLE_END:
		return false
	}
	return true
}

// call is made for the hooks that the plugin has alone: the table has no others.
func call(plugin any, hook C.uint32_t, subject C.uint64_t, with C.uintptr_t) Verdict {
	switch hook {
	case C.GO_CONNECTION:
		return plugin.(OnConnection).OnConnection(&Connection{subject})
	case C.GO_TLS:
		return plugin.(OnTLS).OnTLS(&Connection{subject})
	case C.GO_REQUEST:
		return plugin.(OnRequest).OnRequest(&Exchange{subject})
	case C.GO_ON_ROUTE:
		return plugin.(OnRoute).OnRoute(&Exchange{subject})
	case C.GO_REQUEST_BODY:
		return plugin.(OnRequestBody).OnRequestBody(&Exchange{subject}, with&C.CLEAT_BODY_END != 0)
	case C.GO_REQUEST_TRAILERS:
		return plugin.(OnRequestTrailers).OnRequestTrailers(&Exchange{subject})
	case C.GO_ATTEMPT:
		return plugin.(OnAttempt).OnAttempt(&Exchange{subject}, uint32(with))
	case C.GO_RESPONSE:
		return plugin.(OnResponse).OnResponse(&Exchange{subject})
	case C.GO_RESPONSE_BODY:
		return plugin.(OnResponseBody).OnResponseBody(&Exchange{subject}, with&C.CLEAT_BODY_END != 0)
	case C.GO_RESPONSE_TRAILERS:
		return plugin.(OnResponseTrailers).OnResponseTrailers(&Exchange{subject})
	case C.GO_REPLY:
		return plugin.(OnReply).OnReply(&Exchange{subject})
	case C.GO_CLIENT_HELLO:
		return plugin.(OnClientHello).OnClientHello(&Connection{subject})
	case C.GO_HANDLE:
		return plugin.(OnHandle).OnHandle(&Exchange{subject})
	case C.GO_HANDLE_BODY:
		return plugin.(OnHandleBody).OnHandleBody(&Exchange{subject}, with&C.CLEAT_BODY_END != 0)
	case C.GO_WRITABLE:
		plugin.(OnWritable).OnWritable(&Exchange{subject})
	case C.GO_HANDLE_END:
		plugin.(OnHandleEnd).OnHandleEnd(&Exchange{subject})
	case C.GO_END:
		plugin.(OnEnd).OnEnd(&Exchange{subject})
	case C.GO_CONNECTION_END:
		plugin.(OnConnectionEnd).OnConnectionEnd(&Connection{subject})
	case C.GO_WORKER_STOP:
		plugin.(WorkerStop).WorkerStop(uint32(subject))
	case C.GO_DRAIN:
		plugin.(OnDrain).OnDrain(Completion{subject})
	case C.GO_SHUTDOWN:
		plugin.(OnShutdown).OnShutdown(Completion{subject})
	case C.GO_TIMER:
		plugin.(OnTimer).OnTimer(&Exchange{subject}, uintptr(with))
	case C.GO_CONNECTION_TIMER:
		plugin.(OnConnectionTimer).OnConnectionTimer(&Connection{subject}, uintptr(with))
	case C.GO_WORKER_TIMER:
		plugin.(OnWorkerTimer).OnWorkerTimer(uintptr(with))
	}
	return Continue
}

//export cleatGoAttemptEnd
func cleatGoAttemptEnd(handle C.uintptr_t, x C.cleat_exchange, end *C.cleat_attempt_end) (verdict C.cleat_verdict) {
	defer func() {
		if panicked := recover(); panicked != nil {
			setError(describe(panicked))
			verdict = C.CLEAT_FAIL
		}
	}()
	return C.cleat_verdict(instanceOf(handle).plugin.(OnAttemptEnd).OnAttemptEnd(&Exchange{x}, attemptEnd(end)))
}

//export cleatGoEvent
func cleatGoEvent(handle C.uintptr_t, event *C.cleat_event) {
	of := instanceOf(handle)
	defer silenced(of.self)
	of.plugin.(OnEvent).OnEvent(Event{Reopen: event.kind == C.CLEAT_EVENT_REOPEN, Name: out(event.name), Data: out(event.data)})
}
