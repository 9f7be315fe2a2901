//! Sweeps over calls: a printed sample in a usual run, every one with `SWEEP=full`, another size with
//! `SAMPLE`, a single one with `POINT`, `FAULT`, `SEED`, `LAG`.
#![allow(clippy::disallowed_methods)]

use emulator::weather::Fault;
use std::str::FromStr;

/// Whether every point is asked for.
pub fn full() -> bool {
    std::env::var("SWEEP").is_ok_and(|size| size == "full")
}

/// The value of a variable that narrows a sweep to one case.
pub fn only<T: FromStr>(variable: &str) -> Option<T> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Whether `FAULT` narrows the sweep to another fault.
pub fn skips(fault: Fault) -> bool {
    only::<String>("FAULT").is_some_and(|name| name != fault.name())
}

/// The points to hit: about `sample` of them, spread evenly from `offset` on; printed.
pub fn points(what: &str, total: usize, sample: usize, offset: usize) -> Vec<usize> {
    if let Some(point) = only("POINT") {
        return vec![point];
    }
    let step = if full() { 1 } else { total.div_ceil(only("SAMPLE").unwrap_or(sample)).max(1) };
    let points: Vec<usize> = (offset % step..total).step_by(step).collect();
    crate::told!("{what}: {} of {total} (SWEEP=full for all)", points.len());
    points
}

/// The command that repeats one case.
pub fn again(test: &str, variables: &[(&str, String)]) -> String {
    let variables: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("again: {} cargo test -p integration-tests --test suite {test} -- --nocapture", variables.join(" "))
}
