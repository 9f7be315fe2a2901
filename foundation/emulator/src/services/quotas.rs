//! Service Quotas: the limits of the account in a region that somebody may ask for.
//! <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html>

use super::{Answer, unknown};
use crate::call::{AwsError, Call, Input};
use crate::world::{Here, Region};
use serde_json::json;

/// VPCs in a region.
const VPCS: &str = "L-F678F1CE";

/// A quota: its service, its code, its name, and what AWS gives to a new account.
const QUOTAS: &[(&str, &str, &str, f64)] = &[("vpc", VPCS, "VPCs per Region", 5.0), ("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", 5.0)];

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    match call.action.as_str() {
        "GetServiceQuota" => get(here, &call.input),
        _ => Err(unknown(call)),
    }
}

/// How much of it the account may have here.
pub(crate) fn applied(region: &Region, code: &str) -> f64 {
    let usual = || QUOTAS.iter().find(|(_, it, ..)| *it == code).map_or(f64::MAX, |(.., usual)| *usual);
    region.quotas.get(code).copied().unwrap_or_else(usual)
}

/// How many VPCs there may be.
pub(crate) fn vpcs(region: &Region) -> usize {
    applied(region, VPCS) as usize
}

fn get(here: &Here<'_>, input: &Input) -> Answer {
    let (service, code) = (input.str("ServiceCode")?, input.str("QuotaCode")?);
    let found = QUOTAS.iter().find(|(of, it, ..)| *of == service && *it == code);
    let missing = || AwsError::bad("NoSuchResourceException", "The request failed because the specified service or quota does not exist.");
    let (_, _, name, _) = found.ok_or_else(missing)?;
    Ok(json!({"Quota": {
        "ServiceCode": service, "ServiceName": if service == "vpc" { "Amazon Virtual Private Cloud (Amazon VPC)" } else { "Amazon Elastic Compute Cloud (Amazon EC2)" },
        "QuotaArn": here.arn("servicequotas", &format!("{service}/{code}")), "QuotaCode": code, "QuotaName": name,
        "Value": applied(here.region, code), "Unit": "None", "Adjustable": true, "GlobalQuota": false, "QuotaAppliedAtLevel": "ACCOUNT",
    }}))
}
