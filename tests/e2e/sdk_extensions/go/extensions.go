// extensions: does with the SDK's extensions what a request's x-do says, for tests/e2e/test_sdk_extensions.py. The same as ../rust.
package main

import "C"

import (
	"fmt"
	"strings"

	"cleat"
)

type extensions struct {
	h           cleat.Handle
	own, shared cleat.Kv
	words       cleat.Histogram
	kept        kept
}

// Of the hooks that wait: one at a time.
var tickets = make(chan cleat.Ticket, 1)

func create(c *cleat.Create) (*extensions, error) {
	e := &extensions{h: c.Handle()}
	for number := int64(0); number < c.Config().Integer("patterns", 0, 100, 1); number++ {
		if err := e.h.Subscribe(fmt.Sprintf("demo%d.*", number)); err != nil {
			return nil, fmt.Errorf("%v: %s", err, cleat.ErrorText())
		}
	}
	e.kept.read(c.Config())
	err := e.h.Subscribe("cleat.generation.*")
	if err == nil {
		e.own, err = c.OpenKv("own", c.Config().Bytes("own_bytes", 4096))
	}
	if err == nil {
		remember(c, e.own)
		e.shared, err = c.OpenPluginKv("shared", 65536)
	}
	if err == nil {
		e.words, err = c.Histogram("cleat_extensions_words", "Words of x-do", []uint64{1, 2})
	}
	if err != nil {
		return nil, fmt.Errorf("%v: %s", err, cleat.ErrorText())
	}
	return e, nil
}

func (e *extensions) OnEvent(event cleat.Event) {
	e.h.Log(cleat.Info, "event "+event.Name+" "+event.Data)
	if event.Name == "demo0.panic" {
		panic("asked to panic in an event")
	}
}

func (e *extensions) OnTimer(x *cleat.Exchange, token uintptr) {
	switch token {
	case goOn:
		letGoOn()
	case answer:
		e.answerLater(x)
	default:
		(<-tickets).Resume(say(x, "waited"))
	}
}

func (e *extensions) OnRequest(x *cleat.Exchange) cleat.Verdict {
	asked := x.Request().Get("x-do")
	if asked == "" {
		return cleat.Continue
	}
	words := strings.Split(asked, " ")
	switch words[0] {
	case "publish":
		return say(x, said(e.h.Publish(words[1], words[2])))
	case "publish-long":
		return say(x, said(e.h.Publish("demo0.long", strings.Repeat("x", 4097))))
	case "answer":
		return say(x, said(x.ResponseWriter().Start(cleat.Reply{Status: 200})))
	case "subscribe":
		return say(x, said(e.h.Subscribe("demo.late")))
	case "kv":
		return say(x, e.kv(words[1:]))
	case "metrics":
		shown := metrics(words[1])
		e.words.Observe(uint64(len(words)))
		return say(x, shown)
	case "kept":
		return say(x, e.kept.state.Load().(string))
	case "set":
		return say(x, lastSet())
	case "hello":
		return say(x, hello.Load().(string))
	}
	run := e.process
	if strings.HasPrefix(words[0], "stream") || words[0] == "gathered-up" {
		run = e.stream
	}
	verdict, err := run(words, x)
	if err != nil {
		return say(x, err.Error())
	}
	return verdict
}

func say(x *cleat.Exchange, text string) cleat.Verdict {
	return x.Reply(cleat.Reply{Status: 200, Body: text})
}

func said(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func init() {
	cleat.Register(create)
	cleat.RegisterCommand(command)
}

func main() {}
