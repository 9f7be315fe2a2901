//! STS: who am I.

use super::Answer;
use crate::call::Call;
use crate::world::ACCOUNT;
use serde_json::json;

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub fn handle(call: &Call) -> Answer {
    match call.action.as_str() {
        "GetCallerIdentity" => {
            Ok(json!({"Arn": format!("arn:aws:iam::{ACCOUNT}:user/local"), "UserId": "AIDALOCALLOCALLOCAL", "Account": ACCOUNT}))
        }
        _ => Err(super::unknown(call)),
    }
}
