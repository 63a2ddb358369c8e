// @NAME@: MAY reply, MAY change. Greets who asks for one path, and marks what passes by.
package main

import "C" // has note.c compiled

import "cleat"

// @CLASS@ is one configured use of the plugin. All workers use it at the same time; nothing in it changes after it is made.
type @CLASS@ struct {
	path, greeting string
	greetings      cleat.Counter
}

func create(c *cleat.Create) (*@CLASS@, error) {
	greetings, err := c.Counter("cleat_@NAME@_greetings_total", "Requests answered here")
	if err != nil {
		return nil, err
	}
	return &@CLASS@{
		path:      c.Config().Text("path", "/hello"),
		greeting:  c.Config().Text("greeting", "hello") + "\n",
		greetings: greetings,
	}, nil
}

// OnRequest is the hook of a request's head.
func (p *@CLASS@) OnRequest(x *cleat.Exchange) cleat.Verdict {
	if x.Path() != p.path {
		return cleat.Continue
	}
	p.greetings.Add(1)
	return x.Reply(cleat.Reply{Status: 200, Body: p.greeting, Reason: "greeted"})
}

// OnResponse is the hook of a response's head.
func (p *@CLASS@) OnResponse(x *cleat.Exchange) cleat.Verdict {
	if x.Response().Set("x-seen-by", "@NAME@") != nil {
		return cleat.Fail
	}
	return cleat.Continue
}

func init() { cleat.Register(create) }

func main() {}
