//! What the plugin costs a request: one after the other on one connection, with the plugin and without it. The rest of the time is the
//! kernel's and the system's: the difference is what counts.

#[path = "../tests/kernel/mod.rs"]
mod kernel;

use kernel::{Client, Kernel};
use std::time::Instant;

const ROUNDS: usize = 10;
const REQUESTS: usize = 2_000;

/// Microseconds a request.
fn measure(client: &mut Client) -> f64 {
    let start = Instant::now();
    for _ in 0..REQUESTS {
        client.get("/other");
    }
    start.elapsed().as_secs_f64() * 1e6 / REQUESTS as f64
}

fn main() {
    let kernel = Kernel::start();
    let (mut with, mut without) = (Client::new(&kernel.with), Client::new(&kernel.without));
    // In turns, and the best of each, so that the machine's other work disturbs both alike.
    let (mut best_with, mut best_without) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        best_without = best_without.min(measure(&mut without));
        best_with = best_with.min(measure(&mut with));
    }
    println!("without  {:8.2} us a request", best_without);
    println!("with     {:8.2} us a request", best_with);
    println!("plugin   {:8.2} us a request", best_with - best_without);
}
