// tutorial: MAY reply, MAY change. Blocks one path; asks a service whether any other may pass, and waits for its answer; marks what passed;
// counts all of it. ../tutorial_c, ../tutorial_cpp and ../tutorial_rust are the same plugin.
//
//	go build -buildmode=c-shared -o tutorial.so .
package main

import "C" // has note.c compiled

import (
	"time"

	"cleat"
)

// tutorial is one configured use of the plugin. All workers use it at the same time; nothing in it changes after it is made.
type tutorial struct {
	me                          cleat.Handle
	block, fail, cluster, check string
	timeout                     time.Duration
	blocked, allowed, denied    cleat.Counter
}

func create(c *cleat.Create) (*tutorial, error) {
	requests, err := c.Counters("cleat_tutorial_requests_total", "Requests, by what became of them", "outcome")
	if err != nil {
		return nil, err
	}
	config := c.Config()
	return &tutorial{
		me:      c.Handle(),
		block:   config.Text("block", "/private"),
		fail:    config.Text("fail", ""),
		cluster: config.Text("cluster", "auth"),
		check:   config.Text("check", "/check"),
		timeout: config.Duration("timeout", 2*time.Second),
		blocked: requests.With("blocked"),
		allowed: requests.With("allowed"),
		denied:  requests.With("denied"),
	}, nil
}

// OnRequest is the hook of a request's head.
func (t *tutorial) OnRequest(x *cleat.Exchange) cleat.Verdict {
	path := x.Path()
	if path == t.block {
		t.blocked.Add(1)
		return x.Reply(cleat.Reply{Status: 403, Body: "blocked\n", Reason: "blocked"})
	}
	if path == t.fail {
		panic("asked to fail") // stops at the hook: on_failure decides
	}
	return t.ask(x, path)
}

// OnResponse is the hook of a response's head.
func (t *tutorial) OnResponse(x *cleat.Exchange) cleat.Verdict {
	if x.Response().Set("x-tutorial", "seen") != nil {
		return cleat.Fail
	}
	return cleat.Continue
}

// ask asks the service about the path, and holds the exchange until it has answered.
func (t *tutorial) ask(x *cleat.Exchange, path string) cleat.Verdict {
	ticket, err := x.Suspend()
	if err != nil {
		return cleat.Failed("the service cannot be asked")
	}
	call := cleat.Call{Cluster: t.cluster, Target: t.check, Headers: []cleat.Field{{Name: "x-path", Value: path}}, Timeout: t.timeout}
	_, err = t.me.Call(x, call, func(x *cleat.Exchange, answer *cleat.Answer) {
		ticket.Resume(t.decide(x, answer)) // ErrStale where the exchange has ended meanwhile: harmless
	})
	if err != nil {
		return cleat.Failed("the service cannot be asked")
	}
	return cleat.Suspend
}

// decide: the service has answered, or did not; once for each call, on the exchange's worker.
func (t *tutorial) decide(x *cleat.Exchange, answer *cleat.Answer) cleat.Verdict {
	switch answer.Status {
	case 200:
		t.allowed.Add(1)
		return cleat.Continue
	case 403:
		t.denied.Add(1)
		return x.Reply(cleat.Reply{Status: 403, Body: answer.Body, Reason: "denied"})
	}
	return cleat.Fail // on_failure decides what is done without an answer
}

func init() { cleat.Register(create) }

func main() {}
