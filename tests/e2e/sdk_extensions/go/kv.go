package main

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"cleat"
)

// The space of the instance "two", also when that is gone.
var ofTwo atomic.Value

func remember(c *cleat.Create, own cleat.Kv) {
	if c.Name() == "two" {
		ofTwo.Store(own)
	}
}

func is[T any](value T, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(value)
}

func number(text string) int {
	value, _ := strconv.Atoi(text)
	return value
}

func (e *extensions) kv(words []string) string {
	key := ""
	if len(words) > 1 {
		key = words[1]
	}
	kept, got := e.own.Get(key)
	switch words[0] {
	case "get", "get-nameless":
		if got == cleat.ErrNotFound {
			return "none"
		}
		return is(kept.Text, got)
	case "set":
		_, err := e.own.Set(key, words[2], 0)
		return said(err)
	case "set-long":
		value := strings.Repeat("x", number(words[2]))
		version, err := e.own.Set(key, value, 0)
		kept, _ = e.own.Get(key)
		return is(kept.Text == value && kept.Version == version, err)
	case "set-brief":
		_, err := e.own.Set(key, words[2], time.Microsecond)
		return said(err)
	case "set-if-new":
		_, err := e.own.SetIf(key, words[2], 0, 0)
		return said(err)
	case "set-if-same":
		_, err := e.own.SetIf(key, words[2], kept.Version, 0)
		return said(err)
	case "remove":
		return said(e.own.Remove(key, 0))
	case "remove-other":
		return said(e.own.Remove(key, kept.Version+1))
	case "add":
		return is(e.own.Add(key, int64(number(words[2])), 0))
	case "list":
		var all []string
		one, err := e.own.Next(key, "")
		for ; err == nil; one, err = e.own.Next(key, one) {
			all = append(all, one)
		}
		return strings.Join(all, ",")
	case "shared":
		return is(e.shared.Add("count", 1, 0))
	case "gone":
		gone := ofTwo.Load().(cleat.Kv)
		_, got := gone.Get("a")
		_, set := gone.Set("a", "1", 0)
		return fmt.Sprintf("Some(%v) Some(%v)", got, set)
	}
	return "invalid"
}
