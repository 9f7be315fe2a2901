//! The moment at which a requested certificate can be used. It is a wait, not an object: nothing is made and nothing deleted.
//! <https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html>

use aws::named::{each, untagged};
use aws::{Aws, FaultExt};
use contract::CertificateArn;
use engine::{Address, Ask, Class, Driver, Fault, Found, Identity, IdentityBy, Kind, Poll, Replace, Resource, Seen, Ticks};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Which certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CertificateIssued {
    /// Its ARN.
    pub certificate: CertificateArn,
}

impl Resource for CertificateIssued {
    const KIND: Kind = "certificate_issued";
    const REPLACE_ON: &'static [&'static str] = &["certificate"];
    // It reads the record, which is deleted before its successor is made: to wait for that successor would be a circle.
    const REPLACE: Replace = Replace::DeleteFirst;
    const TYPICAL: Duration = Duration::from_secs(120);
    type Output = CertificateArn;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Natural(self.certificate.0.clone())
    }

    fn placeholder(&self, at: &Address) -> CertificateArn {
        CertificateArn::unknown(at)
    }
}

/// ACM looks for the record for up to 72 hours, and finds one in Route 53 within minutes.
const ISSUED_WITHIN: Duration = Duration::from_secs(45 * 60);

/// Waits for certificates.
#[derive(Clone, Debug)]
pub(super) struct CertificatesIssued(pub Aws);

impl CertificatesIssued {
    async fn status(&self, arn: &CertificateArn) -> Result<Option<String>, Fault> {
        let answer = self.0.acm.describe_certificate().certificate_arn(arn.as_str()).send().await.or_gone("acm:DescribeCertificate")?;
        Ok(answer.and_then(|answer| answer.certificate).and_then(|it| it.status().map(|status| status.as_str().to_owned())))
    }
}

impl Driver<CertificateIssued> for CertificatesIssued {
    async fn observe(&self, asks: &[Ask<CertificateIssued>]) -> Result<Found<CertificateIssued>, Fault> {
        each(asks, |ask| async move {
            let issued = self.status(&ask.want.certificate).await?.as_deref() == Some("ISSUED");
            Ok(issued.then(|| untagged(ask.want.clone(), ask.want.certificate.clone(), true)))
        })
        .await
    }

    async fn ensure(
        &self,
        _: &Identity,
        want: &CertificateIssued,
        _: Option<Seen<CertificateIssued>>,
        ticks: &Ticks,
    ) -> Result<CertificateArn, Fault> {
        let look = || async {
            match self.status(&want.certificate).await?.as_deref() {
                Some("ISSUED") => Ok(Poll::Ready(want.certificate.clone())),
                Some("PENDING_VALIDATION") => Ok(Poll::Waiting("ACM looks for the record that proves the domain".into())),
                other => {
                    let problem = format!("the certificate was not issued: {}", other.unwrap_or("it is gone"));
                    Err(Fault::new(Class::Invalid, problem).hint("check that the domain's name servers are those of the hosted zone"))
                }
            }
        };
        self.0.until(ISSUED_WITHIN).poll(ticks, look).await
    }

    async fn delete(&self, _: &Identity, _: &CertificateIssued, _: Option<&CertificateArn>, _: &Ticks) -> Result<(), Fault> {
        Ok(())
    }
}
