package cleat

// #include "bridge.h"
import "C"

import (
	"fmt"
	"runtime/cgo"
	"unsafe"
)

// Counter counts up; any goroutine may add to it.
type Counter struct{ series C.cleat_series }

// Gauge goes up and down.
type Gauge struct{ series C.cleat_series }

// Histogram puts values into buckets.
type Histogram struct{ series C.cleat_series }

// Add adds so many.
func (c Counter) Add(amount uint32) { add(c.series, int64(amount)) }

// Add adds so many, or takes them away.
func (g Gauge) Add(amount int64) { add(g.series, amount) }

// Observe takes one value, in the unit of the bounds.
func (h Histogram) Observe(value uint64) {
	if h.series != 0 {
		C.go_metric_observe(h.series, C.uint64_t(value))
	}
}

func add(series C.cleat_series, amount int64) {
	if series != 0 {
		C.go_metric_add(series, C.int64_t(amount))
	}
}

// Family is a metric with labels: one series for each tuple of their values.
type Family[M Counter | Gauge | Histogram] struct {
	metric   C.uint64_t
	defined  bool
	instance string
}

// With gives the series of these values, in the order of the labels. It takes a lock: do it once, keep it.
func (f Family[M]) With(values ...string) M {
	var none M
	if !f.defined {
		return none
	}
	var list packed
	list.add(f.instance)
	list.add(values...)
	got := C.go_metric_series(f.metric, list.data(), list.size(), list.lengths(), C.uint64_t(len(list.sizes)))
	if got.status != C.CLEAT_OK {
		return none
	}
	return M{C.cleat_series(got.value)}
}

// define: a metric defined before in another way is an error; on a host without cleat.metrics/1 metrics count nothing.
func define[M Counter | Gauge | Histogram](c *Create, kind C.uint32_t, name, help string, labels []string, bounds []uint64) (Family[M], error) {
	family := Family[M]{instance: c.name}
	var list packed
	list.add(name, help, "instance")
	list.add(labels...)
	var least *C.uint64_t
	if len(bounds) > 0 {
		least = (*C.uint64_t)(unsafe.Pointer(&bounds[0]))
	}
	got := C.go_metric_define(c.self, kind, list.data(), list.size(), list.lengths(), C.uint64_t(1+len(labels)), least, C.uint64_t(len(bounds)))
	if got.status == C.CLEAT_UNSUPPORTED {
		return family, nil
	}
	if err := check(got.status); err != nil {
		return family, fmt.Errorf("metric %s: %s", name, ErrorText())
	}
	family.metric, family.defined = got.value, true
	return family, nil
}

// Counter defines a counter. Names of metrics: cleat_<plugin>_<what>[_<unit>][_total]. A label "instance" is added.
func (c *Create) Counter(name, help string) (Counter, error) {
	family, err := c.Counters(name, help)
	return family.With(), err
}

// Gauge defines a gauge.
func (c *Create) Gauge(name, help string) (Gauge, error) {
	family, err := c.Gauges(name, help)
	return family.With(), err
}

// Histogram defines a histogram; the bounds ascend, at most 32 of them.
func (c *Create) Histogram(name, help string, bounds []uint64) (Histogram, error) {
	family, err := c.Histograms(name, help, bounds)
	return family.With(), err
}

// Counters defines counters by label values.
func (c *Create) Counters(name, help string, labels ...string) (Family[Counter], error) {
	return define[Counter](c, C.CLEAT_COUNTER, name, help, labels, nil)
}

// Gauges defines gauges by label values.
func (c *Create) Gauges(name, help string, labels ...string) (Family[Gauge], error) {
	return define[Gauge](c, C.CLEAT_GAUGE, name, help, labels, nil)
}

// Histograms defines histograms by label values.
func (c *Create) Histograms(name, help string, bounds []uint64, labels ...string) (Family[Histogram], error) {
	return define[Histogram](c, C.CLEAT_HISTOGRAM, name, help, labels, bounds)
}

// MetricKind says what a metric is.
type MetricKind uint32

// Kinds of metrics.
const (
	CounterMetric   MetricKind = C.CLEAT_COUNTER
	GaugeMetric     MetricKind = C.CLEAT_GAUGE
	HistogramMetric MetricKind = C.CLEAT_HISTOGRAM
)

// MetricView is one series of the process, as VisitMetrics shows it.
type MetricView struct {
	Kind    MetricKind
	Name    string
	Help    string
	Labels  []Field
	Value   int64    // of a histogram: the sum
	Bounds  []uint64 // of a histogram: its buckets' upper bounds
	Buckets []uint64 // one more than bounds, not cumulated
}

// walk is a visit that is under way.
type walk struct {
	visit    func(view MetricView)
	panicked any
}

// VisitMetrics calls visit for every series of the process, the kernel's too, grouped by name. visit must not use metrics itself; a panic of it
// goes on when the walk is over.
func VisitMetrics(visit func(view MetricView)) error {
	walking := &walk{visit: visit}
	handle := cgo.NewHandle(walking)
	defer handle.Delete()
	status := C.go_metrics_visit(C.uintptr_t(handle))
	if walking.panicked != nil {
		panic(walking.panicked)
	}
	return check(status)
}

func numbers(from *C.uint64_t, count C.uint64_t) []uint64 {
	all := make([]uint64, 0, count)
	for _, one := range unsafe.Slice(from, int(count)) {
		all = append(all, uint64(one))
	}
	return all
}

//export cleatGoSeries
func cleatGoSeries(user C.uintptr_t, view *C.cleat_metric_view) {
	walking := cgo.Handle(user).Value().(*walk)
	if walking.panicked != nil {
		return
	}
	defer func() {
		if panicked := recover(); panicked != nil {
			walking.panicked = describe(panicked)
		}
	}()
	shown := MetricView{Kind: MetricKind(view.kind), Name: out(view.name), Help: out(view.help), Labels: fieldsOf(view.labels, view.label_count),
		Value: int64(view.value)}
	if view.kind == C.CLEAT_HISTOGRAM {
		shown.Bounds, shown.Buckets = numbers(view.bounds, view.bound_count), numbers(view.buckets, view.bound_count+1)
	}
	walking.visit(shown)
}
