//! Smithy's RPC v2 protocol: `POST /service/NAME/operation/OPERATION` with CBOR bodies (CloudWatch).
//! <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>

use bytes::Bytes;
use serde_json::Value;

/// Services by the name in the path.
const SERVICES: &[(&str, &str)] = &[("GraniteServiceVersion20100801", "monitoring")];

/// Service and operation of a path.
pub fn path(path: &str) -> Option<(&'static str, &str)> {
    let (service, operation) = path.strip_prefix("/service/")?.split_once("/operation/")?;
    let known = SERVICES.iter().find(|(name, _)| *name == service)?;
    Some((known.1, operation))
}

/// Reads a body; an empty one is an empty map.
///
/// # Errors
/// What is wrong with it.
pub fn read(body: &[u8]) -> Result<Value, String> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let read: ciborium::Value = ciborium::from_reader(body).map_err(|error| error.to_string())?;
    untagged(read).deserialized().map_err(|error| error.to_string())
}

/// A tree without tags: JSON has none, and the SDK tags timestamps.
fn untagged(value: ciborium::Value) -> ciborium::Value {
    use ciborium::Value::{Array, Map, Tag};
    match value {
        Tag(_, inner) => untagged(*inner),
        Array(items) => Array(items.into_iter().map(untagged).collect()),
        Map(fields) => Map(fields.into_iter().map(|(key, value)| (key, untagged(value))).collect()),
        other => other,
    }
}

/// Writes a body.
pub fn write(value: &Value) -> Bytes {
    let mut out = Vec::new();
    // Writing JSON values into memory cannot fail.
    ciborium::into_writer(value, &mut out).ok();
    Bytes::from(out)
}
