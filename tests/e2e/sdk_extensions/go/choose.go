package main

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"cleat"
)

// cleat.balancer/1 and cleat.tls/1: what connections are shown, and where requests go.

type set struct {
	endpoints *cleat.Endpoints
	pick      string
}

var (
	last  atomic.Pointer[cleat.Endpoints] // also when its set is gone
	hello atomic.Value
)

func (e *extensions) SetCreate(endpoints *cleat.Endpoints, config cleat.Config) (any, error) {
	pick := config.Text("pick", "last")
	if pick == "refuse" {
		return nil, errors.New("refused as asked")
	}
	if pick == "unhealthy" {
		if err := endpoints.SetHealthy(2, false); err != nil {
			return nil, err
		}
	}
	last.Store(endpoints)
	return &set{endpoints, pick}, nil
}

func (e *extensions) Pick(of any, x *cleat.Exchange) (int, bool) {
	set := of.(*set)
	switch set.pick {
	case "none":
		return 0, false
	case "range":
		return len(set.endpoints.List) + 7, true
	case "panic":
		panic("asked to panic in pick")
	}
	for i := len(set.endpoints.List) - 1; i >= 0; i-- {
		if healthy, _ := set.endpoints.Healthy(i); healthy && !x.Tried(i) {
			return i, true
		}
	}
	return 0, false
}

func lastSet() string {
	set := last.Load()
	var list []string
	for _, one := range set.List {
		list = append(list, fmt.Sprintf("%s*%d", one.Address, one.Weight))
	}
	return fmt.Sprint(set.Cluster, " ", strings.Join(list, ","), " ", is(set.InFlight(0)), " ", is(set.Healthy(2)), " ", said(set.SetHealthy(99, true)))
}

func hex(bytes string, ok bool) string {
	if !ok {
		return "none"
	}
	return fmt.Sprintf("%x", bytes)
}

func has(_ string, ok bool) bool { return ok }

func (e *extensions) OnClientHello(c *cleat.Connection) cleat.Verdict {
	name, _ := c.ClientHello(cleat.HelloServerName)
	hello.Store(fmt.Sprint(name, " ", hex(c.ClientHello(cleat.HelloVersion)), " ", hex(c.ClientHello(cleat.HelloALPN)), " ", hex(c.ClientHelloExtension(43)),
		" ", hex(c.ClientHelloExtension(0xfafa)), " ", has(c.ClientHello(cleat.HelloCiphers)), " ", has(c.ClientHello(cleat.HelloExtensions)), " ",
		has(c.PeerCertificate(0))))
	switch word, _, _ := strings.Cut(name, "."); word {
	case "other":
		if err := c.UseCertificate("other"); err != nil {
			return cleat.Failed(err.Error())
		}
	case "missing":
		e.log("certificate " + said(c.UseCertificate("nowhere")))
	case "panic":
		panic("asked to panic in on_client_hello")
	}
	return cleat.Continue
}

func (e *extensions) OnTLS(c *cleat.Connection) cleat.Verdict {
	der, _ := c.PeerCertificate(0)
	e.log(fmt.Sprint("peer ", len(der), " ", has(c.PeerCertificate(1000)), " ", has(c.ClientHello(cleat.HelloVersion)), " ", said(c.UseCertificate("other"))))
	return cleat.Continue
}
