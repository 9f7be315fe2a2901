//! The WAF that guards the load balancer. A load balancer has at most one.
//! <https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html>

use aws::named::{Calls, each, untagged};
use aws::{Aws, FaultExt};
use engine::{Address, Ask, Fault, Found, Identity, IdentityBy, Kind, Poll, Replace, Resource, Seen, Sink};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What guards what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WebAclAssociation {
    /// The load balancer's ARN.
    pub resource: String,
    /// The web ACL's ARN.
    pub web_acl: String,
}

impl Resource for WebAclAssociation {
    const KIND: Kind = "web_acl_association";
    const REPLACE_ON: &'static [&'static str] = &["resource"];
    const REPLACE: Replace = Replace::DeleteFirst;
    type Output = ();

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Natural(self.resource.clone())
    }

    fn placeholder(&self, _: &Address) {}
}

/// WAF learns of a new load balancer after a while: five minutes were not always enough (terraform-provider-aws#29080).
const KNOWN_WITHIN: Duration = Duration::from_secs(600);

/// Works on associations.
#[derive(Clone, Debug)]
pub(super) struct WebAclAssociations(pub Aws);

impl Calls<WebAclAssociation> for WebAclAssociations {
    async fn look(&self, asks: &[Ask<WebAclAssociation>]) -> Result<Found<WebAclAssociation>, Fault> {
        each(asks, |ask| async move {
            let call = self.0.waf.get_web_acl_for_resource().resource_arn(&ask.want.resource);
            let Some(answer) = call.send().await.or_gone("wafv2:GetWebACLForResource")? else { return Ok(None) };
            let Some(web_acl) = answer.web_acl else { return Ok(None) };
            let live = WebAclAssociation { resource: ask.want.resource.clone(), web_acl: web_acl.arn };
            // What guards our load balancer is ours to say.
            Ok(Some(untagged(live, (), true)))
        })
        .await
    }

    async fn create(&self, who: &Identity, want: &WebAclAssociation) -> Result<Option<()>, Fault> {
        let ticks = Sink::none().ticks(&who.address);
        let look = || async {
            let call = self.0.waf.associate_web_acl().web_acl_arn(&want.web_acl).resource_arn(&want.resource);
            match call.send().await.or_fault("wafv2:AssociateWebACL") {
                Ok(_) => Ok(Poll::Ready(())),
                Err(fault) if fault.code == "WAFUnavailableEntityException" => Ok(Poll::Refused(fault.message.clone(), fault)),
                Err(fault) => Err(fault),
            }
        };
        self.0.until(KNOWN_WITHIN).poll(&ticks, look).await.map(Some)
    }

    async fn change(&self, who: &Identity, want: &WebAclAssociation, seen: &Seen<WebAclAssociation>) -> Result<(), Fault> {
        if seen.live.web_acl == want.web_acl { Ok(()) } else { self.create(who, want).await.map(|_| ()) }
    }

    async fn remove(&self, spec: &WebAclAssociation, (): &()) -> Result<(), Fault> {
        let call = self.0.waf.disassociate_web_acl().resource_arn(&spec.resource);
        call.send().await.or_gone("wafv2:DisassociateWebACL").map(|_| ())
    }
}
