//! The network layer: VPC, subnets, gateways, routes, endpoints, and the security groups of the tiers with their rules.

mod calls;
pub mod config;
mod declare;
pub mod kinds;
mod preflight;

pub use config::Config;
pub use declare::Inputs;

use aws::Deploys;
use aws::{Aws, FaultExt, Place};
use contract::{Names, NetworkDoors};
use engine::ledger::Folded;
use engine::{DeclareError, Fault, Graph, Kinds, Layer, LayerError, LayerName, Sign};

/// The network layer.
#[derive(Clone, Copy, Debug)]
pub struct Network;

impl Layer for Network {
    const NAME: LayerName = LayerName::Network;
    type Config = Config;
    type Inputs = Inputs;
    type Outputs = NetworkDoors;

    fn declare(config: &Config, inputs: Inputs, g: &mut Graph) -> Result<NetworkDoors, DeclareError> {
        declare::declare(config, &inputs, g)
    }
}

impl Deploys for Network {
    fn check(config: &Config, _: &Names) -> Result<(), DeclareError> {
        config.check()
    }

    /// The availability zones.
    type LookedUp = Vec<String>;

    async fn look_up(aws: &Aws, config: &Config, _: &Names) -> Result<Vec<String>, LayerError> {
        Ok(zones(aws, config.zones).await?)
    }

    fn inputs(at: &Place<'_>, _: &Config, zones: Vec<String>) -> Result<Inputs, LayerError> {
        Ok(Inputs { zones, region: at.region.to_owned(), prefix: at.names.prefix() })
    }

    async fn preflight(aws: &Aws, config: &Config, memory: &Folded) -> Result<Vec<Sign>, Fault> {
        preflight::preflight(aws, config, memory).await
    }

    fn calls(config: &Config) -> Vec<&'static str> {
        calls::calls(config)
    }

    fn kinds(aws: &Aws) -> Kinds {
        kinds::kinds(aws)
    }
}

/// The names of the first `count` availability zones of the region that need no opt-in, in alphabetical order.
///
/// # Errors
/// The fault of `ec2:DescribeAvailabilityZones`, or [`engine::Class::Invalid`] when the region has fewer zones.
pub async fn zones(aws: &Aws, count: usize) -> Result<Vec<String>, Fault> {
    let answer = aws.ec2.describe_availability_zones().send().await.or_fault("ec2:DescribeAvailabilityZones")?;
    let available = answer.availability_zones().iter().filter(|zone| zone.zone_type().is_none_or(|kind| kind == "availability-zone"));
    let mut names: Vec<String> = available.filter_map(|zone| zone.zone_name().map(str::to_owned)).collect();
    names.sort();
    if names.len() < count {
        let problem = format!("network.zones: {} has {} availability zones, {count} are wanted", aws.region, names.len());
        return Err(Fault::new(engine::Class::Invalid, problem));
    }
    names.truncate(count);
    Ok(names)
}
