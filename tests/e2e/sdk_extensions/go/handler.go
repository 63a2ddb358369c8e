package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"cleat"
)

// cleat.handler/1: what the path asks of the origin that this is. And cleat.command/1.

const (
	answer = 3 // token of a timer
	large  = 3_000_000
)

var sent sync.Map // bytes, by exchange

func head(fields ...cleat.Field) cleat.Reply {
	return cleat.Reply{Status: 201, Headers: fields, Reason: "made_here"}
}

// pour writes until the client is slow, or all is written.
func pour(x *cleat.Exchange) error {
	piece := strings.Repeat("l", 10_000)
	was, _ := sent.LoadOrStore(x.ID(), 0)
	bytes := was.(int)
	for bytes < large {
		if len(piece) > large-bytes {
			piece = piece[:large-bytes]
		}
		taken, err := x.ResponseWriter().Write(piece)
		if err != nil {
			return err
		}
		bytes += taken
		if taken < len(piece) {
			sent.Store(x.ID(), bytes)
			return nil
		}
	}
	return x.ResponseWriter().Finish(cleat.Field{Name: "x-sum", Value: "large"})
}

func whole(w cleat.ResponseWriter, text string) error {
	if err := w.Start(head()); err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	return w.Finish()
}

func (e *extensions) log(text string) { e.h.Log(cleat.Info, text) }

func (e *extensions) answerLater(x *cleat.Exchange) {
	if err := whole(x.ResponseWriter(), "later"); err != nil {
		e.log("later: " + err.Error())
	}
}

func (e *extensions) handle(x *cleat.Exchange) error {
	w := x.ResponseWriter()
	length := cleat.Field{Name: "content-length", Value: "5"}
	switch x.Path() {
	case "/h/panic-body":
		return nil
	case "/h/echo":
		return w.Start(head(cleat.Field{Name: "x-kind", Value: "echo"}))
	case "/h/large", "/h/panic-writable":
		if err := w.Start(head()); err != nil {
			return err
		}
		return pour(x)
	case "/h/length":
		err := w.Start(head(length))
		_, more := w.Write("123456")
		less, _ := w.Write("12345")
		e.log(fmt.Sprintf("length Some(%v) %d", more, less))
		finished := w.Finish()
		_, late := w.Write("x")
		e.log(fmt.Sprintf("late (Some(%v), Some(%v))", late, w.Finish()))
		return first(err, finished)
	case "/h/short":
		err := w.Start(head(length))
		_, wrote := w.Write("12")
		e.log("short " + said(w.Finish()))
		return first(err, wrote)
	case "/h/abort":
		err := w.Start(head())
		_, wrote := w.Write("begun")
		return first(err, wrote, w.Abort())
	case "/h/refused":
		_, early := w.Write("x")
		body := w.Start(cleat.Reply{Status: 201, Body: "x"})
		status := w.Start(cleat.Reply{Status: 100})
		return whole(w, said(early)+", "+said(body)+", "+said(status))
	case "/h/later":
		_, err := e.h.Arm(x, 20*time.Millisecond, answer)
		return err
	case "/h/gone": // the call outlives the answer, and with it the exchange
		_, err := e.h.CallStream(x, cleat.Call{Cluster: "origin"}, func(x *cleat.Exchange, _ cleat.CallHandle, event *cleat.CallEvent) {
			if event.Kind == cleat.CallEnd && event.Answer.How == cleat.Cancelled {
				_, late := x.ResponseWriter().Write("x")
				e.log(fmt.Sprintf("gone Cancelled (Some(%v), Some(%v))", late, x.ResponseWriter().Abort()))
			}
		})
		return first(err, w.Start(head()), w.Finish())
	case "/h/panic":
		panic("asked to panic in on_handle")
	}
	return cleat.ErrNotFound
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *extensions) OnHandle(x *cleat.Exchange) cleat.Verdict {
	if x.Path() == "/h/reply" {
		return say(x, "replied")
	}
	if err := e.handle(x); err != nil {
		return cleat.Failed(err.Error())
	}
	return cleat.Continue
}

func (e *extensions) OnHandleBody(x *cleat.Exchange, last bool) cleat.Verdict {
	if x.Path() == "/h/panic-body" {
		panic("asked to panic in on_handle_body")
	}
	if x.Path() != "/h/echo" {
		return cleat.Continue
	}
	_, err := x.ResponseWriter().Write(x.RequestBody().Data())
	if last {
		x.ResponseWriter().Finish(cleat.Field{Name: "x-trailer", Value: "echoed"})
	}
	if err != nil {
		return cleat.Fail
	}
	return cleat.Continue
}

func (e *extensions) OnWritable(x *cleat.Exchange) {
	if x.Path() == "/h/panic-writable" {
		panic("asked to panic in on_writable")
	}
	pour(x)
}

func (e *extensions) OnHandleEnd(x *cleat.Exchange) {
	sent.Delete(x.ID())
	e.log("end of " + x.Path())
	if x.Path() == "/h/reply" {
		panic("asked to panic in on_handle_end")
	}
}

func command(c *cleat.Command) int {
	if c.Word == "ext-fall" {
		panic("asked to panic in a command")
	}
	for _, argument := range c.Arguments {
		if c.Out(strings.ToUpper(argument)+"\n") != nil {
			c.Error("nobody reads\n")
			return 4
		}
	}
	c.Error("said\n")
	return len(c.Arguments)
}
