//! A judge of requests: somebody who knows AWS's own models says what AWS would refuse before it does anything.

use crate::call::{AwsError, Call};
use std::sync::OnceLock;

/// Says what is wrong with a call; nothing when AWS would take it.
type Judge = Box<dyn Fn(&Call) -> Option<String> + Send + Sync>;

static JUDGE: OnceLock<Judge> = OnceLock::new();

/// Lets `judge` look at every call to every world of this process. The first one stays.
pub fn judged_by(judge: impl Fn(&Call) -> Option<String> + Send + Sync + 'static) {
    JUDGE.set(Box::new(judge)).ok();
}

/// The refusal of a call that does not fit AWS's model of it; nothing without a judge.
pub fn refusal(call: &Call) -> Option<AwsError> {
    let problem = JUDGE.get()?(call)?;
    Some(AwsError::bad("ValidationException", format!("{}:{} does not fit AWS's model: {problem}", call.service, call.action)))
}
