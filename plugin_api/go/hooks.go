package cleat

// What a plugin's type may have. The methods it has are called; the others cost nothing. Hooks of one exchange run one at a time on one
// worker, different exchanges on different workers at the same time: what hooks change is atomic, or behind a lock held for a moment.

// RouteConfig is for plugins that routes may say something of their own to (plugins: {name: ...}); Exchange.Route finds what is made of it.
type RouteConfig interface {
	RouteCreate(config Config) (any, error)
}

// WorkerStart is called on each worker, before any hook there. An error refuses the load.
type WorkerStart interface{ WorkerStart(worker uint32) error }

// WorkerStop is called on each worker, after every hook there.
type WorkerStop interface{ WorkerStop(worker uint32) }

// OnConnection is called when a downstream connection was accepted; nothing is read yet.
type OnConnection interface{ OnConnection(c *Connection) Verdict }

// OnTLS is called when a TLS handshake is done: attributes have the peer. Not called for plain connections.
type OnTLS interface{ OnTLS(c *Connection) Verdict }

// OnConnectionEnd is called when a connection is closed: once for each OnConnection.
type OnConnectionEnd interface{ OnConnectionEnd(c *Connection) }

// OnRequest is called when the request's head is complete, its target normalised.
type OnRequest interface{ OnRequest(x *Exchange) Verdict }

// OnRoute is called when the route is chosen, and its own configuration readable.
type OnRoute interface{ OnRoute(x *Exchange) Verdict }

// OnRequestBody is called with a piece of the request's body, or all of it, where Exchange.RequestBody was asked for it. last: no more
// data follows; trailers may.
type OnRequestBody interface {
	OnRequestBody(x *Exchange, last bool) Verdict
}

// OnRequestTrailers is called when there are trailers.
type OnRequestTrailers interface{ OnRequestTrailers(x *Exchange) Verdict }

// OnAttempt is called before each attempt upstream, and before an endpoint is chosen; attempt is 1 for the first.
type OnAttempt interface {
	OnAttempt(x *Exchange, attempt uint32) Verdict
}

// OnAttemptEnd is called when an attempt failed, or its response's head is here; Exchange.Retry makes another.
type OnAttemptEnd interface {
	OnAttemptEnd(x *Exchange, end AttemptEnd) Verdict
}

// OnResponse is called when the response's head is here, from whomever.
type OnResponse interface{ OnResponse(x *Exchange) Verdict }

// OnResponseBody is called with a piece of the response's body, or all of it, where Exchange.ResponseBody was asked for it.
type OnResponseBody interface {
	OnResponseBody(x *Exchange, last bool) Verdict
}

// OnResponseTrailers is called when there are trailers.
type OnResponseTrailers interface {
	OnResponseTrailers(x *Exchange) Verdict
}

// OnReply is called when a reply made here is about to be sent; its OnResponse follows.
type OnReply interface{ OnReply(x *Exchange) Verdict }

// OnEnd is called when an exchange ended: exactly once, however it ended, also for a request that was refused before OnRequest.
type OnEnd interface{ OnEnd(x *Exchange) }

// OnEvent is called on the control thread when something happened to the process.
type OnEvent interface{ OnEvent(event Event) }

// OnDrain is called on the control thread when no new work comes; call completion.Done when idle.
type OnDrain interface{ OnDrain(completion Completion) }

// OnShutdown is called on the control thread as the last chance to flush; then call completion.Done.
type OnShutdown interface{ OnShutdown(completion Completion) }

// OnTimer is called with the token when a timer of an exchange fires: Handle.Arm.
type OnTimer interface {
	OnTimer(x *Exchange, token uintptr)
}

// OnConnectionTimer is called with the token when a timer of a connection fires: Handle.ArmConnection.
type OnConnectionTimer interface {
	OnConnectionTimer(c *Connection, token uintptr)
}

// OnWorkerTimer is called with the token when a timer of a worker fires: Handle.ArmWorker.
type OnWorkerTimer interface{ OnWorkerTimer(token uintptr) }

// OnHandle is called when a request is to be answered by the plugin itself: it is the origin of a route (handler: <instance>). Its head is
// complete. Continue: the answer is made, now or later, through Exchange.ResponseWriter. Replied: Exchange.Reply holds it all. Fail, and a
// panic: a 500. Suspend: asked again, from the start, when resumed.
type OnHandle interface{ OnHandle(x *Exchange) Verdict }

// OnHandleBody is called with a piece of the body of such a request, in Exchange.RequestBody; without this method it is read and dropped.
// last: no more follows; also called with an empty last piece where there is no body. Suspend holds the sender back.
type OnHandleBody interface {
	OnHandleBody(x *Exchange, last bool) Verdict
}

// OnWritable is called when ResponseWriter.Write had taken less than it was given, and now there is room again. A panic cuts the answer off.
type OnWritable interface{ OnWritable(x *Exchange) }

// OnHandleEnd is called when the exchange is over, or no more of the answer is wanted.
type OnHandleEnd interface{ OnHandleEnd(x *Exchange) }

// OnClientHello is called when a client begins a TLS handshake, after OnConnection, before anything is answered. Replied closes the connection;
// Suspend holds the handshake back, for timeouts.suspend at most.
type OnClientHello interface {
	OnClientHello(c *Connection) Verdict
}

// Balancer is for plugins that choose a cluster's endpoints (balancer: {use: <instance>, config: ...}).
type Balancer interface {
	// SetCreate makes what is kept of one cluster, in one generation, for all workers: of its endpoints and its balancer.config. On the control
	// thread; an error, and a panic, refuse the configuration.
	SetCreate(endpoints *Endpoints, config Config) (any, error)
	// Pick gives the endpoint for this attempt, on a worker. False, what is out of range, and a panic, fall back to weighted round robin and are
	// counted against the plugin.
	Pick(set any, x *Exchange) (int, bool)
}

// Discovery is for plugins that bring endpoints to clusters (discovery: {use: <instance>, config: ...}), through Handle.SetEndpoints.
type Discovery interface {
	// WatchCluster is called when a new or changed cluster wants its endpoints: now, or whenever they are known. The configuration switches to
	// it with its first list, or after a few seconds without. Two watches of one name may be there for a while: the new one begins before the
	// old ends, and a list is for both; if the new one ends first, what the old one wants is to be given again. On the control thread.
	WatchCluster(cluster string, config Config) (any, error)
	// UnwatchCluster is called with what WatchCluster gave when the cluster wants no more.
	UnwatchCluster(watch any)
}

// Handover is for plugins whose state outlives their instance, when a reload changes its configuration, policy or file. The old instance serves
// on after it has given, and what it learns then is lost to the new one: state of which nothing may be lost belongs into a Kv. On the control
// thread.
type Handover interface {
	// GiveState is called of the old instance, while its hooks run on the workers: it writes a snapshot of its state, and changes nothing of
	// it, since the reload may still be refused. Where nothing is written nothing is handed over. An error, and a panic, are a warning, and
	// the new one begins anew.
	GiveState(to *StateWriter) error
	// TakeState is called of the new instance, before any other call, with the bytes: another build may have written them, so they are to be
	// read with suspicion. False: it does not know this format, or can make nothing of it, and begins anew. An error, and a panic: it will not
	// begin without, and the reload is refused.
	TakeState(format uint32, bytes string) (bool, error)
}

// Destroy is called on the control thread, as the last of an instance.
type Destroy interface{ Destroy() }

// Event is an event of the process.
type Event struct {
	Reopen bool   // log files have been moved away, open them anew (SIGUSR1); if not, it is one that the plugin subscribed to
	Name   string // its name
	Data   string // what comes with it
}
