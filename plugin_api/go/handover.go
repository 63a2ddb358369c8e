package cleat

// #include "bridge.h"
import "C"

// StateWriter is where Handover.GiveState writes.
type StateWriter struct {
	Format  uint32 // a number of the plugin's own that says how the bytes are written
	handle  C.uint64_t
	written bool
}

// Write adds bytes, as often as need be. ErrLimit over 64 MiB: then nothing is handed over.
func (w *StateWriter) Write(bytes string) error {
	err := check(C.go_handover_write(w.handle, in(bytes), size(bytes)))
	w.written = w.written || err == nil
	return err
}

//export cleatGoGive
func cleatGoGive(handle C.uintptr_t, handover C.uint64_t, format *C.uint32_t) (status C.cleat_status) {
	var err error
	defer failed(&status, &err)
	to := &StateWriter{handle: handover}
	if err = instanceOf(handle).plugin.(Handover).GiveState(to); err != nil {
		return
	}
	*format = C.uint32_t(to.Format)
	if !to.written {
		return C.CLEAT_NOT_FOUND
	}
	return C.CLEAT_OK
}

//export cleatGoTake
func cleatGoTake(handle C.uintptr_t, format C.uint32_t, bytes *C.cleat_str) (status C.cleat_status) {
	var err error
	defer failed(&status, &err)
	taken, err := instanceOf(handle).plugin.(Handover).TakeState(uint32(format), out(*bytes))
	if err == nil && !taken {
		return C.CLEAT_UNSUPPORTED
	}
	return
}
