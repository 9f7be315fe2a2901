//! A certificate that is requested, with the DNS record that proves the domain.
//! <https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html>

use aws::named::{Tags, each, tag_changes};
use aws::{Aws, FaultExt};
use aws_sdk_acm::types::{CertificateDetail, CertificateStatus, Tag, ValidationMethod};
use engine::{Address, Ask, Driver, Fault, Found, Identity, IdentityBy, Kind, Lead, Poll, Resource, Scope, Seen, Sink, Ticks};
use futures::try_join;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the certificate should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Certificate {
    /// Its domain name.
    pub domain: String,
    /// Whether it is issued or can still be. ACM gives up after 72 hours without the record, and never takes that back: such a
    /// certificate is replaced.
    #[serde(default = "usable")]
    pub usable: bool,
}

fn usable() -> bool {
    true
}

impl Certificate {
    /// A certificate for this domain.
    pub fn of(domain: String) -> Certificate {
        Certificate { domain, usable: true }
    }
}

/// A requested certificate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Requested {
    /// Its ARN.
    pub arn: String,
    /// The name of the CNAME record that proves the domain.
    pub record_name: String,
    /// Its value.
    pub record_value: String,
}

impl Resource for Certificate {
    const KIND: Kind = "certificate";
    const REPLACE_ON: &'static [&'static str] = &["domain", "usable"];
    type Output = Requested;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Token
    }

    fn placeholder(&self, at: &Address) -> Requested {
        let unknown = |field: &str| engine::outputs::unknown(at, field);
        Requested { arn: unknown("arn"), record_name: unknown("record_name"), record_value: unknown("record_value") }
    }
}

/// ACM gives the record some seconds after the request, and may need the settle window to show it.
const RECORD_WITHIN: Duration = Duration::from_secs(420);
/// A listener that was deleted holds its certificate for a while.
const FREED_WITHIN: Duration = Duration::from_secs(300);

/// Works on certificates.
#[derive(Clone, Debug)]
pub(super) struct Certificates(pub Aws);

fn record(it: &CertificateDetail) -> Option<(String, String)> {
    let record = it.domain_validation_options().first()?.resource_record()?;
    Some((record.name().to_owned(), record.value().to_owned()))
}

impl Certificates {
    async fn get(&self, arn: &str) -> Result<Option<CertificateDetail>, Fault> {
        let answer = self.0.acm.describe_certificate().certificate_arn(arn).send().await.or_gone("acm:DescribeCertificate")?;
        Ok(answer.and_then(|answer| answer.certificate))
    }

    /// The record that proves the domain.
    async fn told(&self, arn: &str, ticks: &Ticks) -> Result<(String, String), Fault> {
        let look = || async {
            Ok(match self.get(arn).await?.as_ref().and_then(record) {
                Some(record) => Poll::Ready(record),
                None => Poll::Waiting("ACM has not said how to prove the domain yet".into()),
            })
        };
        self.0.until(RECORD_WITHIN).poll(ticks, look).await
    }

    async fn tags(&self, arn: &str) -> Result<Option<Tags>, Fault> {
        let answer = self.0.acm.list_tags_for_certificate().certificate_arn(arn).send().await.or_gone("acm:ListTagsForCertificate")?;
        Ok(answer
            .map(|answer| answer.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().unwrap_or_default().to_owned())).collect()))
    }

    /// Ours among the certificates of that domain: names are not unique in ACM.
    async fn search(&self, who: &Identity, domain: &str) -> Result<Option<String>, Fault> {
        let mut pages = self.0.acm.list_certificates().into_paginator().send();
        while let Some(page) = pages.next().await {
            for it in page.or_fault("acm:ListCertificates")?.certificate_summary_list() {
                let arn = it.certificate_arn().unwrap_or_default();
                if it.domain_name() == Some(domain) && self.tags(arn).await?.is_some_and(|tags| who.is_exactly(&tags)) {
                    return Ok(Some(arn.to_owned()));
                }
            }
        }
        Ok(None)
    }

    async fn request(&self, who: &Identity, want: &Certificate, absent: bool) -> Result<String, Fault> {
        if !absent && let Some(arn) = self.search(who, &want.domain).await? {
            return Ok(arn);
        }
        let tags = who.tags.iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect();
        let call = self.0.acm.request_certificate().domain_name(&want.domain).validation_method(ValidationMethod::Dns);
        let call = call.idempotency_token(&who.token).set_tags(Some(tags));
        match call.send().await.or_fault("acm:RequestCertificate") {
            Ok(made) => Ok(made.certificate_arn.unwrap_or_default()),
            Err(fault) => Err(fault),
        }
    }
}

