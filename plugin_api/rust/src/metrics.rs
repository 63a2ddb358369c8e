//! Counters, gauges and histograms (`cleat.metrics/1`). Defined in `create`; then each is one handle that any thread adds to without a
//! lock. Without the extension they count nothing, and nothing fails.

use core::any::Any;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::size_of;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

use crate::ffi;
use crate::hooks::Create;
use crate::host::{error_text, host_call, tables};
use crate::status::{Error, Status};
use crate::text::{list, to_str, Text};

/// Counts up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Counter(u64);
/// Goes up and down.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Gauge(u64);
/// Puts values into buckets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Histogram(u64);

/// One of the three kinds.
pub trait Metric: sealed::Metric {}
impl Metric for Counter {}
impl Metric for Gauge {}
impl Metric for Histogram {}

mod sealed {
    pub trait Metric: Copy {
        const KIND: u32;
        fn of(series: u64) -> Self;
    }
}

impl sealed::Metric for Counter {
    const KIND: u32 = ffi::COUNTER;
    fn of(series: u64) -> Self {
        Counter(series)
    }
}
impl sealed::Metric for Gauge {
    const KIND: u32 = ffi::GAUGE;
    fn of(series: u64) -> Self {
        Gauge(series)
    }
}
impl sealed::Metric for Histogram {
    const KIND: u32 = ffi::HISTOGRAM;
    fn of(series: u64) -> Self {
        Histogram(series)
    }
}

fn add(series: u64, amount: i64) {
    if series != 0 {
        let _ = host_call!(metrics.add(series, amount));
    }
}

impl Counter {
    /// So many more. Any thread.
    pub fn add(self, amount: u32) {
        add(self.0, i64::from(amount));
    }
}

impl Gauge {
    /// So many more, or fewer. Any thread.
    pub fn add(self, amount: i64) {
        add(self.0, amount);
    }
}

impl Histogram {
    /// One value, in the unit of the bounds. Any thread.
    pub fn observe(self, value: u64) {
        if self.0 != 0 {
            let _ = host_call!(metrics.observe(self.0, value));
        }
    }
}

/// A metric with labels: one series for each tuple of their values.
#[derive(Clone, Debug)]
pub struct Family<M> {
    metric: Option<u64>,
    instance_name: String,
    kind: PhantomData<fn() -> M>,
}

impl<M: Metric> Family<M> {
    /// The series of these values, in the order of the labels. Any thread, but it takes a lock: do it once, keep it.
    pub fn with(&self, values: &[&str]) -> M {
        let mut all = vec![to_str(self.instance_name.as_bytes())];
        all.extend(values.iter().map(|value| to_str(value.as_bytes())));
        let mut series = 0u64;
        match self.metric {
            Some(metric) if host_call!(metrics.series(metric, all.as_ptr(), all.len() as u64, &mut series)).is_ok() => M::of(series),
            _ => M::of(0),
        }
    }
}

/// Names: `cleat_<plugin>_<what>[_<unit>][_total]`. A label `instance` is added. It fails if the name was defined before in another way.
impl<P> Create<'_, P> {
    fn family<M: Metric>(&self, name: &str, help: &str, labels: &[&str], bounds: &[u64]) -> Result<Family<M>, Error> {
        let mut family = Family { metric: None, instance_name: self.name().to_string_lossy(), kind: PhantomData };
        if tables().metrics.define.is_none() {
            return Ok(family);
        }
        let mut names = vec![to_str(b"instance")];
        names.extend(labels.iter().map(|label| to_str(label.as_bytes())));
        let def = ffi::MetricDef {
            size: size_of::<ffi::MetricDef>() as u32,
            kind: M::KIND,
            name: to_str(name.as_bytes()),
            help: to_str(help.as_bytes()),
            labels: names.as_ptr(),
            label_count: names.len() as u64,
            bounds: bounds.as_ptr(),
            bound_count: bounds.len() as u64,
            series_max: 0,
        };
        let mut metric = 0u64;
        host_call!(metrics.define(self.instance(), &def, &mut metric)).map_err(|_| Error::new(format!("metric {}: {}", name, error_text())))?;
        family.metric = Some(metric);
        Ok(family)
    }
    /// A counter.
    pub fn counter(&self, name: &str, help: &str) -> Result<Counter, Error> {
        Ok(self.counters(name, help, &[])?.with(&[]))
    }
    /// A gauge.
    pub fn gauge(&self, name: &str, help: &str) -> Result<Gauge, Error> {
        Ok(self.gauges(name, help, &[])?.with(&[]))
    }
    /// A histogram; the bounds ascend, at most 32 of them.
    pub fn histogram(&self, name: &str, help: &str, bounds: &[u64]) -> Result<Histogram, Error> {
        Ok(self.histograms(name, help, &[], bounds)?.with(&[]))
    }
    /// Counters by label values.
    pub fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<Family<Counter>, Error> {
        self.family(name, help, labels, &[])
    }
    /// Gauges by label values.
    pub fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<Family<Gauge>, Error> {
        self.family(name, help, labels, &[])
    }
    /// Histograms by label values.
    pub fn histograms(&self, name: &str, help: &str, labels: &[&str], bounds: &[u64]) -> Result<Family<Histogram>, Error> {
        self.family(name, help, labels, bounds)
    }
}

