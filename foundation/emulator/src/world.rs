//! One account: its regions, typed tables, time and ids.

use crate::clock::Clock;
use crate::services::ec2::Ec2;
use crate::services::s3::Bucket;
use crate::table::{Table, advance, tagged};
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
    /// What belongs to no region.
    #[serde(default)]
    pub account: Account,
}

/// Tables that belong to no region: IAM, Route 53, and buckets, whose names are everybody's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// IAM roles by name.
    pub roles: Table,
    /// IAM users by name, for the policy simulator: inline policies and names of attached ones as roles have them.
    pub users: Table,
    /// Instance profiles by name.
    pub instance_profiles: Table,
    /// Hosted zones by id; their records are inside.
    pub hosted_zones: Table,
    /// S3 buckets by name.
    pub buckets: BTreeMap<String, Bucket>,
}

/// The tables of one region, one field per service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Region {
    /// VPC and what belongs to it.
    pub ec2: Ec2,
    /// KMS keys by id.
    pub keys: Table,
    /// KMS aliases by name.
    pub aliases: Table,
    /// SSM parameters by name.
    pub parameters: Table,
    /// When the next writes of parameters are taken again: AWS takes three a second.
    #[serde(skip)]
    pub parameter_writes: Vec<f64>,
    /// Log groups by name.
    pub log_groups: Table,
    /// What is in log groups and what reads it.
    pub logs: crate::services::logs::Store,
    /// Sessions of Session Manager by id.
    pub sessions: Table,
    /// Metric filters by `group/name`.
    pub metric_filters: Table,
    /// Saved Logs Insights queries by id.
    pub saved_queries: Table,
    /// SNS topics by ARN.
    pub topics: Table,
    /// SNS subscriptions by ARN.
    pub subscriptions: Table,
    /// CloudWatch alarms by name.
    pub alarms: Table,
    /// CloudWatch dashboards by name.
    pub dashboards: Table,
    /// RDS instances by identifier.
    pub db_instances: Table,
    /// RDS subnet groups by name.
    pub db_subnet_groups: Table,
    /// RDS parameter groups by name.
    pub db_parameter_groups: Table,
    /// RDS snapshots by identifier.
    pub db_snapshots: Table,
    /// Load balancers by ARN.
    pub load_balancers: Table,
    /// Target groups by ARN.
    pub target_groups: Table,
    /// Listeners by ARN.
    pub listeners: Table,
    /// ACM certificates by ARN.
    pub certificates: Table,
    /// WAF web ACLs by ARN.
    pub web_acls: Table,
    /// WAF associations: the resource's ARN to the web ACL's.
    pub web_acl_associations: Table,
    /// ECR repositories by name; their images are inside.
    pub repositories: Table,
    /// Quotas by code that are not those of a new account.
    pub quotas: BTreeMap<String, f64>,
    /// ECS clusters by name.
    pub clusters: Table,
    /// ECS services by `cluster/name`.
    pub services: Table,
    /// ECS task definitions by `family:revision`.
    pub task_definitions: Table,
    /// ECS tasks by ARN.
    pub tasks: Table,
    /// Scalable targets by `resource/dimension`.
    pub scalable_targets: Table,
    /// Scaling policies by `resource/dimension/name`.
    pub scaling_policies: Table,
    /// Until when what wrote to a log group and is gone may still write, in seconds since 1970.
    pub late_writers: BTreeMap<String, f64>,
    /// Log groups that a writer makes again, and when.
    pub log_groups_to_come: BTreeMap<String, f64>,
}

impl Region {
    /// Every table of this shape.
    pub fn tables(&self) -> [&Table; 27] {
        [
            &self.keys,
            &self.aliases,
            &self.parameters,
            &self.log_groups,
            &self.metric_filters,
            &self.saved_queries,
            &self.topics,
            &self.subscriptions,
            &self.alarms,
            &self.dashboards,
            &self.db_instances,
            &self.db_subnet_groups,
            &self.db_parameter_groups,
            &self.db_snapshots,
            &self.load_balancers,
            &self.target_groups,
            &self.listeners,
            &self.certificates,
            &self.web_acls,
            &self.web_acl_associations,
            &self.repositories,
            &self.clusters,
            &self.services,
            &self.task_definitions,
            &self.tasks,
            &self.scalable_targets,
            &self.scaling_policies,
        ]
    }

