package main

import (
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"cleat"
)

const goOn = 2

var (
	paused           cleat.CallHandle
	came, cameBefore atomic.Int64 // of the stream that is paused, and until it went on
)

func letGoOn() {
	cameBefore.Store(came.Load())
	paused.Pause(false)
}

// up is what is sent up, as it is taken.
type up struct{ left int }

func (u *up) send(call cleat.CallHandle) {
	piece := strings.Repeat("u", 16*1024)
	for u.left > 0 {
		if len(piece) > u.left {
			piece = piece[:u.left]
		}
		taken, err := call.Write(piece)
		if err != nil || taken == 0 {
			return
		}
		u.left -= taken
	}
	call.Finish(cleat.Field{Name: "x-sum", Value: "up"})
}

func end(answer *cleat.Answer, bytes int) string {
	if !answer.OK {
		how := fmt.Sprint(answer.How)
		if answer.How == cleat.Cancelled {
			how = "Cancelled"
		}
		return fmt.Sprint(how, " ", bytes)
	}
	text := fmt.Sprint("end ", bytes)
	for _, field := range answer.Trailers {
		text += " " + field.Name + "=" + field.Value
	}
	return text
}

func (e *extensions) stream(words []string, x *cleat.Exchange) (cleat.Verdict, error) {
	ticket, err := x.Suspend()
	if err != nil {
		return cleat.Fail, err
	}
	done := func(x *cleat.Exchange, text string) { ticket.Resume(say(x, text)) }
	asked := cleat.Call{Cluster: "origin", Target: "/called"}
	above := cleat.Call{Cluster: "origin", Target: "/called", Method: "POST", StreamBody: true}
	head, bytes := "", 0
	switch words[0] {
	case "stream":
		_, err = e.h.CallStream(x, asked, func(x *cleat.Exchange, _ cleat.CallHandle, event *cleat.CallEvent) {
			switch event.Kind {
			case cleat.CallHead:
				head = fmt.Sprintf("head %d %s ", event.Status, event.Header("X-From"))
			case cleat.CallData:
				bytes += len(event.Data)
			case cleat.CallEnd:
				done(x, head+end(event.Answer, bytes))
			}
		})
	case "stream-up":
		rest, writable := up{number(words[1]) - 65536}, false
		var started cleat.CallHandle
		started, err = e.h.CallStream(x, above, func(x *cleat.Exchange, call cleat.CallHandle, event *cleat.CallEvent) {
			switch event.Kind {
			case cleat.CallWritable:
				writable = true
				rest.send(call)
			case cleat.CallHead:
				head = fmt.Sprintf("head %d ", event.Status)
			case cleat.CallEnd:
				done(x, fmt.Sprintf("%s%s %t", head, end(event.Answer, rest.left), writable))
			}
		})
		// More than is taken at once, so that the rest goes on when there is room.
		if taken, _ := started.Write(strings.Repeat("u", 200_000)); taken != 65536 {
			panic(taken)
		}
	case "gathered-up":
		var started cleat.CallHandle
		started, err = e.h.Call(x, above, func(x *cleat.Exchange, answer *cleat.Answer) {
			done(x, fmt.Sprintf("Some(%d) %s", answer.Status, answer.Body))
		})
		started.Write("question")
		started.Finish()
		if _, late := started.Write("more"); late != cleat.ErrWrongPhase {
			panic(late)
		}
	case "stream-pause":
		e.h.Arm(x, 300*time.Millisecond, goOn)
		came.Store(0)
		cameBefore.Store(math.MaxInt64)
		_, err = e.h.CallStream(x, asked, func(x *cleat.Exchange, call cleat.CallHandle, event *cleat.CallEvent) {
			switch event.Kind {
			case cleat.CallHead:
				call.Pause(true)
				paused = call
			case cleat.CallData:
				came.Add(int64(len(event.Data)))
			case cleat.CallEnd:
				done(x, fmt.Sprint(cameBefore.Load(), " ", end(event.Answer, int(came.Load()))))
			}
		})
	case "stream-cancel":
		_, err = e.h.CallStream(x, asked, func(x *cleat.Exchange, call cleat.CallHandle, event *cleat.CallEvent) {
			switch event.Kind {
			case cleat.CallHead:
				head = said(call.Cancel())
			case cleat.CallEnd:
				_, late := call.Write("x")
				done(x, fmt.Sprintf("%s %s %v %v Some(%v)", head, end(event.Answer, bytes), call.Pause(true), call.Cancel(), late))
			}
		})
	case "stream-panic":
		tickets <- ticket
		e.h.Arm(x, 100*time.Millisecond, 1)
		asked.Timeout = 10 * time.Minute
		_, err = e.h.CallWorkerStream(asked, func(_ cleat.CallHandle, event *cleat.CallEvent) {
			if event.Kind == cleat.CallHead {
				panic("asked to panic in a stream")
			}
			panic("told more after a panic")
		})
	case "stream-worker":
		_, err = e.h.CallWorkerStream(asked, func(_ cleat.CallHandle, event *cleat.CallEvent) {
			switch event.Kind {
			case cleat.CallData:
				bytes += len(event.Data)
			case cleat.CallEnd:
				text := end(event.Answer, bytes)
				e.h.Post(x.ID(), func(x *cleat.Exchange) { done(x, text) })
			}
		})
	case "stream-refused":
		asked.Cluster = "nowhere"
		_, err = e.h.CallStream(x, asked, func(*cleat.Exchange, cleat.CallHandle, *cleat.CallEvent) {})
		return say(x, fmt.Sprintf("Some(%v)", err)), nil
	case "stream-many":
		var started []cleat.CallHandle
		for err == nil {
			var one cleat.CallHandle
			if one, err = e.h.CallStream(x, asked, func(*cleat.Exchange, cleat.CallHandle, *cleat.CallEvent) {}); err == nil {
				started = append(started, one)
			}
		}
		for _, one := range started {
			one.Cancel()
		}
		return say(x, fmt.Sprintf("%d %v", len(started), err)), nil
	default:
		return cleat.Failed("x-do says nothing that is known"), nil
	}
	return cleat.Suspend, err
}
