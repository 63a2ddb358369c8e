package cleat

// #include "bridge.h"
import "C"

import "runtime/cgo"

// Endpoint is one endpoint of a cluster.
type Endpoint struct {
	Address string // ip:port, [ip]:port, or the path of a Unix socket
	Weight  uint32 // 1 to 65535
}

// Endpoints are those of one cluster in one generation; any goroutine may use them. ErrStale: they are gone; ErrInvalid: there is none of that
// number.
type Endpoints struct {
	Cluster string
	List    []Endpoint // in the order of their numbers
	handle  C.uint64_t
}

// InFlight gives how many exchanges are under way to an endpoint, over all workers.
func (e *Endpoints) InFlight(index int) (uint64, error) {
	got := C.go_in_flight(e.handle, C.uint64_t(index))
	return uint64(got.value), check(got.status)
}

// Healthy gives its health as the kernel's own choice sees it; healthy is the start.
func (e *Endpoints) Healthy(index int) (bool, error) {
	got := C.go_health_get(e.handle, C.uint64_t(index))
	return got.value != 0, check(got.status)
}

// SetHealthy sets it: unhealthy endpoints are passed over.
func (e *Endpoints) SetHealthy(index int, healthy bool) error {
	var flag C.uint32_t
	if healthy {
		flag = 1
	}
	return check(C.go_health_set(e.handle, C.uint64_t(index), flag))
}

// Tried says, in Balancer.Pick, whether an earlier attempt of this exchange went to that endpoint and a retry asked for another.
func (x *Exchange) Tried(index int) bool {
	got := C.go_tried(x.handle, C.uint64_t(index))
	return got.status == C.CLEAT_OK && got.value != 0
}

//export cleatGoSetCreate
func cleatGoSetCreate(handle C.uintptr_t, set *C.cleat_endpoint_set, config C.cleat_config, made *C.uintptr_t) (status C.cleat_status) {
	var err error
	defer failed(&status, &err)
	endpoints := &Endpoints{Cluster: out(set.cluster_name), handle: set.cluster}
	for i := C.uint64_t(0); i < set.endpoint_count; i++ {
		one := C.go_endpoint(set, i)
		endpoints.List = append(endpoints.List, Endpoint{out(one.address), uint32(one.weight)})
	}
	state, err := instanceOf(handle).plugin.(Balancer).SetCreate(endpoints, Config{config})
	if err == nil {
		*made = C.uintptr_t(cgo.NewHandle(state))
	}
	return
}

//export cleatGoSetDestroy
func cleatGoSetDestroy(set C.uintptr_t) { cgo.Handle(set).Delete() }

//export cleatGoPick
func cleatGoPick(handle, set C.uintptr_t, x C.cleat_exchange, index *C.uint64_t) (status C.cleat_status) {
	defer func() {
		if panicked := recover(); panicked != nil {
			setError(describe(panicked))
			status = C.CLEAT_FAILED
		}
	}()
	picked, ok := instanceOf(handle).plugin.(Balancer).Pick(cgo.Handle(set).Value(), &Exchange{x})
	if !ok {
		return C.CLEAT_NOT_FOUND
	}
	*index = C.uint64_t(picked) // a negative one is out of range
	return C.CLEAT_OK
}
