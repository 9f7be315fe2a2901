//! What a deploy of the way in would meet: the hosted zone, and the certificate.

use crate::config::Config;
use crate::kinds::Certificate;
use aws::{Aws, FaultExt};
use aws_sdk_acm::types::CertificateDetail;
use engine::ledger::Folded;
use engine::sign::objects;
use engine::{Fault, LayerError, LayerName, Level, Sign};

fn sign(subject: &str, level: Level, text: String) -> Sign {
    Sign::new(LayerName::Edge, subject, level, text)
}

/// A line for the zone and one for the certificate, where the settings have them.
/// <https://docs.aws.amazon.com/acm/latest/APIReference/API_DescribeCertificate.html>
pub(crate) async fn preflight(aws: &Aws, config: &Config, memory: &Folded) -> Result<Vec<Sign>, Fault> {
    let mut signs = Vec::new();
    if let Some(name) = &config.hosted_zone {
        signs.push(match crate::zone(aws, name).await {
            Ok(id) => sign("hosted zone", Level::Ok, format!("`{name}` is the zone {id} of this account")).fact("zone", id),
            Err(LayerError::Fault(fault)) => return Err(fault),
            Err(_) => sign("hosted zone", Level::Fail, format!("this account has no public hosted zone `{name}` in Route 53"))
                .hint("make it in Route 53 and name its servers at the domain's registrar, or set edge.hosted_zone to one that is there"),
        });
    }
    if !config.https {
        return Ok(signs);
    }
    let ours = objects::<Certificate>(memory).map(|(_, it)| it.arn).next();
    let (arn, given) = match (&config.certificate_arn, ours) {
        (Some(arn), _) => (arn.clone(), true),
        (None, Some(arn)) => (arn, false),
        (None, None) => {
            let (domain, zone) = (config.domain.as_deref().unwrap_or_default(), config.hosted_zone.as_deref().unwrap_or_default());
            let text = format!("a certificate for {domain} will be made, and validated in the zone {zone}");
            signs.push(sign("certificate", Level::Ok, text));
            return Ok(signs);
        }
    };
    let found = aws.acm.describe_certificate().certificate_arn(&arn).send().await.or_gone("acm:DescribeCertificate")?;
    let told = match found.and_then(|answer| answer.certificate) {
        Some(it) => certificate(&it, config, given),
        None if given => {
            sign("certificate", Level::Fail, "the certificate of edge.certificate_arn does not exist in this region".to_owned())
                .hint("a load balancer takes certificates of its own region only: request or import it there, and set edge.certificate_arn")
        }
        None => sign("certificate", Level::Warn, "the certificate is gone, a deploy makes another one".to_owned()),
    };
    signs.push(told.fact("arn", arn));
    Ok(signs)
}

/// Whether a name of a certificate covers a host: `*` stands for one label.
fn covers(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
        None => name.eq_ignore_ascii_case(host),
    }
}

fn certificate(it: &CertificateDetail, config: &Config, given: bool) -> Sign {
    let name = it.domain_name().unwrap_or_default();
    let status = it.status().map_or("unknown", |status| status.as_str());
    let told = |level, text: String| sign("certificate", level, text).fact("status", status);
    let state = status.replace('_', " ").to_lowercase();
    match (status, given) {
        ("ISSUED", _) => {}
        // A deploy writes the record and waits for it.
        ("PENDING_VALIDATION", false) => {
            return told(Level::Warn, format!("the certificate for {name} waits for its validation: a deploy waits with it"))
                .hint("check that the domain's name servers are those of the hosted zone");
        }
        ("PENDING_VALIDATION", true) => {
            return told(Level::Fail, format!("the certificate for {name} is not issued: it waits for its validation"))
                .hint("write the CNAME record that ACM names into the domain's zone, then wait until it is issued");
        }
        (_, false) => {
            return told(Level::Warn, format!("the certificate for {name} is {state}: a deploy makes another one"));
        }
        _ => {
            let why = it.failure_reason().map(|why| format!(" ({why})")).unwrap_or_default();
            return told(Level::Fail, format!("the certificate for {name} is {state}{why}"))
                .hint("request another one, or take edge.certificate_arn out to have one made for edge.domain in edge.hosted_zone");
        }
    }
    let names = it.subject_alternative_names();
    match &config.domain {
        Some(domain) if !names.iter().map(String::as_str).chain([name]).any(|name| covers(name, domain)) => {
            told(Level::Warn, format!("the certificate is for {name} and does not cover {domain}"))
                .hint("browsers will refuse it: use a certificate that names edge.domain")
        }
        _ => told(Level::Ok, format!("the certificate for {name} is issued")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_acm::types::CertificateStatus;

    #[test]
    fn only_an_issued_certificate_that_covers_the_domain_is_well() {
        let level = |status: CertificateStatus, given, domain: &str| {
            let it = CertificateDetail::builder().domain_name("*.example.com").status(status).build();
            certificate(&it, &Config { domain: Some(domain.into()), ..Config::default() }, given).level
        };
        assert_eq!(level(CertificateStatus::Issued, true, "shop.example.com"), Level::Ok);
        assert_eq!(level(CertificateStatus::Issued, true, "a.shop.example.com"), Level::Warn);
        assert_eq!(level(CertificateStatus::PendingValidation, true, "shop.example.com"), Level::Fail);
        assert_eq!(level(CertificateStatus::PendingValidation, false, "shop.example.com"), Level::Warn);
        for status in [CertificateStatus::Expired, CertificateStatus::Failed, CertificateStatus::Revoked] {
            assert_eq!(level(status, true, "shop.example.com"), Level::Fail);
        }
    }
}
