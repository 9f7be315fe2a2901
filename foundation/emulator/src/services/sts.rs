//! STS: who am I.

use super::Answer;
use crate::call::Call;
use crate::world::ACCOUNT;
use serde_json::json;

/// Who every caller is.
pub(crate) const CALLER: &str = "arn:aws:iam::123456789012:user/local";

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub fn handle(call: &Call) -> Answer {
    match call.action.as_str() {
        "GetCallerIdentity" => Ok(json!({"Arn": CALLER, "UserId": "AIDALOCALLOCALLOCAL", "Account": ACCOUNT})),
        _ => Err(super::unknown(call)),
    }
}
