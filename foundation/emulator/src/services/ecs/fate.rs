//! What becomes of tasks. The embedded AWS runs no container: the tag of the image says how it would end.
//!
//! `broken` (or a name with `does-not-exist` in it) cannot be pulled; `exits` ends with code 1, `out-of-memory` is killed for its
//! memory, `sick` fails its own health check, `unhealthy` answers the load balancer's with 503. Whatever follows after a hyphen
//! (`exits-2`) is free. Everything else runs.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>

use super::{last, text};
use crate::table::Item;
use crate::world::Region;
use serde_json::{Value, json};

/// From `PENDING` to `RUNNING`, in seconds.
pub(super) const START: f64 = 25.0;
/// How long ECS tries to pull an image that is not there, in seconds.
const PULL: f64 = 30.0;
/// How long a container lives that exits by itself, and one whose memory fills up, in seconds.
const EXIT: f64 = 5.0;
const FILL_UP: f64 = 15.0;

/// What becomes of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It runs until it is stopped.
    Runs,
    /// Its image cannot be pulled.
    Broken,
    /// Its container exits.
    Exits,
    /// Its container is killed for its memory.
    OutOfMemory,
    /// Its container fails its own health check.
    Sick,
    /// It fails the load balancer's health check.
    Unhealthy,
}

const WORDS: [(&str, Fate); 5] = [
    ("broken", Fate::Broken),
    ("exits", Fate::Exits),
    ("out-of-memory", Fate::OutOfMemory),
    ("sick", Fate::Sick),
    ("unhealthy", Fate::Unhealthy),
];

fn of_image(image: &str) -> Fate {
    if image.contains("does-not-exist") {
        return Fate::Broken;
    }
    let tag = last(image).split_once(':').map_or("", |(_, tag)| tag);
    let says = |word: &str| tag == word || tag.strip_prefix(word).is_some_and(|rest| rest.starts_with('-'));
    WORDS.into_iter().find(|(word, _)| says(word)).map_or(Fate::Runs, |(_, fate)| fate)
}

fn images(definition: &Value) -> impl Iterator<Item = &str> {
    definition["containerDefinitions"].as_array().into_iter().flatten().map(|container| text(container, "image"))
}

/// The fate of the tasks of a definition, and the image that decides it.
pub(super) fn of(definition: &Value) -> (Fate, &str) {
    let found = images(definition).map(|image| (of_image(image), image)).find(|(fate, _)| *fate != Fate::Runs);
    found.unwrap_or((Fate::Runs, ""))
}

impl Fate {
    /// The word for it.
    pub(super) fn word(self) -> &'static str {
        WORDS.into_iter().find(|(_, fate)| *fate == self).map_or("runs", |(word, _)| word)
    }

    /// From a task's begin until it ends by itself, in seconds of AWS.
    pub(super) fn lifetime(self, region: &Region, service: &Item, definition: &Value) -> Option<f64> {
        Some(match self {
            Fate::Runs => return None,
            Fate::Broken => PULL,
            Fate::Exits => START + EXIT,
            Fate::OutOfMemory => START + FILL_UP,
            Fate::Sick => START + own_check(definition),
            Fate::Unhealthy => {
                let grace = service.body["healthCheckGracePeriodSeconds"].as_f64().unwrap_or_default();
                START + grace.max(balancers_check(region, service)?)
            }
        })
    }
}

/// How long the container's own health check takes to fail for good.
fn own_check(definition: &Value) -> f64 {
    let check = |it: &Value| {
        let number = |name: &str, default: f64| it["healthCheck"][name].as_f64().unwrap_or(default);
        number("startPeriod", 0.0) + number("retries", 3.0) * number("interval", 30.0)
    };
    definition["containerDefinitions"].as_array().into_iter().flatten().map(check).fold(0.0, f64::max)
}

/// How long the load balancer's health check takes to fail for good; `None` without a load balancer.
fn balancers_check(region: &Region, service: &Item) -> Option<f64> {
    let group = region.target_groups.get(target_group(service)?)?;
    let number = |name: &str| crate::call::Input(group.body.clone()).int(name).unwrap_or(5) as f64;
    Some(number("UnhealthyThresholdCount") * number("HealthCheckIntervalSeconds"))
}

/// The target group that the service's tasks register in.
pub(super) fn target_group(service: &Item) -> Option<&str> {
    service.body["loadBalancers"].as_array()?.first()?["targetGroupArn"].as_str()
}

/// How a task ended: AWS's code and reason for the task, and its container's exit code and reason.
pub(super) struct End {
    pub code: &'static str,
    pub reason: String,
    pub container: Value,
}

impl Fate {
    /// The end of a task with this fate; `None` for one that is stopped as any other is.
    pub(super) fn end(self, image: &str) -> Option<End> {
        let exited =
            |container: Value| End { code: "EssentialContainerExited", reason: "Essential container in task exited".to_owned(), container };
        match self {
            Fate::Broken => Some(End {
                code: "TaskFailedToStart",
                reason: format!(
                    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: {image}: not found"
                ),
                container: Value::Null,
            }),
            Fate::Exits => Some(exited(json!({"exitCode": 1}))),
            Fate::OutOfMemory => {
                let reason = "OutOfMemoryError: Container killed due to memory usage";
                Some(exited(json!({"exitCode": 137, "reason": reason})))
            }
            Fate::Runs | Fate::Sick | Fate::Unhealthy => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_decides() {
        for (image, fate) in [
            ("shop/app:1.0", Fate::Runs),
            ("shop/app", Fate::Runs),
            ("shop/exits:1.0", Fate::Runs),
            ("shop/app:exitstrategy", Fate::Runs),
            ("localhost:5000/shop/app:broken", Fate::Broken),
            ("shop/does-not-exist:1.0", Fate::Broken),
            ("shop/app:exits", Fate::Exits),
            ("shop/app:exits-2", Fate::Exits),
            ("shop/app:out-of-memory", Fate::OutOfMemory),
            ("shop/app:sick", Fate::Sick),
            ("shop/app:unhealthy", Fate::Unhealthy),
        ] {
            assert_eq!(of_image(image), fate, "{image}");
        }
    }
}
