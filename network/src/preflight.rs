//! What a deploy of the network would meet: the account's limit of addresses.

use crate::config::{Config, Nat};
use aws::{Aws, FaultExt};
use aws_sdk_ec2::types::AccountAttributeName;
use engine::{Fault, LayerName, Level, Sign};

/// Whether the NAT gateways still get their addresses.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAccountAttributes.html>
pub(crate) async fn preflight(aws: &Aws, config: &Config, ours: usize) -> Result<Vec<Sign>, Fault> {
    let wanted = match config.nat {
        Nat::None => 0,
        Nat::Single => 1,
        Nat::PerAz => config.zones,
    };
    let call = aws.ec2.describe_account_attributes().attribute_names(AccountAttributeName::from("vpc-max-elastic-ips"));
    let answer = call.send().await.or_fault("ec2:DescribeAccountAttributes")?;
    let most =
        answer.account_attributes().iter().flat_map(|it| it.attribute_values()).find_map(|it| it.attribute_value()?.parse::<usize>().ok());
    let taken = aws.ec2.describe_addresses().send().await.or_fault("ec2:DescribeAddresses")?.addresses().len();
    // An account without the attribute has no limit that could be told.
    Ok(most.map(|most| quota(wanted.saturating_sub(ours), most, taken)).into_iter().collect())
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
    fn addresses_that_do_not_suffice_are_told_before_the_third_gateway_fails() {
        assert_eq!(quota(3, 5, 2).level, Level::Ok);
        let few = quota(3, 5, 3);
        assert!(few.level == Level::Fail && few.hint.unwrap().contains("L-0263D0A3"));
    }
}
