//! Counters, gauges and histograms (`cleat.metrics/1`). Defined in `create`; then each is one handle that any thread adds to without a
//! lock. Without the extension they count nothing, and nothing fails.

use core::marker::PhantomData;
use core::mem::size_of;

use crate::ffi;
use crate::hooks::Create;
use crate::host::{error_text, host_call, tables};
use crate::status::Error;
use crate::text::to_str;

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
