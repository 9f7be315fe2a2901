//! From the SDK's errors to a [`Fault`] with class, code and request id.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use engine::{Class, Fault};

/// The class of an AWS error code. Codes are irregular, so the endings decide where AWS is consistent.
fn class_of(code: &str, status: u16) -> Class {
    match code {
        "RequestLimitExceeded" | "Throttling" | "ThrottlingException" | "TooManyRequestsException" | "TooManyUpdates" | "SlowDown" => {
            Class::Throttled
        }
        "UnauthorizedOperation"
        | "AuthorizationError"
        | "AccessDenied"
        | "AccessDeniedException"
        | "AuthFailure"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "RequestTimeTooSkewed"
        | "RequestExpired" => Class::Denied,
        "DependencyViolation"
        | "ResourceInUse"
        | "ResourceInUseException"
        | "DeleteConflict"
        | "IncorrectState"
        | "Gateway.NotAttached"
        | "InvalidDBInstanceState"
        | "InvalidDBSubnetGroupStateFault"
        | "InvalidDBParameterGroupState"
        | "OperationInProgressException"
        | "ConcurrentModification"
        | "PriorRequestNotComplete" => Class::Busy,
        "NoSuchEntity" | "NoSuchHostedZone" | "InvalidResourceId" | "ServiceNotFoundException" | "ClusterNotFoundException" => {
            Class::NotFound
        }
        "WAFNonexistentItemException" | "NoSuchKey" | "NoSuchBucket" => Class::NotFound,
        "ConditionalRequestConflict" | "OperationAborted" => Class::Busy,
        _ if ["NotFound", "NotFoundException", "NotFoundFault", "ResourceNotFound"].iter().any(|end| code.ends_with(end)) => {
            Class::NotFound
        }
        _ if code.ends_with("LimitExceeded") || code.ends_with("LimitExceededException") || code.ends_with("QuotaExceeded") => Class::Quota,
        _ if status >= 500 => Class::InDoubt,
        _ => Class::Invalid,
    }
}

/// Makes a [`Fault`] of what a call returned. `call` is `service:Operation`.
pub fn fault<E: ProvideErrorMetadata + std::error::Error + 'static>(call: &str, error: &SdkError<E, HttpResponse>) -> Fault {
    // The fence stopped it: it was never sent.
    if let Some(fault) = ours(error) {
        return fault.clone().call(call);
    }
    let header = |name: &str| error.raw_response().and_then(|raw| raw.headers().get(name)).map(str::to_owned);
    let request_id = header("x-amzn-requestid").or_else(|| header("x-amz-request-id"));
    let status = error.raw_response().map_or(0, |raw| raw.status().as_u16());
    let mut fault = match error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or("Unknown");
            let mut fault = Fault::new(class_of(code, status), service.err().message().unwrap_or("AWS gave no reason"));
            code.clone_into(&mut fault.code);
            if skewed(code, &fault.message) { fault.hint(CLOCK) } else { fault }
        }
        SdkError::ConstructionFailure(_) => Fault::new(Class::Invalid, chain(error)),
        // Nothing came back, or not all of it: AWS may have done it.
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => Fault::new(Class::InDoubt, chain(error)),
        SdkError::DispatchFailure(failure) if failure.is_user() || failure.is_other() => Fault::new(Class::Denied, chain(error)),
        SdkError::DispatchFailure(_) if never_sent(error) => Fault::new(Class::Unavailable, chain(error)),
        // The connection ended: perhaps after AWS had read the request.
        _ => Fault::new(Class::InDoubt, chain(error)),
    };
    if fault.class == Class::InDoubt && reads(call) {
        // Nothing can have been done.
        fault.class = Class::Unavailable;
    }
    call.clone_into(&mut fault.call);
    fault.request_id = request_id;
    fault
}

/// What to do about a clock that is wrong.
const CLOCK: &str =
    "the clock of this machine differs from AWS's by minutes: set it (`timedatectl set-ntp true`), then run the same command again";

/// Whether AWS refuses a signature for its time.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>
fn skewed(code: &str, message: &str) -> bool {
    match code {
        "RequestTimeTooSkewed" | "RequestExpired" => true,
        "InvalidSignatureException" | "SignatureDoesNotMatch" => {
            ["Signature expired", "not yet current"].iter().any(|it| message.contains(it))
        }
        _ => false,
    }
}

/// Whether a call only reads.
fn reads(call: &str) -> bool {
    is_read(call.rsplit(':').next().unwrap_or_default())
}

/// Whether an operation only reads, by its name.
pub(crate) fn is_read(operation: &str) -> bool {
    ["Describe", "List", "Get", "Head", "Lookup", "Filter", "Simulate"].iter().any(|verb| operation.starts_with(verb))
}

/// Whether there was no connection at all, so that the request cannot have arrived.
fn never_sent(error: &(dyn std::error::Error + 'static)) -> bool {
    let refused = |error: &(dyn std::error::Error + 'static)| {
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        kind == Some(std::io::ErrorKind::ConnectionRefused) || error.to_string().contains("(Connect)")
    };
    std::iter::successors(Some(error), |error| error.source()).any(refused)
}

/// A fault of our own among the causes.
fn ours<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Fault> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref::<Fault>())
}

/// The error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.contains(&next_text) {
            text = format!("{text}: {next_text}");
        }
        cause = next.source();
    }
    text
}

/// `?` for SDK calls: `.await.or_fault("ec2:CreateVpc")?`.
pub trait FaultExt<T> {
    /// Turns the SDK's error into a [`Fault`].
    ///
    /// # Errors
    /// The fault.
    fn or_fault(self, call: &str) -> Result<T, Fault>;

    /// The same, with "nothing there" as `None`.
    ///
    /// # Errors
    /// Every other fault.
    fn or_gone(self, call: &str) -> Result<Option<T>, Fault>;
}

impl<T, E: ProvideErrorMetadata + std::error::Error + 'static> FaultExt<T> for Result<T, SdkError<E, HttpResponse>> {
    fn or_fault(self, call: &str) -> Result<T, Fault> {
        self.map_err(|error| fault(call, &error))
    }

    fn or_gone(self, call: &str) -> Result<Option<T>, Fault> {
        match self.or_fault(call) {
            Ok(value) => Ok(Some(value)),
            Err(fault) if fault.is_not_found() => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_told_from_a_wrong_key() {
        let expired = "Signature expired: 20261124T080000Z is now earlier than 20261124T095500Z (20261124T100000Z - 5 min.)";
        assert!(skewed("InvalidSignatureException", expired) && skewed("SignatureDoesNotMatch", "Signature not yet current"));
        assert!(skewed("RequestTimeTooSkewed", "The difference between the request time and the current time is too large."));
        assert!(!skewed("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."));
        assert_eq!(class_of("RequestTimeTooSkewed", 403), Class::Denied);
    }
}
