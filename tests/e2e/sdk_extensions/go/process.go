package main

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"cleat"
)

// cleat.config_source/1 and cleat.control/1: what the process is, and becomes.

// watch is what a cluster wants.
type watch struct {
	cluster string
	panics  bool
}

func (e *extensions) WatchCluster(cluster string, config cleat.Config) (any, error) {
	switch config.Text("wants", "all") {
	case "refusal":
		return nil, errors.New("refused as asked")
	case "panic":
		panic("asked to panic in watch")
	}
	e.log("watch " + cluster)
	if address := config.Text("address", ""); address != "" {
		if err := e.h.SetEndpoints(cluster, []cleat.SourceEndpoint{{Address: address}}); err != nil {
			return nil, err
		}
	}
	return &watch{cluster, config.Bool("panic_at_the_end", false)}, nil
}

func (e *extensions) UnwatchCluster(of any) {
	watch := of.(*watch)
	e.log("unwatch " + watch.cluster)
	if watch.panics {
		panic("asked to panic in unwatch")
	}
}

// metrics gives the series of that name.
func metrics(name string) string {
	var all []string
	err := cleat.VisitMetrics(func(one cleat.MetricView) {
		if one.Name == "cleat_requests_total" && name == "panic" {
			panic("asked to panic in a visit")
		}
		if one.Name != name {
			return
		}
		var labels, buckets []string
		for _, label := range one.Labels {
			labels = append(labels, label.Name+"="+label.Value)
		}
		for i, count := range one.Buckets {
			bound := uint64(math.MaxUint64)
			if i < len(one.Bounds) {
				bound = one.Bounds[i]
			}
			buckets = append(buckets, fmt.Sprintf("%d:%d", bound, count))
		}
		kind := []string{"", "Counter", "Gauge", "Histogram"}[one.Kind]
		all = append(all, fmt.Sprint(kind, " ", strings.Join(labels, ","), " ", one.Value, " ", strings.Join(buckets, ",")))
	})
	return said(err) + " " + strings.Join(all, "; ")
}

var kinds = map[string]cleat.Resource{"listener": cleat.ListenerResource, "route_table": cleat.RouteTableResource, "cluster": cleat.ClusterResource,
	"secret": cleat.SecretResource}

var (
	states = []string{"Starting", "Serving", "Draining", "Stopping"}
	levels = []string{"Debug", "Info", "Warn", "Error"}
)

func (e *extensions) process(words []string, x *cleat.Exchange) (cleat.Verdict, error) {
	switch words[0] {
	case "state":
		return say(x, states[cleat.State()]), nil
	case "level":
		was, err := cleat.LogLevel()
		set := e.h.SetLogLevel(cleat.Debug)
		is, got := cleat.LogLevel()
		return say(x, levels[was]+" "+levels[is]), first(err, set, got, e.h.SetLogLevel(was))
	case "drain":
		return say(x, said(e.h.Drain())), nil
	case "transactions":
		var open []cleat.Transaction
		one, err := e.h.Begin(false)
		for ; err == nil; one, err = e.h.Begin(false) {
			open = append(open, one)
		}
		for _, one := range open {
			one.Abandon()
		}
		if late := open[0].Stage(cleat.ClusterResource, "c", "{}"); late != cleat.ErrStale {
			return cleat.Fail, late
		}
		again, ended := e.h.Begin(false)
		again.Abandon()
		return say(x, fmt.Sprint(len(open), " ", err, " ", ended == nil)), nil
	case "endpoints":
		var list []cleat.SourceEndpoint
		for _, one := range strings.Split(words[2], ",") {
			list = append(list, cleat.SourceEndpoint{Address: strings.TrimPrefix(one, "!"), Unhealthy: strings.HasPrefix(one, "!")})
		}
		return say(x, said(e.h.SetEndpoints(words[1], list))), nil
	case "version":
		return say(x, is(e.h.SourceVersion())), nil
	}

	ticket, err := x.Suspend()
	if err != nil {
		return cleat.Fail, err
	}
	answer := func(text string) {
		e.h.Post(x.ID(), func(x *cleat.Exchange) { ticket.Resume(say(x, text)) })
	}
	answered := func(text string, err error) { answer(said(err) + " " + text) }
	switch words[0] {
	case "describe":
		err = e.h.Describe(words[1], answered)
	case "reload":
		err = e.h.Reload(answered)
	case "restore":
		err = e.h.Restore(words[1], answered)
	case "describe-panic":
		tickets <- ticket
		e.h.Arm(x, 100*time.Millisecond, 1)
		err = e.h.Describe("server", func(string, error) { panic("asked to panic in an answer") })
	case "commit", "replace":
		var transaction cleat.Transaction
		if transaction, err = e.h.Begin(words[0] == "replace"); err != nil {
			return cleat.Fail, err
		}
		for i := 1; i+2 < len(words); i += 3 {
			if words[i+2] == "-" {
				err = first(err, transaction.Remove(kinds[words[i]], words[i+1]))
			} else {
				err = first(err, transaction.Stage(kinds[words[i]], words[i+1], words[i+2]))
			}
		}
		err = first(err, transaction.Commit(func(committed cleat.Committed) {
			answer(fmt.Sprint(said(committed.Err), " ", committed.Version, " ", committed.Text))
		}))
	case "commit-panic":
		tickets <- ticket
		e.h.Arm(x, 100*time.Millisecond, 1)
		transaction, began := e.h.Begin(false)
		err = first(began, transaction.Commit(func(cleat.Committed) { panic("asked to panic in a commit") }))
	default:
		return cleat.Failed("x-do says nothing that is known"), nil
	}
	return cleat.Suspend, err
}
