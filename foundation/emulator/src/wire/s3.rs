//! REST with XML bodies as S3 speaks it: buckets in the path or in the host, parameters in query and headers, objects as they are.

use super::query::decode;
use super::xml::escape;
use crate::call::AwsError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use roxmltree::{Document, Node};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Sub-resources of a bucket, each with what its operations are called after.
const SUBRESOURCES: &[(&str, &str)] = &[
    ("versioning", "BucketVersioning"),
    ("encryption", "BucketEncryption"),
    ("publicAccessBlock", "PublicAccessBlock"),
    ("policy", "BucketPolicy"),
    ("lifecycle", "BucketLifecycleConfiguration"),
    ("tagging", "BucketTagging"),
    ("location", "BucketLocation"),
];

/// The operation of a request to S3 with its parameters: query parameters and headers under their own names, the bucket, the key,
/// `#body` in base 64, and `#xml` where the body is a document.
///
/// # Errors
/// `NotImplemented` for what the embedded AWS does not know; what is wrong with the body.
pub fn parse(request: &Request<Bytes>) -> Result<(String, Value), AwsError> {
    let (bucket, key) = place(request);
    let mut input = Map::new();
    for pair in request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        input.insert(decode(name), Value::String(decode(value)));
    }
    let sub = SUBRESOURCES.iter().find(|(query, _)| input.contains_key(*query)).map(|(_, name)| *name);
    let action = action(request.method().as_str(), &bucket, &key, sub, &input).ok_or_else(|| {
        let text = "A header you provided implies functionality that is not implemented.";
        AwsError::new(501, "NotImplemented", format!("{text} ({} {})", request.method(), request.uri()))
    })?;
    for (name, value) in request.headers() {
        input.insert(name.as_str().to_owned(), json!(String::from_utf8_lossy(value.as_bytes())));
    }
    let body = body(request)?;
    checked(&input, &body)?;
    let holds_xml = !body.is_empty() && !["PutObject", "PutBucketPolicy"].contains(&action.as_str());
    if holds_xml {
        let malformed = || AwsError::bad("MalformedXML", "The XML you provided was not well-formed or did not validate against our schema");
        let text = std::str::from_utf8(&body).map_err(|_| malformed())?;
        let document = Document::parse(text).map_err(|_| malformed())?;
        input.insert("#xml".into(), tree(document.root_element()));
    }
    input.insert("#body".into(), Value::String(STANDARD.encode(&body)));
    input.insert("Bucket".into(), Value::String(bucket));
    input.insert("Key".into(), Value::String(key));
    Ok((action, Value::Object(input)))
}

/// Bucket and key: the bucket is the first part of the host (`bucket.s3.…`, `bucket.localhost`) or of the path.
fn place(request: &Request<Bytes>) -> (String, String) {
    let header = request.headers().get("host").and_then(|host| host.to_str().ok());
    let host = header.or_else(|| request.uri().host()).unwrap_or_default();
    let in_host = host.split_once(".s3").or_else(|| host.split_once(".localhost")).map(|(bucket, _)| bucket.to_owned());
    let path = request.uri().path().trim_start_matches('/');
    match in_host {
        Some(bucket) => (bucket, decode_path(path)),
        None => {
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            (decode_path(bucket), decode_path(key))
        }
    }
}

/// A plus is a plus in a path.
fn decode_path(text: &str) -> String {
    decode(&text.replace('+', "%2B"))
}

fn action(method: &str, bucket: &str, key: &str, sub: Option<&str>, input: &Map<String, Value>) -> Option<String> {
    let name = match (method, bucket.is_empty(), key.is_empty(), sub) {
        ("GET", true, _, None) => "ListBuckets".into(),
        ("PUT", false, true, Some(sub)) if sub != "BucketLocation" => format!("Put{sub}"),
        ("GET", false, true, Some(sub)) => format!("Get{sub}"),
        ("DELETE", false, true, Some("BucketLifecycleConfiguration")) => "DeleteBucketLifecycle".into(),
        ("DELETE", false, true, Some(sub)) if sub != "BucketLocation" && sub != "BucketVersioning" => format!("Delete{sub}"),
        ("GET", false, true, None) if input.get("list-type").is_some_and(|kind| kind == "2") => "ListObjectsV2".into(),
        ("PUT", false, true, None) => "CreateBucket".into(),
        ("HEAD", false, true, None) => "HeadBucket".into(),
        ("DELETE", false, true, None) => "DeleteBucket".into(),
        ("PUT", false, false, None) if !input.contains_key("uploadId") => "PutObject".into(),
        ("GET", false, false, None) => "GetObject".into(),
        ("HEAD", false, false, None) => "HeadObject".into(),
        ("DELETE", false, false, None) => "DeleteObject".into(),
        _ => return None,
    };
    Some(name)
}

/// The body without the frames of `aws-chunked`.
fn body(request: &Request<Bytes>) -> Result<Vec<u8>, AwsError> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !header("content-encoding").contains("aws-chunked") && !header("x-amz-content-sha256").starts_with("STREAMING-") {
        return Ok(request.body().to_vec());
    }
    let incomplete = || AwsError::bad("IncompleteBody", "The request body terminated unexpectedly");
    let (mut rest, mut out) = (&request.body()[..], Vec::new());
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").ok_or_else(incomplete)?;
        let line = String::from_utf8_lossy(&rest[..end]);
        let length = usize::from_str_radix(line.split(';').next().unwrap_or_default(), 16).map_err(|_| incomplete())?;
        if length == 0 {
            return Ok(out);
        }
        out.extend_from_slice(rest.get(end + 2..end + 2 + length).ok_or_else(incomplete)?);
        rest = rest.get(end + 4 + length..).ok_or_else(incomplete)?;
    }
}