/// What a metric is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MetricKind {
    /// Counts up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Has buckets.
    Histogram,
}

/// One series of the process, as [`visit_metrics`] shows it.
#[derive(Clone, Copy)]
pub struct MetricView<'a> {
    view: &'a ffi::MetricView,
}

impl<'a> MetricView<'a> {
    /// What it is.
    pub fn kind(self) -> MetricKind {
        match self.view.kind {
            ffi::HISTOGRAM => MetricKind::Histogram,
            ffi::GAUGE => MetricKind::Gauge,
            _ => MetricKind::Counter,
        }
    }
    /// The metric's name.
    pub fn name(self) -> Text<'a> {
        // SAFETY: the view and all it points to live as long as 'a.
        unsafe { Text::from_raw(self.view.name) }
    }
    /// What it says of itself.
    pub fn help(self) -> Text<'a> {
        // SAFETY: as in name.
        unsafe { Text::from_raw(self.view.help) }
    }
    /// Labels, name and value.
    pub fn labels(self) -> impl Iterator<Item = (Text<'a>, Text<'a>)> {
        list(self.view.labels, self.view.label_count)
    }
    /// Of a counter or gauge its value, of a histogram the sum.
    pub fn value(self) -> i64 {
        self.view.value
    }
    /// Of a histogram: its buckets' upper bounds and counts, not cumulated; the last bucket, without a bound, is u64::MAX.
    pub fn buckets(self) -> impl Iterator<Item = (u64, u64)> + 'a {
        let (view, bounds) = (self.view, self.view.bound_count as usize);
        let count = if view.kind == ffi::HISTOGRAM { bounds + 1 } else { 0 };
        // SAFETY: arrays of the host's, of so many bounds and one bucket more; as in name.
        (0..count).map(move |i| unsafe { (if i < bounds { *view.bounds.add(i) } else { u64::MAX }, *view.buckets.add(i)) })
    }
}

/// Calls `visit` for every series of the process, the kernel's too, grouped by name. Any thread. It must not use metrics itself; a panic of
/// it goes on when the walk is over.
pub fn visit_metrics<F: FnMut(MetricView<'_>)>(visit: F) -> Result<(), Status> {
    let mut walk = Walk { visit, panicked: None };
    let done = host_call!(metrics.visit(Some(on_series::<F>), &mut walk as *mut Walk<F> as *mut c_void));
    if let Some(payload) = walk.panicked {
        resume_unwind(payload);
    }
    done
}

struct Walk<F> {
    visit: F,
    panicked: Option<Box<dyn Any + Send>>,
}

unsafe extern "C" fn on_series<F: FnMut(MetricView<'_>)>(user: *mut c_void, view: *const ffi::MetricView) {
    // SAFETY: `visit_metrics` is on the stack, and the host calls back from within its call alone.
    let walk = &mut *(user as *mut Walk<F>);
    if walk.panicked.is_none() {
        walk.panicked = catch_unwind(AssertUnwindSafe(|| (walk.visit)(MetricView { view: &*view }))).err();
    }
}
