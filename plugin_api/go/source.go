package cleat

// #include "bridge.h"
import "C"

import (
	"runtime/cgo"
	"unsafe"
)

// Resource is a section of the configuration.
type Resource uint32

// What a source may bring: a YAML or JSON text of one member of that section.
const (
	ListenerResource   Resource = C.CLEAT_SOURCE_LISTENER    // listeners:
	RouteTableResource Resource = C.CLEAT_SOURCE_ROUTE_TABLE // route_tables:
	ClusterResource    Resource = C.CLEAT_SOURCE_CLUSTER     // clusters:
	SecretResource     Resource = C.CLEAT_SOURCE_SECRET      // secrets:
)

// Transaction is what a source changes at once; it is ended by Commit or Abandon. Any goroutine may have it, one at a time. ErrStale once it
// has ended.
type Transaction struct{ handle C.uint64_t }

// Committed is what became of a commit.
type Committed struct {
	Err     error  // nil: in force. ErrInvalid: refused, nothing has changed. ErrStale: another instance took this one's place. ErrFailed: the end
	Version uint64 // which of this source's is in force now
	Text    string // where it was refused, the reasons: <source>/<kind>/<name>:line:column: ..., a line each
}

// SourceEndpoint is one endpoint of a list.
type SourceEndpoint struct {
	Address   string // ip:port, [ip]:port; at most once in a list
	Weight    uint32 // 1 to 65535; 0 is 1
	Unhealthy bool   // passed over, as long as there are others
}

// Begin begins a transaction of this source of configuration. replace: what the source holds and the transaction does not stage is removed.
// From any goroutine. ErrLimit over 16 open ones.
func (h Handle) Begin(replace bool) (Transaction, error) {
	var flags C.uint32_t
	if replace {
		flags = C.CLEAT_SOURCE_REPLACE
	}
	got := C.go_source_begin(h.instance, flags)
	return Transaction{got.value}, check(got.status)
}

// Stage reads the document on this thread, which takes its time: not on a worker. What is wrong with it is the commit's to say. The same name
// again replaces. ErrLimit over 4 MiB of one, 128 MiB or 100,000 of all sources' resources.
func (t Transaction) Stage(kind Resource, name, document string) error {
	return check(C.go_source_stage(t.handle, C.uint32_t(kind), in(name), size(name), in(document), size(document)))
}

// Remove removes a resource of this source, also where there is none.
func (t Transaction) Remove(kind Resource, name string) error {
	return check(C.go_source_remove(t.handle, C.uint32_t(kind), in(name), size(name)))
}

// Commit ends the transaction: committed is called once, on the control thread, with what became of it, unless the instance ends before.
// ErrLimit: 1,024 commits wait; where this fails the transaction is abandoned.
func (t Transaction) Commit(committed func(committed Committed)) error {
	err := own(committed, func(user C.uintptr_t) error { return check(C.go_source_commit(t.handle, user)) })
	if err != nil {
		C.go_source_abandon(t.handle)
	}
	return err
}

// Abandon ends the transaction without effect.
func (t Transaction) Abandon() error { return check(C.go_source_abandon(t.handle)) }

// SetEndpoints gives all endpoints of a cluster from now on, of one that this source holds, has staged or watches: else ErrNotFound. From any
// goroutine. Nothing is rebuilt; of lists that follow each other quickly only the last may be seen. ErrLimit over 65,536.
func (h Handle) SetEndpoints(cluster string, endpoints []SourceEndpoint) error {
	var list packed
	list.add(cluster)
	raw := make([]uint64, len(endpoints)+1)
	for i, one := range endpoints {
		list.add(one.Address)
		raw[i] = uint64(one.Weight)
		if one.Weight == 0 {
			raw[i] = 1
		}
		if one.Unhealthy {
			raw[i] |= C.CLEAT_SOURCE_UNHEALTHY << 32
		}
	}
	return check(C.go_source_endpoints(h.instance, list.data(), list.size(), list.lengths(), (*C.uint64_t)(unsafe.Pointer(&raw[0])),
		C.uint64_t(len(endpoints))))
}

// SourceVersion gives how many commits of this source were accepted so far.
func (h Handle) SourceVersion() (uint64, error) {
	got := C.go_source_version(h.instance)
	return uint64(got.value), check(got.status)
}

//export cleatGoCommit
func cleatGoCommit(handle C.uintptr_t, status C.cleat_status, version C.uint64_t, text *C.cleat_str, user C.uintptr_t) {
	committed := take(user).(func(committed Committed))
	defer silenced(instanceOf(handle).self)
	if committed != nil {
		committed(Committed{check(status), uint64(version), out(*text)})
	}
}

//export cleatGoWatch
func cleatGoWatch(handle C.uintptr_t, cluster *C.cleat_str, config C.cleat_config, made *C.uintptr_t) (status C.cleat_status) {
	var err error
	defer failed(&status, &err)
	watch, err := instanceOf(handle).plugin.(Discovery).WatchCluster(out(*cluster), Config{config})
	if err == nil {
		*made = C.uintptr_t(cgo.NewHandle(watch))
	}
	return
}

//export cleatGoUnwatch
func cleatGoUnwatch(handle, watch C.uintptr_t) {
	of := instanceOf(handle)
	defer silenced(of.self)
	of.plugin.(Discovery).UnwatchCluster(take(watch))
}