    fn tables_mut(&mut self) -> [&mut Table; 27] {
        [
            &mut self.keys,
            &mut self.aliases,
            &mut self.parameters,
            &mut self.log_groups,
            &mut self.metric_filters,
            &mut self.saved_queries,
            &mut self.topics,
            &mut self.subscriptions,
            &mut self.alarms,
            &mut self.dashboards,
            &mut self.db_instances,
            &mut self.db_subnet_groups,
            &mut self.db_parameter_groups,
            &mut self.db_snapshots,
            &mut self.load_balancers,
            &mut self.target_groups,
            &mut self.listeners,
            &mut self.certificates,
            &mut self.web_acls,
            &mut self.web_acl_associations,
            &mut self.repositories,
            &mut self.clusters,
            &mut self.services,
            &mut self.task_definitions,
            &mut self.tasks,
            &mut self.scalable_targets,
            &mut self.scaling_policies,
        ]
    }
}

/// What an operation works on: one region, the account, and the world's time and ids.
pub(crate) struct Here<'a> {
    pub region: &'a mut Region,
    pub account: &'a mut Account,
    pub clock: &'a Clock,
    pub ids: &'a mut Ids,
    pub name: &'a str,
}

impl Here<'_> {
    /// `arn:aws:service:region:account:rest`.
    pub fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{ACCOUNT}:{rest}", self.name)
    }
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

    /// The next id in the form of a UUID: `0a1b2c3d-…`.
    pub fn uuid(&mut self) -> String {
        self.next += 1;
        let (a, b) = (mix(self.seed ^ mix(self.next)), mix(self.seed ^ mix(self.next ^ 0xface)));
        format!("{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}", a >> 32, a >> 16 & 0xffff, a & 0xfff, b >> 52, b & 0xffff_ffff_ffff)
    }

    /// The next request id.
    pub fn request_id(&mut self) -> String {
        self.requests += 1;
        let mixed = mix(self.seed ^ mix(self.requests ^ 0x5eed));
        format!("{:08x}-{:04x}-4{:03x}-8000-{:012x}", mixed >> 32, mixed >> 16 & 0xffff, mixed & 0xfff, self.requests)
    }
}

/// SplitMix64: spreads a counter over all bits.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl World {
    /// An empty account.
    pub fn new(speed: f64, seed: u64) -> World {
        let ids = Ids { seed, next: 0, requests: 0 };
        World { clock: Clock::new(speed), ids, regions: BTreeMap::new(), account: Account::default() }
    }

    /// What a call to `region` works on.
    pub(crate) fn here<'a>(&'a mut self, region: &'a str) -> Here<'a> {
        let tables = self.regions.entry(region.to_owned()).or_default();
        Here { region: tables, account: &mut self.account, clock: &self.clock, ids: &mut self.ids, name: region }
    }

    /// Lets everything happen that is due by now.
    pub fn advance(&mut self) {
        let now = self.clock.now();
        for region in self.regions.values_mut() {
            region.ec2.advance(now);
            region.tables_mut().into_iter().for_each(|table| advance(table, now));
        }
        let names: Vec<String> = self.regions.keys().cloned().collect();
        names.iter().for_each(|name| crate::services::advance(&mut self.here(name)));
    }

    /// The ids of all living objects that carry the tag. A key that waits for its deletion lives no more.
    pub fn tagged(&self, key: &str, value: &str) -> Vec<String> {
        let mut found = Vec::new();
        for region in self.regions.values() {
            found.extend(region.ec2.tagged(key, value));
            for table in region.tables() {
                found.extend(tagged(table, key, value).filter(|id| !is_ghost(&table[id])));
            }
        }
        for table in [&self.account.roles, &self.account.instance_profiles] {
            found.extend(tagged(table, key, value));
        }
        let carries = |bucket: &Bucket| bucket.tags.get(key).is_some_and(|found| found == value);
        found.extend(self.account.buckets.iter().filter(|(_, bucket)| carries(bucket)).map(|(name, _)| name.clone()));
        found
    }
}

/// Whether AWS still describes something that is gone: a key in its deletion window, an inactive service.
pub(crate) fn is_ghost(item: &crate::table::Item) -> bool {
    item.str("KeyState") == "PendingDeletion" || ["INACTIVE", "DELETED"].contains(&item.str("status"))
}
