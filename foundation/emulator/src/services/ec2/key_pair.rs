//! Key pairs: public keys by name. AWS never sees the private ones.

use super::Here;
use super::filter::{Facts, page, passes, tag_set};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::table::Item;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

fn missing(what: &str) -> AwsError {
    AwsError::bad("InvalidKeyPair.NotFound", format!("The key pair '{what}' does not exist"))
}

/// The kind of an OpenSSH public key and its bytes.
fn parse(text: &str) -> Option<(&'static str, Vec<u8>)> {
    let mut words = text.split_whitespace();
    let (name, kind) = match words.next()? {
        "ssh-rsa" => ("ssh-rsa", "rsa"),
        "ssh-ed25519" => ("ssh-ed25519", "ed25519"),
        _ => return None,
    };
    let bytes = STANDARD.decode(words.next()?).ok()?;
    // The bytes begin with the length of the name and the name.
    let said = bytes.get(4..4 + name.len())?;
    (said == name.as_bytes()).then_some((kind, bytes))
}

/// In the form of AWS's, and different for different keys; not a digest that OpenSSL would compute.
fn fingerprint(kind: &str, bytes: &[u8]) -> String {
    let step = |hash: u128, byte: &u8| (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    let first = bytes.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, step);
    let second = bytes.iter().rev().fold(first, step);
    if kind == "ed25519" {
        return STANDARD.encode([first.to_be_bytes(), second.to_be_bytes()].concat());
    }
    first.to_be_bytes().map(|byte| format!("{byte:02x}")).join(":")
}

pub(super) fn import_key(here: &mut Here<'_>, input: &Input) -> Answer {
    let (name, material) = (input.str("KeyName")?.to_owned(), input.str("PublicKeyMaterial")?);
    if name.is_empty() || name.len() > 255 || !name.is_ascii() {
        return Err(AwsError::bad("InvalidParameterValue", format!("Value ({name}) for parameter KeyName is invalid.")));
    }
    if here.ec2.key_pairs.contains_key(&name) {
        return Err(AwsError::bad("InvalidKeyPair.Duplicate", format!("The keypair '{name}' already exists.")));
    }
    let text = STANDARD.decode(material).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let bad = || AwsError::bad("InvalidKey.Format", "Key is not in valid OpenSSH public key format");
    let (kind, bytes) = parse(&text).ok_or_else(bad)?;
    let body = json!({
        "keyPairId": here.ids.id("key"), "keyName": name, "keyType": kind, "keyFingerprint": fingerprint(kind, &bytes),
        "createTime": here.clock.stamp(),
    });
    let mut it = Item::new(body, input.tags_for("key-pair"));
    it.inside = json!({"publicKey": text.trim()});
    let answer = render(&it, false);
    here.ec2.key_pairs.insert(name, it);
    Ok(answer)
}

fn render(it: &Item, with_key: bool) -> Value {
    let mut body = it.body.clone();
    body["tagSet"] = tag_set(&it.tags);
    if with_key {
        body["publicKey"] = it.inside["publicKey"].clone();
    }
    body
}

pub(super) fn describe_keys(here: &mut Here<'_>, input: &Input) -> Answer {
    let (names, ids) = (input.strings("KeyName"), input.strings("KeyPairId"));
    let keys = &here.ec2.key_pairs;
    if let Some(name) = names.iter().find(|name| !keys.contains_key(*name)) {
        return Err(missing(name));
    }
    if let Some(id) = ids.iter().find(|id| !keys.values().any(|it| it.str("keyPairId") == *id)) {
        return Err(missing(id));
    }
    let asked = |it: &Item| {
        let named = names.iter().any(|name| it.str("keyName") == name) || ids.iter().any(|id| it.str("keyPairId") == id);
        let fields = [("key-name", "keyName"), ("key-pair-id", "keyPairId"), ("fingerprint", "keyFingerprint")];
        let more = fields.iter().map(|(name, field)| (*name, it.str(field).to_owned())).collect();
        (named || names.is_empty() && ids.is_empty()) && passes(input, &Facts { tags: &it.tags, more })
    };
    let with_key = input.bool("IncludePublicKey") == Some(true);
    page(input, "keySet", keys.values().filter(|it| asked(it)).map(|it| render(it, with_key)).collect())
}

/// Succeeds also when there is no such key. Instances keep the key that they were started with.
pub(super) fn delete_key(here: &mut Here<'_>, input: &Input) -> Answer {
    let name = match (input.opt("KeyName"), input.opt("KeyPairId")) {
        (Some(name), _) => Some(name.to_owned()),
        (None, Some(id)) => here.ec2.key_pairs.iter().find(|(_, it)| it.str("keyPairId") == id).map(|(name, _)| name.clone()),
        (None, None) => return Err(AwsError::bad("MissingParameter", "The request must contain the parameter KeyName or KeyPairId")),
    };
    let gone = name.and_then(|name| here.ec2.key_pairs.remove(&name));
    Ok(json!({"return": true, "keyPairId": gone.map(|it| it.body["keyPairId"].clone())}))
}
