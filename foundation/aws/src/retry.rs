//! Who may be retried. A create without a client token may not: the SDK would make two and report success.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority, RetryReason};
use aws_smithy_types::retry::ErrorKind;

/// Retries only throttles: everything else may have been carried out.
#[derive(Clone, Copy, Debug)]
pub struct NeverTwice;

/// The classifier for `CreateVpc`, `CreateSubnet`, `CreateInternetGateway`, `AllocateAddress` and their like.
pub fn never_twice() -> NeverTwice {
    NeverTwice
}

impl ClassifyRetry for NeverTwice {
    fn classify_retry(&self, _: &InterceptorContext) -> RetryAction {
        RetryAction::NoActionIndicated
    }

    fn classify_retry_v2(&self, _: &InterceptorContext, previous: &RetryAction) -> RetryAction {
        match previous {
            RetryAction::RetryIndicated(RetryReason::RetryableError { kind: ErrorKind::ThrottlingError, .. }) => previous.clone(),
            RetryAction::NoActionIndicated => RetryAction::NoActionIndicated,
            _ => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "never twice"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
