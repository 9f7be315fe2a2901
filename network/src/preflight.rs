//! What a deploy of the network would meet: the account's limits of addresses and of VPCs.

use crate::config::{Config, Nat};
use crate::kinds::{ElasticIp, Vpc};
use aws::{Aws, FaultExt};
use engine::ledger::Folded;
use engine::sign::objects;
use engine::{Class, Fault, LayerName, Level, Sign};

/// A line for each limit.
pub(crate) async fn preflight(aws: &Aws, config: &Config, memory: &Folded) -> Result<Vec<Sign>, Fault> {
    let (addresses, vpcs) = (objects::<ElasticIp>(memory).count(), objects::<Vpc>(memory).count());
    let (addresses, vpcs) = futures::try_join!(elastic_ips(aws, config, addresses), self::vpcs(aws, vpcs))?;
    Ok(addresses.into_iter().chain([vpcs]).collect())
}

/// The code of the quota `VPCs per Region`, and how many of them a new account may have.
const VPCS: (&str, usize) = ("L-F678F1CE", 5);

/// Whether there is room for the VPC.
/// <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html>
async fn vpcs(aws: &Aws, ours: usize) -> Result<Sign, Fault> {
    if ours > 0 {
        return Ok(Sign::new(LayerName::Network, "vpc quota", Level::Ok, "the VPC is there, a deploy needs no other one"));
    }
    let call = aws.quotas.get_service_quota().service_code("vpc").quota_code(VPCS.0).send().await;
    let most = match call.or_fault("servicequotas:GetServiceQuota") {
        Ok(answer) => answer.quota.and_then(|quota| quota.value).map(|most| most as usize),
        // Who may not ask, or asks an emulator without quotas, is not stopped by it.
        Err(fault) if [Class::Denied, Class::NotFound, Class::Invalid].contains(&fault.class) => None,
        Err(fault) => return Err(fault),
    };
    let mut pages = aws.ec2.describe_vpcs().into_paginator().items().send();
    let mut taken = 0;
    while let Some(vpc) = pages.next().await {
        vpc.or_fault("ec2:DescribeVpcs")?;
        taken += 1;
    }
    Ok(room(most, taken))
}

fn room(most: Option<usize>, taken: usize) -> Sign {
    let sign = |level, text: String| Sign::new(LayerName::Network, "vpc quota", level, text).fact("taken", taken).fact("limit", most);
    match most {
        Some(most) if taken < most => sign(Level::Ok, format!("{taken} of {most} VPCs of the region exist, a deploy needs 1 more")),
        Some(most) => sign(Level::Fail, format!("{taken} of {most} VPCs of the region exist, a deploy needs 1 more"))
            .hint(format!("ask for more in Service Quotas ({}), or delete one that nobody needs", VPCS.0)),
        None if taken < VPCS.1 => sign(Level::Ok, format!("{taken} VPCs exist: every account may have {}", VPCS.1)),
        None => sign(Level::Warn, format!("{taken} VPCs exist, and how many there may be cannot be asked"))
            .hint(format!("allow servicequotas:GetServiceQuota, or look at {} in Service Quotas: a new account has {}", VPCS.0, VPCS.1)),
    }
}

/// Whether the NAT gateways still get their addresses.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAccountAttributes.html>
async fn elastic_ips(aws: &Aws, config: &Config, ours: usize) -> Result<Option<Sign>, Fault> {
    let wanted = match config.nat {
        Nat::None => 0,
        Nat::Single => 1,
        Nat::PerAz => config.zones,
    };
    // Its name is none of those that can be asked for: all are told.
    let answer = aws.ec2.describe_account_attributes().send().await.or_fault("ec2:DescribeAccountAttributes")?;
    let most = answer.account_attributes().iter().filter(|it| it.attribute_name() == Some("vpc-max-elastic-ips"));
    let most = most.flat_map(|it| it.attribute_values()).find_map(|it| it.attribute_value()?.parse::<usize>().ok());
    let taken = aws.ec2.describe_addresses().send().await.or_fault("ec2:DescribeAddresses")?.addresses().len();
    // An account without the attribute has no limit that could be told.
    Ok(most.map(|most| quota(wanted.saturating_sub(ours), most, taken)))
}

fn quota(more: usize, most: usize, taken: usize) -> Sign {
    let text = format!("{taken} of {most} elastic addresses are taken, a deploy needs {more} more");
    let sign =
        |level| Sign::new(LayerName::Network, "quota", level, text.clone()).fact("taken", taken).fact("limit", most).fact("needed", more);
    if taken + more > most {
        return sign(Level::Fail)
            .hint("ask for more in Service Quotas (L-0263D0A3), release some, or set network.nat to `single` or `none`");
    }
    sign(Level::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_that_is_full_of_vpcs_is_told_and_one_that_nobody_may_count_is_no_failure() {
        let level = |most, taken| room(most, taken).level;
        assert_eq!(
            (level(Some(5), 4), level(Some(5), 5), level(None, 4), level(None, 5)),
            (Level::Ok, Level::Fail, Level::Ok, Level::Warn)
        );
        assert!(room(Some(5), 5).hint.unwrap().contains("L-F678F1CE"));
    }

    #[test]
    fn addresses_that_do_not_suffice_are_told_before_the_third_gateway_fails() {
        assert_eq!(quota(3, 5, 2).level, Level::Ok);
        let few = quota(3, 5, 3);
        assert!(few.level == Level::Fail && few.hint.unwrap().contains("L-0263D0A3"));
    }
}
