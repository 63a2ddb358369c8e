package main

import (
	"errors"
	"strings"
	"sync/atomic"

	"cleat"
)

// cleat.handover/1, as the configuration says.

type kept struct {
	state      atomic.Value
	give, take string
}

func (k *kept) read(config cleat.Config) {
	k.state.Store(config.Text("state", ""))
	k.give, k.take = config.Text("give", "all"), config.Text("take", "all")
}

func (e *extensions) GiveState(to *cleat.StateWriter) error {
	state := e.kept.state.Load().(string)
	switch e.kept.give {
	case "panic":
		panic("asked to panic in give_state")
	case "error":
		return errors.New("asked to fail in give_state")
	case "too_much":
		return to.Write(strings.Repeat("x", 64*1024*1024+1))
	}
	if state == "" {
		return nil
	}
	to.Format = 7
	return first(to.Write(state), to.Write("+"))
}

func (e *extensions) TakeState(format uint32, bytes string) (bool, error) {
	switch e.kept.take {
	case "panic":
		panic("asked to panic in take_state")
	case "error":
		return false, errors.New("asked to fail in take_state")
	case "none":
		return false, nil
	}
	e.kept.state.Store(bytes)
	return format == 7, nil
}
