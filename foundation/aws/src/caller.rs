//! Who we are, as AWS sees us, and what time it is there.

use crate::{Aws, FaultExt};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use engine::Fault;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Who calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// The user or role.
    pub arn: String,
    /// The account.
    pub account: String,
    /// How many seconds this machine's clock is ahead of AWS's; `None` when the answer has no date.
    pub ahead: Option<f64>,
}

/// Keeps the date of an answer.
#[derive(Clone, Debug, Default)]
struct Heard(Arc<Mutex<Option<f64>>>);

impl Intercept for Heard {
    fn name(&self) -> &'static str {
        "Heard"
    }

    fn read_after_deserialization(
        &self,
        answer: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = answer.response().headers().get("date").and_then(|text| DateTime::from_str(text, Format::HttpDate).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date.map(|date| date.as_secs_f64());
        Ok(())
    }
}

/// Asks STS.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
///
/// # Errors
/// The fault of `sts:GetCallerIdentity`.
pub async fn caller(aws: &Aws) -> Result<Caller, Fault> {
    let heard = Heard::default();
    let call = aws.sts.get_caller_identity().customize().interceptor(heard.clone());
    let answer = call.send().await.or_fault("sts:GetCallerIdentity")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let there = *heard.0.lock().unwrap_or_else(PoisonError::into_inner);
    let (arn, account) = (answer.arn().unwrap_or_default().to_owned(), answer.account().unwrap_or_default().to_owned());
    Ok(Caller { arn, account, ahead: there.map(|there| now - there) })
}
