//! What comes back when something is wrong. Codes are irregular, and each service's client library knows its own.

use super::Fault;
use crate::call::AwsError;
use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_LENGTH, HeaderValue};

/// AWS's error for a fault at a call to `service`; `None` for a fault without an answer.
pub fn error(fault: Fault, service: &str) -> Option<AwsError> {
    match fault {
        Fault::Throttle => Some(throttled(service)),
        Fault::Http500 => Some(AwsError::new(500, internal(service), "An internal error has occurred")),
        Fault::Http503 => Some(AwsError::new(503, unavailable(service), "The service is unavailable. Please try again shortly.")),
        Fault::AccessDenied => Some(denied(service)),
        Fault::ExpiredToken => Some(expired(service)),
        Fault::ResetBefore | Fault::CommittedThenLost | Fault::TruncatedBody | Fault::Silence => None,
    }
}

/// Whether the service speaks JSON or CBOR, whose codes end in `Exception`.
fn json(service: &str) -> bool {
    ["ssm", "kms", "ecs", "logs", "application-autoscaling", "acm", "ecr", "servicequotas", "tagging", "wafv2", "monitoring"]
        .contains(&service)
}

fn throttled(service: &str) -> AwsError {
    match service {
        "ec2" => AwsError::new(503, "RequestLimitExceeded", "Request limit exceeded."),
        "s3" => AwsError::new(503, "SlowDown", "Please reduce your request rate."),
        _ if json(service) => AwsError::bad("ThrottlingException", "Rate exceeded"),
        _ => AwsError::bad("Throttling", "Rate exceeded"),
    }
}

fn internal(service: &str) -> &'static str {
    match service {
        "ec2" | "s3" | "sns" => "InternalError",
        "iam" => "ServiceFailure",
        "ecs" => "ServerException",
        "kms" => "KMSInternalException",
        "ssm" => "InternalServerError",
        "wafv2" => "WAFInternalErrorException",
        "application-autoscaling" => "InternalServiceException",
        "monitoring" => "InternalServiceFault",
        _ => "InternalFailure",
    }
}

fn unavailable(service: &str) -> &'static str {
    match service {
        "ec2" => "Unavailable",
        _ if json(service) => "ServiceUnavailableException",
        _ => "ServiceUnavailable",
    }
}

fn denied(service: &str) -> AwsError {
    let message = "User: arn:aws:iam::123456789012:user/ci is not authorized to perform this action";
    match service {
        "ec2" => AwsError::new(403, "UnauthorizedOperation", "You are not authorized to perform this operation."),
        "sns" => AwsError::new(403, "AuthorizationError", message),
        _ if json(service) => AwsError::bad("AccessDeniedException", message),
        _ => AwsError::new(403, "AccessDenied", message),
    }
}

fn expired(service: &str) -> AwsError {
    let message = "The security token included in the request is expired";
    match service {
        "ec2" => AwsError::bad("RequestExpired", "Request has expired."),
        "s3" => AwsError::bad("ExpiredToken", "The provided token has expired."),
        _ if json(service) => AwsError::bad("ExpiredTokenException", message),
        _ => AwsError::new(403, "ExpiredToken", message),
    }
}

/// An answer of which only half comes; `None` when there is nothing to halve.
pub fn truncated(answer: Response<Bytes>) -> Option<Response<Bytes>> {
    let (mut parts, body) = answer.into_parts();
    if body.len() < 2 {
        return None;
    }
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    Some(Response::from_parts(parts, body.slice(..body.len() / 2)))
}
