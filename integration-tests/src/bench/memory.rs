//! The peak memory of a process and of all that it starts, as Linux counts it.
//! <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>

use std::collections::BTreeMap;
use std::process::Child;
use std::time::{Duration, Instant};

/// How often is looked.
const LOOK: Duration = Duration::from_millis(2);

/// Waits for a process: whether it succeeded, how long it took, and the sum of the peaks of all its processes in MiB.
///
/// # Panics
/// When it cannot be waited for.
pub(super) fn wait(child: &mut Child, began: Instant) -> (bool, Duration, f64) {
    let mut peaks: BTreeMap<u32, u64> = BTreeMap::new();
    loop {
        look(child.id(), &mut peaks);
        if let Some(status) = child.try_wait().unwrap() {
            let kib: u64 = peaks.values().sum();
            return (status.success(), began.elapsed(), kib as f64 / 1024.0);
        }
        std::thread::sleep(LOOK);
    }
}

fn look(process: u32, peaks: &mut BTreeMap<u32, u64>) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    if let Some(peak) = peak {
        peaks.insert(process, peak);
    }
    for task in std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            look(child, peaks);
        }
    }
}
