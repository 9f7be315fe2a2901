//! One account: its regions, typed tables, time and ids.

use crate::clock::Clock;
use crate::services::ec2::Ec2;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The account that the embedded AWS is.
pub const ACCOUNT: &str = "123456789012";

/// Everything that exists.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    /// Its time.
    pub clock: Clock,
    /// Where ids come from.
    pub ids: Ids,
    /// Regions by name; one appears with the first call to it.
    pub regions: BTreeMap<String, Region>,
}

/// The tables of one region, one field per service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Region {
    /// VPC and what belongs to it.
    #[serde(default)]
    pub ec2: Ec2,
}

/// A seeded source of ids.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ids {
    seed: u64,
    next: u64,
    requests: u64,
}

impl Ids {
    /// The next id with this prefix and 17 hexadecimal digits: `vpc-0a1b…`.
    pub fn id(&mut self, prefix: &str) -> String {
        self.next += 1;
        let mixed = mix(self.seed ^ mix(self.next));
        format!("{prefix}-0{mixed:016x}")
    }

    /// The next request id.
    pub fn request_id(&mut self) -> String {
        self.requests += 1;
        let mixed = mix(self.seed ^ mix(self.requests ^ 0x5eed));
        format!("{:08x}-{:04x}-4{:03x}-8000-{:012x}", mixed >> 32, mixed >> 16 & 0xffff, mixed & 0xfff, self.requests)
    }
}

/// SplitMix64: spreads a counter over all bits.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl World {
    /// An empty account.
    pub fn new(speed: f64, seed: u64) -> World {
        World { clock: Clock::new(speed), ids: Ids { seed, next: 0, requests: 0 }, regions: BTreeMap::new() }
    }

    /// Lets everything happen that is due by now.
    pub fn advance(&mut self) {
        let now = self.clock.now();
        for region in self.regions.values_mut() {
            region.ec2.advance(now);
        }
    }

    /// The ids of all living objects that carry the tag.
    pub fn tagged(&self, key: &str, value: &str) -> Vec<String> {
        self.regions.values().flat_map(|region| region.ec2.tagged(key, value)).collect()
    }
}
