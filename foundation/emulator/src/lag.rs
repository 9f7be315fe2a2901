//! Reads that are behind writes: views of the world as it was a while ago.

use crate::call::{AwsError, Call};
use crate::services::ec2;
use crate::world::World;
use std::collections::VecDeque;
use std::time::Duration;

/// How far reads are behind, in AWS's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// What was made, changed or deleted less than this ago is not shown by Describe, List and Get calls.
    pub reads: Duration,
    /// Whether EC2 also refuses changing calls that name an object that is not shown yet: `InvalidSubnetID.NotFound`. AWS mostly knows
    /// it, and sometimes does not.
    pub unknown_ids: bool,
}

/// How many views are kept at most: reads are behind by at most this fraction less than was asked.
const VIEWS: f64 = 256.0;

/// The world as it was, as far back as reads are behind. It lives as long as the process.
pub(crate) struct History {
    lag: f64,
    unknown_ids: bool,
    /// Since when each view was true, the oldest first; never empty.
    views: VecDeque<(f64, World)>,
    last: f64,
}

impl History {
    pub(crate) fn new(lag: Lag, world: &World) -> History {
        let seconds = lag.reads.as_secs_f64() / world.clock.speed;
        let now = world.clock.now();
        History { lag: seconds, unknown_ids: lag.unknown_ids, views: VecDeque::from([(f64::MIN, world.clone())]), last: now }
    }

    /// Keeps the world as the calls before left it, before one at another moment is served.
    pub(crate) fn keep(&mut self, world: &World) {
        let now = world.clock.now();
        if self.last < now {
            match self.views.back_mut() {
                Some((since, view)) if self.last - *since < self.lag / VIEWS => *view = world.clone(),
                _ => self.views.push_back((self.last, world.clone())),
            }
            self.last = now;
        }
        while self.views.get(1).is_some_and(|(since, _)| *since <= now - self.lag) {
            self.views.pop_front();
        }
    }

    /// What a read sees.
    pub(crate) fn view(&mut self) -> Option<&mut World> {
        self.views.front_mut().map(|(_, world)| world)
    }

    /// Refuses a call that names something that is not shown yet.
    pub(crate) fn refuses(&self, world: &World, call: &Call) -> Option<AwsError> {
        if !self.unknown_ids || call.service != "ec2" {
            return None;
        }
        let (now, then) = (world.regions.get(&call.region)?, self.views.front()?.1.regions.get(&call.region));
        let mut ids = Vec::new();
        texts(&call.input.0, &mut ids);
        let unknown = |id: &&String| {
            let there = ec2::code_of(&now.ec2, id).is_some();
            there && then.is_none_or(|then| ec2::code_of(&then.ec2, id).is_none())
        };
        let id = ids.iter().find(unknown)?;
        Some(ec2::not_found(ec2::code_of(&now.ec2, id)?, id))
    }
}

fn texts(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => found.push(text.clone()),
        serde_json::Value::Array(all) => all.iter().for_each(|one| texts(one, found)),
        serde_json::Value::Object(all) => all.values().for_each(|one| texts(one, found)),
        _ => {}
    }
}
