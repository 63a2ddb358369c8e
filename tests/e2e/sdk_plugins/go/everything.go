// everything: uses each part of the SDK once, as the path asks, for tests/e2e/test_sdk.py. The same as ../rust.
package main

import "C"

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"cleat"
)

type everything struct {
	h                     cleat.Handle
	text, integer, number cleat.MetadataKey
	open                  cleat.Gauge
	sizes                 cleat.Histogram
	summary               string
	hooks                 sync.Map // by exchange
	tickets               chan cleat.Ticket
}

func create(c *cleat.Create) (*everything, error) {
	config := c.Config()
	if config.Bool("panic", false) {
		panic("asked to panic in create")
	}
	var list []string
	for _, member := range config.Get("list").Members() {
		word, _ := member.Value.AsText()
		list = append(list, word)
	}
	json := ""
	if any := config.Get("any"); any.Kind() != cleat.Null {
		json, _ = any.JSON()
	}
	e := &everything{h: c.Handle(), tickets: make(chan cleat.Ticket, 1)}
	e.summary = fmt.Sprintf("%s %d %d %v %d %d %s %s", c.Name(), c.Workers(), config.Integer("integer", 0, 10, 1), config.Number("number", 0.5),
		config.Duration("duration", 0).Milliseconds(), config.Bytes("bytes", 0), strings.Join(list, "+"), json)
	var err [5]error
	e.text, err[0] = cleat.NewMetadataKey("everything.text")
	e.integer, err[1] = cleat.NewMetadataKey("everything.integer")
	e.number, err[2] = cleat.NewMetadataKey("everything.number")
	e.open, err[3] = c.Gauge("cleat_everything_open", "Exchanges")
	e.sizes, err[4] = c.Histogram("cleat_everything_bytes", "Bodies", []uint64{4, 16})
	for _, one := range err {
		if one != nil {
			return nil, one
		}
	}
	return e, nil
}

func (e *everything) RouteCreate(config cleat.Config) (any, error) {
	return config.Text("word", "none"), nil
}

func (e *everything) WorkerStart(worker uint32) error {
	e.h.Log(cleat.Info, fmt.Sprintf("worker %d starts", worker))
	_, err := e.h.ArmWorker(20*time.Millisecond, 7)
	return err
}

func (e *everything) WorkerStop(worker uint32) {
	e.h.Log(cleat.Info, fmt.Sprintf("worker %d stops", worker))
}

func (e *everything) OnTimer(x *cleat.Exchange, token uintptr) {
	if token == 13 {
		panic("asked to panic in a timer")
	}
	e.h.Log(cleat.Info, fmt.Sprintf("timer %d", token))
	(<-e.tickets).Resume(say(x, "waited"))
}

func (e *everything) OnWorkerTimer(token uintptr) {
	e.h.Log(cleat.Info, fmt.Sprintf("worker timer %d", token))
}

func (e *everything) OnConnection(c *cleat.Connection) cleat.Verdict {
	if listener, _ := c.Text(cleat.AttrListener); listener == "closed" {
		return cleat.Replied
	}
	return cleat.Continue
}

func say(x *cleat.Exchange, text string) cleat.Verdict {
	return x.Reply(cleat.Reply{Status: 200, Headers: []cleat.Field{{Name: "x-said", Value: "yes"}}, Body: text, Reason: "said"})
}