/// What the client says of the body must be true of it.
fn checked(input: &Map<String, Value>, body: &[u8]) -> Result<(), AwsError> {
    let Some(said) = input.get("x-amz-checksum-crc32").and_then(Value::as_str) else { return Ok(()) };
    if said == STANDARD.encode(crc32(body).to_be_bytes()) {
        return Ok(());
    }
    Err(AwsError::bad("BadDigest", "The CRC32 you specified did not match the calculated checksum."))
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()));
    !bytes.iter().fold(!0, step)
}

/// A document as a tree: elements of the same name side by side are a list.
fn tree(node: Node<'_, '_>) -> Value {
    let mut fields = Map::new();
    for child in node.children().filter(Node::is_element) {
        let (name, value) = (child.tag_name().name().to_owned(), tree(child));
        match fields.get_mut(&name) {
            Some(Value::Array(all)) => all.push(value),
            Some(one) => *one = json!([one.take(), value]),
            None => drop(fields.insert(name, value)),
        }
    }
    if fields.is_empty() { Value::String(node.text().unwrap_or_default().to_owned()) } else { Value::Object(fields) }
}

/// Renders an answer: `#status`, `#headers`, and `#body` (base 64), `#text`, or `#xml` with the root's name as its only field.
pub fn render(answer: &Value, head: bool, request_id: &str) -> Response<Bytes> {
    let status = answer["#status"].as_u64().unwrap_or(200) as u16;
    let mut built = Response::builder().status(status).header("x-amz-request-id", request_id).header("x-amz-id-2", "embedded");
    for (name, value) in answer["#headers"].as_object().into_iter().flatten() {
        built = built.header(name.as_str(), value.as_str().unwrap_or_default());
    }
    let body = match (&answer["#body"], &answer["#text"], &answer["#xml"]) {
        (Value::String(body), _, _) => Bytes::from(STANDARD.decode(body).unwrap_or_default()),
        (_, Value::String(text), _) => Bytes::from(text.clone()),
        (_, _, Value::Object(root)) => {
            built = built.header("content-type", "application/xml");
            let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
            root.iter().for_each(|(name, value)| element(&mut out, name, value, " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""));
            Bytes::from(out)
        }
        _ => Bytes::new(),
    };
    built.body(if head { Bytes::new() } else { body }).unwrap_or_default()
}

/// Renders an error; the answer to a HEAD has no body.
pub fn render_error(error: &AwsError, head: bool, request_id: &str) -> Response<Bytes> {
    let (code, message) = (&error.code, &error.message);
    let xml = json!({"Code": code, "Message": message, "RequestId": request_id, "HostId": "embedded"});
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    element(&mut out, "Error", &xml, "");
    let built = Response::builder().status(error.status).header("x-amz-request-id", request_id).header("x-amz-id-2", "embedded");
    built.header("content-type", "application/xml").body(if head { Bytes::new() } else { Bytes::from(out) }).unwrap_or_default()
}

/// An element; a list is its elements one after the other.
fn element(out: &mut String, name: &str, value: &Value, attributes: &str) {
    // Writing into a String cannot fail.
    match value {
        Value::Null => {}
        Value::Array(all) => all.iter().for_each(|one| element(out, name, one, attributes)),
        Value::Object(fields) => {
            write!(out, "<{name}{attributes}>").ok();
            fields.iter().for_each(|(name, value)| element(out, name, value, ""));
            write!(out, "</{name}>").ok();
        }
        Value::String(text) => drop(write!(out, "<{name}{attributes}>{}</{name}>", escape(text))),
        other => drop(write!(out, "<{name}{attributes}>{other}</{name}>")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Result<(String, Value), AwsError> {
        let built = headers.iter().fold(Request::builder().method(method).uri(uri), |built, (name, value)| built.header(*name, *value));
        parse(&built.body(Bytes::from(body.to_owned())).unwrap())
    }

    #[test]
    fn a_bucket_is_found_in_the_path_and_in_the_host() {
        let (action, input) = parsed("PUT", "http://embedded.invalid/shop/a%20b/c+d?x-id=PutObject", &[], "hi").unwrap();
        assert_eq!((action.as_str(), &input["Bucket"], &input["Key"]), ("PutObject", &json!("shop"), &json!("a b/c+d")));
        let (action, input) = parsed("GET", "/?list-type=2&prefix=a%2Fb", &[("host", "shop.s3.eu-north-1.amazonaws.com")], "").unwrap();
        assert_eq!((action.as_str(), &input["Bucket"], &input["prefix"]), ("ListObjectsV2", &json!("shop"), &json!("a/b")));
        assert_eq!(parsed("POST", "/shop/key?uploads", &[], "").unwrap_err().code, "NotImplemented");
    }

    #[test]
    fn a_body_in_chunks_is_put_together_and_a_wrong_checksum_refused() {
        let chunked = [("content-encoding", "aws-chunked"), ("x-amz-trailer", "x-amz-checksum-crc32")];
        let body = "5\r\nhello\r\n1;chunk-signature=ab\r\n!\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
        let (_, input) = parsed("PUT", "/shop/key", &chunked, body).unwrap();
        assert_eq!(input["#body"], json!(STANDARD.encode("hello!")));
        assert!(parsed("PUT", "/shop/key", &[("x-amz-checksum-crc32", "y/Q5Jg==")], "123456789").is_ok());
        assert_eq!(parsed("PUT", "/shop/key", &[("x-amz-checksum-crc32", "y/Q5Jg==")], "12345678").unwrap_err().code, "BadDigest");
        assert_eq!(parsed("PUT", "/shop/key", &chunked, "9\r\nshort").unwrap_err().code, "IncompleteBody");
    }
}
