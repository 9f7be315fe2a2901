//! One file per service, EC2 one per family: each operation a function from request and world to an answer or AWS's error.
//!
//! An operation returns a JSON tree with the element names of the service's model; the wire renders it.

mod acm;
mod cloudwatch;
pub mod ec2;
mod ecr;
mod ecs;
mod elbv2;
mod iam;
mod kms;
pub mod logs;
pub(crate) mod quotas;
mod rds;
mod route53;
pub mod s3;
mod scaling;
mod sns;
mod ssm;
mod sts;
mod tagging;
mod wafv2;

use crate::call::{AwsError, Call};
use crate::world::World;
use serde_json::Value;

/// What an operation returns.
pub type Answer = Result<Value, AwsError>;

/// Whether an operation may change something: everything that does not only read.
pub fn is_changing(action: &str) -> bool {
    !["Describe", "List", "Get", "Head", "Lookup", "Filter", "Simulate"].iter().any(|read| action.starts_with(read))
}

/// Hands a call to its service.
///
/// # Errors
/// AWS's error; `InvalidAction` for what the embedded AWS does not know.
pub fn dispatch(world: &mut World, call: &Call) -> Answer {
    let here = &mut world.here(&call.region);
    match call.service.as_str() {
        "ec2" => ec2::handle(here, call),
        "application-autoscaling" => scaling::handle(here, call),
        "ecr" => ecr::handle(here, call),
        "ecs" => ecs::handle(here, call),
        "acm" => acm::handle(here, call),
        "elasticloadbalancing" => elbv2::handle(here, call),
        "iam" => iam::handle(here, call),
        "logs" => logs::handle(here, call),
        "monitoring" => cloudwatch::handle(here, call),
        "rds" => rds::handle(here, call),
        "route53" => route53::handle(here, call),
        "s3" => s3::handle(here, call),
        "servicequotas" => quotas::handle(here, call),
        "sns" => sns::handle(here, call),
        "wafv2" => wafv2::handle(here, call),
        "kms" => kms::handle(here, call),
        "ssm" => ssm::handle(here, call),
        "sts" => sts::handle(call),
        "tagging" => tagging::handle(here, call),
        _ => Err(unknown(call)),
    }
}

/// The error for an operation that the embedded AWS does not have.
pub fn unknown(call: &Call) -> AwsError {
    AwsError::bad("InvalidAction", format!("the embedded AWS does not know {}:{}", call.service, call.action))
}

/// What happens in one service because of another: a certificate is issued when its record is there, tasks start and register.
pub(crate) fn advance(here: &mut crate::world::Here<'_>) {
    let now = here.clock.now();
    acm::advance(here.region, here.account, now);
    ecs::advance(here.region, here.ids, now);
    ecs::settle(here);
    rds::advance(here.region);
    logs::advance(here);
}