func (e *everything) OnRequest(x *cleat.Exchange) cleat.Verdict {
	e.open.Add(1)
	e.hooks.Store(x.ID(), 1)
	verdict, err := e.act(x.Path(), x)
	if err != nil {
		return cleat.Failed(err.Error())
	}
	return verdict
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *everything) act(path string, x *cleat.Exchange) (cleat.Verdict, error) {
	switch path {
	case "/config":
		return say(x, e.summary), nil
	case "/fields":
		var all []string
		for _, field := range x.Request().All() {
			if strings.HasPrefix(field.Name, "x-") {
				all = append(all, field.Name+"="+field.Value)
			}
		}
		second, _ := x.Request().Nth("x-a", 1)
		return say(x, fmt.Sprintf("%s %t Some(%s)", strings.Join(all, ","), x.Request().Has("X-A"), second)), nil
	case "/head":
		err := first(x.Request().Set("x-set", "1"), x.Request().Add("x-set", "2"), x.Request().Remove("x-gone"), x.SetMethod("PUT"),
			x.SetTarget("/other?q=1"))
		if x.Request().Set("content-length", "7") != cleat.ErrInvalid {
			return cleat.Failed("framing was changed"), nil
		}
		return cleat.Continue, err
	case "/request-body":
		return cleat.Continue, x.RequestBody().Whole(100)
	case "/retry":
		return cleat.Continue, x.KeepForReplay(100)
	case "/facts":
		if err := first(x.SetMetadata(e.text, "words"), x.SetMetadataInteger(e.integer, -5), x.SetMetadataNumber(e.number, 2.5)); err != nil {
			return cleat.Fail, err
		}
		listener, _ := x.Text(cleat.AttrListener)
		requests, _ := x.Integer(cleat.AttrConnectionRequests)
		return say(x, fmt.Sprint(x.Metadata(e.text), " ", x.Metadata(e.integer), " ", x.Metadata(e.number), " ", listener, " ", requests, " ",
			x.Scheme(), " ", x.Query(), " ", x.Status() == 0)), nil
	case "/timer":
		ticket, err := x.Suspend()
		e.tickets <- ticket
		_, armed := e.h.Arm(x, 20*time.Millisecond, 42)
		return cleat.Suspend, first(err, armed)
	case "/timer-panic":
		_, err := x.Suspend()
		_, armed := e.h.Arm(x, 10*time.Millisecond, 13)
		return cleat.Suspend, first(err, armed, e.h.Post(x.ID(), func(x *cleat.Exchange) { x.Reset() }))
	case "/thread":
		ticket, err := x.Suspend()
		go func() {
			_, inside := cleat.Worker()
			wrong := x.SetTarget("/from-another-thread")
			e.h.Post(x.ID(), func(x *cleat.Exchange) {
				_, now := cleat.Worker()
				ticket.Resume(say(x, fmt.Sprintf("posted %t %t", !inside && wrong == cleat.ErrWrongThread, now)))
			})
		}()
		return cleat.Suspend, err
	case "/ticket":
		ticket, err := x.Suspend()
		go ticket.Resume(cleat.Continue)
		return cleat.Suspend, err
	case "/call":
		ticket, err := x.Suspend()
		call := cleat.Call{Cluster: "origin", Method: "POST", Target: "/called", Body: "question"}
		_, called := e.h.Call(x, call, func(x *cleat.Exchange, answer *cleat.Answer) {
			ticket.Resume(say(x, fmt.Sprintf("Some(%d) %s %s", answer.Status, answer.Header("X-Answer"), answer.Body)))
		})
		return cleat.Suspend, first(err, called)
	case "/no-cluster":
		_, err := e.h.Call(x, cleat.Call{Cluster: "nowhere"}, func(*cleat.Exchange, *cleat.Answer) {})
		return say(x, fmt.Sprintf("Some(%v)", err)), nil
	case "/panic":
		var nothing *everything
		return say(x, nothing.summary), nil // a nil pointer
	}
	return cleat.Continue, nil
}

func (e *everything) OnRoute(x *cleat.Exchange) cleat.Verdict {
	if x.Path() != "/route" {
		return cleat.Continue
	}
	word, ok := x.Route().(string)
	if !ok {
		word = "absent"
	}
	return say(x, word+" false")
}

func (e *everything) OnRequestBody(x *cleat.Exchange, last bool) cleat.Verdict {
	data := x.RequestBody().Data()
	e.sizes.Observe(uint64(len(data)))
	if x.RequestBody().Replace(fmt.Sprintf("%s %t", strings.ToUpper(data), last)) != nil {
		return cleat.Fail
	}
	return cleat.Continue
}

func (e *everything) OnAttemptEnd(x *cleat.Exchange, end cleat.AttemptEnd) cleat.Verdict {
	if end.Status == 503 && end.Attempt == 1 && end.CanRetry {
		x.Retry(0, false)
	}
	return cleat.Continue
}

func (e *everything) OnResponse(x *cleat.Exchange) cleat.Verdict {
	hooks, _ := e.hooks.Load(x.ID())
	x.Response().Set("x-hooks", fmt.Sprint(hooks, " ", false))
	if x.Path() == "/response-body" {
		x.ResponseBody().Stream()
		x.SetStatus(201)
	}
	return cleat.Continue
}

func (e *everything) OnResponseBody(x *cleat.Exchange, last bool) cleat.Verdict {
	x.ResponseBody().Prepend("<")
	end := ">"
	if last {
		end = ">!"
	}
	x.ResponseBody().Append(end)
	return cleat.Continue
}

func (e *everything) OnEnd(x *cleat.Exchange) {
	e.open.Add(-1)
	e.hooks.Delete(x.ID())
	if x.Path() == "/panic-at-the-end" {
		panic("asked to panic at the end")
	}
}

func (e *everything) OnEvent(event cleat.Event) {
	e.h.Log(cleat.Info, fmt.Sprintf("event %s %t", event.Name, event.Reopen))
}

func (e *everything) OnShutdown(completion cleat.Completion) {
	e.h.Log(cleat.Info, "shutdown")
	completion.Done()
}

func (e *everything) Destroy() { e.h.Log(cleat.Info, "destroyed") }

func init() { cleat.Register(create) }

func main() {}
