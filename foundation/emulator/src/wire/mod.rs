//! AWS's protocols: parse, render, error shapes. Nothing about any service.

mod cbor;
mod query;
mod rest;
mod s3;
mod xml;

use crate::call::{AwsError, Call, Input};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

/// How a request was written, and so how its answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// EC2's query protocol: lists as `item`.
    Ec2,
    /// The query protocol: lists as `member`.
    Query,
    /// JSON with `X-Amz-Target`.
    Json,
    /// CBOR with the operation in the path.
    Cbor,
    /// XML with the operation in method and path.
    Rest,
    /// S3's REST: objects as they are, everything else as XML; the answer to a HEAD has no body.
    S3 {
        /// Whether it is a HEAD.
        head: bool,
    },
}

/// A request that was understood.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// How it was written.
    pub protocol: Protocol,
    /// What it asks for.
    pub call: Call,
}

/// JSON services by the first part of their target.
const TARGETS: &[(&str, &str)] = &[
    ("AmazonSSM", "ssm"),
    ("TrentService", "kms"),
    ("AmazonEC2ContainerServiceV20141113", "ecs"),
    ("Logs_20140328", "logs"),
    ("AnyScaleFrontendService", "application-autoscaling"),
    ("CertificateManager", "acm"),
    ("AmazonEC2ContainerRegistry_V20150921", "ecr"),
    ("ResourceGroupsTaggingAPI_20170126", "tagging"),
    ("ServiceQuotasV20190624", "servicequotas"),
    ("AWSWAF_20190729", "wafv2"),
];

/// Understands a request.
///
/// # Errors
/// The error in the protocol in which it must be answered.
pub fn parse(request: &Request<Bytes>) -> Result<Parsed, (Protocol, AwsError)> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let (region, service) = scope(header("authorization").unwrap_or_default());
    if let Some((prefix, action)) = header("x-amz-target").and_then(|target| target.rsplit_once('.')) {
        let known = TARGETS.iter().find(|(target, _)| *target == prefix).map(|(_, service)| *service);
        let input = serde_json::from_slice(request.body())
            .map_err(|error| (Protocol::Json, AwsError::bad("SerializationException", error.to_string())))?;
        let call = Call { service: known.unwrap_or(prefix).to_owned(), region, action: action.to_owned(), input: Input(input) };
        return Ok(Parsed { protocol: Protocol::Json, call });
    }
    if let Some((service, action)) = cbor::path(request.uri().path()) {
        let input = cbor::read(request.body()).map_err(|problem| (Protocol::Cbor, AwsError::bad("SerializationException", problem)))?;
        let call = Call { service: service.to_owned(), region, action: action.to_owned(), input: Input(input) };
        return Ok(Parsed { protocol: Protocol::Cbor, call });
    }
    if service == "route53" {
        let uri = request.uri();
        let Some((action, input)) = rest::route53(request.method().as_str(), uri.path(), uri.query(), request.body()) else {
            return Err((Protocol::Rest, AwsError::bad("InvalidInput", format!("{} {} is not known", request.method(), uri.path()))));
        };
        let call = Call { service, region, action: action.to_owned(), input: Input(input) };
        return Ok(Parsed { protocol: Protocol::Rest, call });
    }
    if service == "s3" {
        let protocol = Protocol::S3 { head: request.method() == http::Method::HEAD };
        let (action, input) = s3::parse(request).map_err(|error| (protocol, error))?;
        return Ok(Parsed { protocol, call: Call { service, region, action, input: Input(input) } });
    }
    let protocol = if service == "ec2" { Protocol::Ec2 } else { Protocol::Query };
    let input = query::parse(&String::from_utf8_lossy(request.body()), protocol == Protocol::Query);
    let Some(action) = input.get("Action").and_then(Value::as_str).map(str::to_owned) else {
        return Err((protocol, AwsError::bad("MissingAction", "the embedded AWS does not know this kind of request")));
    };
    Ok(Parsed { protocol, call: Call { service, region, action, input: Input(input) } })
}

/// Region and service of the credential scope: `Credential=AKID/20261124/eu-north-1/ec2/aws4_request`.
fn scope(authorization: &str) -> (String, String) {
    let scope = authorization.split_once("Credential=").map_or("", |(_, rest)| rest);
    let mut parts = scope.split(',').next().unwrap_or_default().split('/').skip(2);
    let region = parts.next().unwrap_or("us-east-1").to_owned();
    (region, parts.next().unwrap_or_default().to_owned())
}

/// Renders an answer.
pub fn render(parsed: &Parsed, body: &Value, request_id: &str) -> Response<Bytes> {
    match parsed.protocol {
        Protocol::Ec2 => answer(200, "text/xml;charset=UTF-8", xml::ec2(&parsed.call.action, body, request_id), request_id),
        Protocol::Query => answer(200, "text/xml", xml::query(&parsed.call.action, body, request_id), request_id),
        Protocol::Json => answer(200, "application/x-amz-json-1.1", body.to_string(), request_id),
        Protocol::Cbor => cbor_answer(200, body, request_id),
        Protocol::Rest => answer(200, "text/xml", xml::rest(&parsed.call.action, body), request_id),
        Protocol::S3 { head } => s3::render(body, head, request_id),
    }
}

fn cbor_answer(status: u16, body: &Value, request_id: &str) -> Response<Bytes> {
    let built = Response::builder().status(status).header("content-type", "application/cbor").header("smithy-protocol", "rpc-v2-cbor");
    built.header("x-amzn-requestid", request_id).body(cbor::write(body)).unwrap_or_default()
}

/// Renders an error.
pub fn render_error(protocol: Protocol, error: &AwsError, request_id: &str) -> Response<Bytes> {
    match protocol {
        Protocol::Ec2 => answer(error.status, "text/xml;charset=UTF-8", xml::ec2_error(error, request_id), request_id),
        Protocol::Query | Protocol::Rest => answer(error.status, "text/xml", xml::query_error(error, request_id), request_id),
        Protocol::S3 { head } => s3::render_error(error, head, request_id),
        Protocol::Cbor => {
            let body = serde_json::json!({"__type": format!("com.amazonaws.cloudwatch#{}", error.code), "message": error.message});
            cbor_answer(error.status, &body, request_id)
        }
        Protocol::Json => {
            let body = serde_json::json!({"__type": error.code, "message": error.message});
            answer(error.status, "application/x-amz-json-1.1", body.to_string(), request_id)
        }
    }
}

fn answer(status: u16, content_type: &str, body: String, request_id: &str) -> Response<Bytes> {
    let built = Response::builder().status(status).header("content-type", content_type).header("x-amzn-requestid", request_id);
    built.body(Bytes::from(body)).unwrap_or_default()
}
