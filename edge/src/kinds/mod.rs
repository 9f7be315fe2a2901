//! The resource kinds that only this layer declares.

mod certificate;
mod certificate_issued;
mod dns_record;
mod listener;
mod load_balancer;
mod tags;
mod target_group;
mod web_acl_association;

pub use certificate::{Certificate, Requested};
pub use certificate_issued::CertificateIssued;
pub use dns_record::{DnsRecord, RecordValue};
pub use listener::{Action, Listener, Protocol};
pub use load_balancer::LoadBalancerSpec;
pub use target_group::TargetGroup;
pub use web_acl_association::WebAclAssociation;

use aws::Aws;
use aws::kinds::alarm::Alarms;
use aws::named::Named;
use engine::Kinds;

/// ELB takes so many names or ARNs in a question.
const AT_ONCE: usize = 20;

/// Every kind that this layer ever shipped, with its driver.
pub fn kinds(aws: &Aws) -> Kinds {
    Kinds::new()
        .with(Named(load_balancer::LoadBalancers(aws.clone())))
        .with(Named(target_group::TargetGroups(aws.clone())))
        .with(Named(listener::Listeners(aws.clone())))
        .with(certificate::Certificates(aws.clone()))
        .with(certificate_issued::CertificatesIssued(aws.clone()))
        .with(Named(dns_record::DnsRecords(aws.clone())))
        .with(Named(web_acl_association::WebAclAssociations(aws.clone())))
        .with(Named(Alarms(aws.clone())))
}
