//! The security group that every VPC is born with, without its rules: nothing can use it by mistake.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html>

use aws::ec2::filter;
use aws::named::each;
use aws::{Aws, FaultExt};
use aws_sdk_ec2::types::SecurityGroupRule;
use contract::{SecurityGroupId, VpcId};
use engine::{Address, Ask, Driver, Fault, Found, Identity, IdentityBy, Kind, Resource, Seen, Ticks};
use serde::{Deserialize, Serialize};

/// The VPC's own security group, stripped.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DefaultSecurityGroup {
    /// The VPC.
    pub vpc: VpcId,
    /// How many rules it has: none.
    pub rules: usize,
}

impl Resource for DefaultSecurityGroup {
    const KIND: Kind = "default_security_group";
    const REPLACE_ON: &'static [&'static str] = &["vpc"];
    type Output = SecurityGroupId;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Natural(self.vpc.0.clone())
    }

    fn placeholder(&self, at: &Address) -> SecurityGroupId {
        SecurityGroupId::unknown(at)
    }
}

/// Works on them.
#[derive(Clone, Debug)]
pub(super) struct DefaultSecurityGroups(pub Aws);

impl DefaultSecurityGroups {
    async fn group(&self, vpc: &VpcId) -> Result<Option<SecurityGroupId>, Fault> {
        let call = self.0.ec2.describe_security_groups().filters(filter("vpc-id", [vpc.0.clone()]));
        let found = call.filters(filter("group-name", ["default".to_owned()])).send().await.or_fault("ec2:DescribeSecurityGroups")?;
        Ok(found.security_groups().first().and_then(|group| group.group_id()).map(|id| id.to_owned().into()))
    }

    async fn rules(&self, id: &SecurityGroupId) -> Result<Vec<SecurityGroupRule>, Fault> {
        let call = self.0.ec2.describe_security_group_rules().filters(filter("group-id", [id.0.clone()]));
        Ok(call.send().await.or_fault("ec2:DescribeSecurityGroupRules")?.security_group_rules.unwrap_or_default())
    }
}

impl Driver<DefaultSecurityGroup> for DefaultSecurityGroups {
    async fn observe(&self, asks: &[Ask<DefaultSecurityGroup>]) -> Result<Found<DefaultSecurityGroup>, Fault> {
        each(asks, |ask| async move {
            let Some(id) = self.group(&ask.want.vpc).await? else { return Ok(None) };
            let live = DefaultSecurityGroup { vpc: ask.want.vpc.clone(), rules: self.rules(&id).await?.len() };
            Ok(Some(Seen { live, output: id, ours: true, tags: None }))
        })
        .await
    }

    async fn ensure(
        &self,
        _: &Identity,
        want: &DefaultSecurityGroup,
        _: Option<Seen<DefaultSecurityGroup>>,
        _: &Ticks,
    ) -> Result<SecurityGroupId, Fault> {
        let gone = || Fault::new(engine::Class::NotFound, format!("{} has no default security group", want.vpc));
        let id = self.group(&want.vpc).await?.ok_or_else(gone)?;
        let rules = self.rules(&id).await?;
        let of = |egress: bool| {
            let own = rules.iter().filter(move |rule| rule.is_egress() == Some(egress));
            own.filter_map(|rule| rule.security_group_rule_id().map(str::to_owned)).collect::<Vec<_>>()
        };
        let (ingress, egress) = (of(false), of(true));
        if !ingress.is_empty() {
            let call = self.0.ec2.revoke_security_group_ingress().group_id(id.as_str()).set_security_group_rule_ids(Some(ingress));
            call.send().await.or_gone("ec2:RevokeSecurityGroupIngress")?;
        }
        if !egress.is_empty() {
            let call = self.0.ec2.revoke_security_group_egress().group_id(id.as_str()).set_security_group_rule_ids(Some(egress));
            call.send().await.or_gone("ec2:RevokeSecurityGroupEgress")?;
        }
        Ok(id)
    }

    /// AWS deletes it with its VPC and refuses to delete it alone.
    async fn delete(&self, _: &Identity, _: &DefaultSecurityGroup, _: Option<&SecurityGroupId>, _: &Ticks) -> Result<(), Fault> {
        Ok(())
    }
}
