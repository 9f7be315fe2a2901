//! The edge layer: the load balancer, its listeners and target group, the certificate and the DNS names.

mod calls;
pub mod config;
mod declare;
mod health;
pub mod kinds;
mod preflight;

pub use config::Config;
pub use declare::Inputs;

use aws::{Aws, Deploys, FaultExt, Place};
use contract::{EdgeDoors, Names};
use engine::ledger::Folded;
use engine::{DeclareError, Fault, Graph, Kinds, Layer, LayerError, LayerName, Sign};

/// The edge layer.
#[derive(Clone, Copy, Debug)]
pub struct Edge;

impl Layer for Edge {
    const NAME: LayerName = LayerName::Edge;
    type Config = Config;
    type Inputs = Inputs;
    type Outputs = EdgeDoors;

    fn declare(config: &Config, inputs: Inputs, g: &mut Graph) -> Result<EdgeDoors, DeclareError> {
        declare::declare(config, &inputs, g)
    }
}

impl Deploys for Edge {
    fn check(config: &Config, names: &Names) -> Result<(), DeclareError> {
        if names.short("alb")?.starts_with("internal-") {
            let problem = "AWS refuses a load balancer whose name begins with `internal-`: use another one";
            return Err(DeclareError::setting("stack", problem));
        }
        names.short("app")?;
        config.check()
    }

    /// The id of the hosted zone, if the settings name one.
    type LookedUp = Option<String>;

    async fn look_up(aws: &Aws, config: &Config, _: &Names) -> Result<Option<String>, LayerError> {
        match &config.hosted_zone {
            Some(name) => Ok(Some(zone(aws, name).await?)),
            None => Ok(None),
        }
    }

    fn inputs(at: &Place<'_>, _: &Config, zone: Option<String>) -> Result<Inputs, LayerError> {
        Ok(Inputs {
            names: at.names.clone(),
            zone,
            network: at.upstream.doors(LayerName::Edge)?,
            observability: at.upstream.doors(LayerName::Edge)?,
        })
    }

    async fn health(aws: &Aws, _: &Names, memory: &Folded) -> Result<Vec<Sign>, Fault> {
        health::health(aws, memory).await
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

/// The id of the public hosted zone of that name.
///
/// # Errors
/// The fault of `route53:ListHostedZonesByName`, or [`DeclareError::Setting`] when the account has no such zone.
pub async fn zone(aws: &Aws, name: &str) -> Result<String, LayerError> {
    let wanted = format!("{}.", name.trim_end_matches('.'));
    let answer = aws.dns.list_hosted_zones_by_name().dns_name(&wanted).send().await.or_fault("route53:ListHostedZonesByName")?;
    let public = |it: &&aws_sdk_route53::types::HostedZone| it.name() == wanted && it.config().is_none_or(|config| !config.private_zone());
    match answer.hosted_zones().iter().find(public) {
        Some(zone) => Ok(zone.id().trim_start_matches("/hostedzone/").to_owned()),
        None => {
            Err(DeclareError::setting("edge.hosted_zone", format!("this account has no public hosted zone `{name}` in Route 53")).into())
        }
    }
}
