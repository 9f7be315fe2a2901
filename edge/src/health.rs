//! How the way in is: the targets behind the load balancer, and the certificate's end.

use crate::kinds::{CertificateIssued, TargetGroup};
use aws::{Aws, FaultExt};
use aws_sdk_elasticloadbalancingv2::types::{TargetHealthDescription, TargetHealthStateEnum as State};
use engine::ledger::Folded;
use engine::settle::now;
use engine::sign::{ends, objects};
use engine::{Fault, LayerName, Level, Sign};

/// A line for each target group, and one for a certificate that ends.
pub(crate) async fn health(aws: &Aws, memory: &Folded) -> Result<Vec<Sign>, Fault> {
    let mut signs = Vec::new();
    // Of a hundred environments AWS would tell this for ten seconds: there, the alarm on targets that fail tells of them.
    let groups = objects::<TargetGroup>(memory).filter(|_| !aws.looks_at_many());
    for (_, group) in groups {
        let call = aws.elb.describe_target_health().target_group_arn(group.as_str()).send().await;
        let targets = call.or_gone("elasticloadbalancing:DescribeTargetHealth")?.and_then(|it| it.target_health_descriptions);
        signs.push(match &targets {
            Some(targets) => told(targets),
            None => gone(),
        });
    }
    for (_, certificate) in objects::<CertificateIssued>(memory) {
        let call = aws.acm.describe_certificate().certificate_arn(certificate.as_str()).send().await;
        let found = call.or_gone("acm:DescribeCertificate")?.and_then(|it| it.certificate);
        let end = found.as_ref().and_then(|it| it.not_after()).map(|end| end.as_secs_f64());
        signs.extend(end.and_then(|end| ends(LayerName::Edge, "certificate", "the certificate", end, now())));
    }
    Ok(signs)
}

fn gone() -> Sign {
    Sign::new(LayerName::Edge, "targets", Level::Fail, "the target group is gone").hint("run `deploy` to make it again")
}

fn state(it: &TargetHealthDescription) -> Option<&State> {
    it.target_health().and_then(|health| health.state())
}

fn told(targets: &[TargetHealthDescription]) -> Sign {
    // What leaves is no sign of anything.
    let here: Vec<_> = targets.iter().filter(|it| state(it) != Some(&State::Draining)).collect();
    let healthy = here.iter().filter(|it| state(it) == Some(&State::Healthy)).count();
    let reason = here.iter().filter(|it| state(it) != Some(&State::Healthy)).find_map(|it| it.target_health()?.description());
    let level = match healthy {
        0 => Level::Fail,
        some if some < here.len() => Level::Warn,
        _ => Level::Ok,
    };
    let why = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let text = format!("{healthy} of {} targets are healthy{why}", here.len());
    Sign::new(LayerName::Edge, "targets", level, text).fact("healthy", healthy).fact("targets", here.len())
}