impl Driver<Certificate> for Certificates {
    async fn observe(&self, asks: &[Ask<Certificate>]) -> Result<Found<Certificate>, Fault> {
        each(asks, |ask| async move {
            let arn = match &ask.last {
                Some(last) => Some(last.arn.clone()),
                None => self.search(&ask.who, &ask.want.domain).await?,
            };
            let Some(arn) = arn else { return Ok(None) };
            let (Some(it), Some(tags)) = try_join!(self.get(&arn), self.0.tagging.or_own(&ask.who, &arn, self.tags(&arn)))? else {
                return Ok(None);
            };
            let pending = it.status() == Some(&CertificateStatus::PendingValidation);
            let named = tags.contains_key(engine::resource::tag::ADDRESS);
            let (record_name, record_value) = match record(&it) {
                Some(record) => record,
                // A run ended between the request and the record: readers must not be planned with an empty one.
                // One of others may be validated by mail, and never has a record.
                None if pending && named => self.told(&arn, &Sink::none().ticks(&ask.who.address)).await?,
                None => Default::default(),
            };
            let usable = pending || it.status() == Some(&CertificateStatus::Issued);
            let live = Certificate { domain: it.domain_name().unwrap_or_default().to_owned(), usable };
            let output = Requested { arn, record_name, record_value };
            Ok(Some(Seen { live, output, ours: true, tags: Some(tags) }))
        })
        .await
    }

    async fn ensure(&self, who: &Identity, want: &Certificate, seen: Option<Seen<Certificate>>, ticks: &Ticks) -> Result<Requested, Fault> {
        let arn = match &seen {
            Some(seen) => seen.output.arn.clone(),
            None => self.request(who, want, ticks.absent).await?,
        };
        let (record_name, record_value) = self.told(&arn, ticks).await?;
        let (set, stale) = tag_changes(who, seen.as_ref().and_then(|seen| seen.tags.as_ref()));
        if !set.is_empty() {
            let tags = set.iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect();
            let call = self.0.acm.add_tags_to_certificate().certificate_arn(&arn).set_tags(Some(tags));
            call.send().await.or_fault("acm:AddTagsToCertificate")?;
        }
        if !stale.is_empty() {
            let tags = stale.iter().filter_map(|key| Tag::builder().key(key).build().ok()).collect();
            let call = self.0.acm.remove_tags_from_certificate().certificate_arn(&arn).set_tags(Some(tags));
            call.send().await.or_fault("acm:RemoveTagsFromCertificate")?;
        }
        Ok(Requested { arn, record_name, record_value })
    }

    async fn delete(&self, who: &Identity, spec: &Certificate, last: Option<&Requested>, ticks: &Ticks) -> Result<(), Fault> {
        let arn = match last {
            Some(last) => Some(last.arn.clone()),
            None => self.search(who, &spec.domain).await?,
        };
        let Some(arn) = arn else { return Ok(()) };
        let delete =
            || async { self.0.acm.delete_certificate().certificate_arn(&arn).send().await.or_gone("acm:DeleteCertificate").map(|_| ()) };
        aws::ec2::when_free(&self.0, FREED_WITHIN, ticks, delete).await
    }

    async fn list(&self, _: &Scope) -> Result<Option<Vec<Lead<Certificate>>>, Fault> {
        let mut pages = self.0.acm.list_certificates().into_paginator().items().send();
        let mut leads = Vec::new();
        while let Some(it) = pages.next().await {
            let arn = it.or_fault("acm:ListCertificates")?.certificate_arn.unwrap_or_default();
            leads.push(Lead { want: Certificate::default(), last: Some(Requested { arn, ..Requested::default() }) });
        }
        Ok(Some(leads))
    }
}
