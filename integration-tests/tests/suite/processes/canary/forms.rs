//! The secret values of a world, and the forms in which a text may carry one.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use emulator::World;
use std::collections::BTreeSet;

/// Every secret value that the world holds, or held.
pub fn secrets(world: &World) -> Vec<String> {
    let regions = world.regions.values();
    let all = regions.flat_map(|region| {
        let parameters = region.parameters.values().map(|it| &it.inside["value"]);
        let past = region.parameters.values().flat_map(|it| it.inside["past"].as_array().into_iter().flatten());
        parameters.chain(past.map(|it| &it["value"])).chain(region.db_instances.values().map(|it| &it.inside["password"]))
    });
    let all: BTreeSet<String> = all.map(|value| value.as_str().unwrap().to_owned()).collect();
    assert!(all.iter().all(|value| value.len() >= 16), "a secret is too short to be told from chance");
    all.into_iter().collect()
}

/// As it is, URL-encoded, escaped for JSON, in hexadecimal, and in base64 wherever it begins within a longer text.
pub fn forms(value: &str) -> BTreeSet<String> {
    let encoded = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let url: String = value.bytes().map(encoded).collect();
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let json = serde_json::to_string(value).unwrap();
    let mut forms = BTreeSet::from([value.to_owned(), url.to_lowercase(), url, hex.to_uppercase(), hex]);
    forms.insert(json.trim_matches('"').to_owned());
    forms.insert(value.bytes().map(|byte| format!("\\u{byte:04x}", byte = u32::from(byte))).collect());
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for before in 0..3 {
            let coded = engine.encode(format!("{}{value}", "x".repeat(before)));
            // The characters at both ends depend on what stands beside the value.
            forms.insert(coded[(before * 8).div_ceil(6)..coded.len() - 2].to_owned());
        }
    }
    forms
}

/// The forms of secrets that `text` carries, and halves of them: a message may be cut off.
pub fn found(secrets: &[String], text: &str) -> Vec<String> {
    let forms = secrets.iter().flat_map(|value| {
        let halves = [&value[..value.len() / 2], &value[value.len() / 2..]].map(str::to_owned);
        forms(value).into_iter().chain(halves)
    });
    forms.filter(|form| text.contains(form.as_str())).collect()
}

#[test]
fn each_form_is_found_and_others_are_not() {
    let secret = "aB3-_.~xYz0123456789".to_owned();
    for carrier in [
        format!("password={secret}"),
        "password%3DaB3%2D%5F%2E%7ExYz0123456789".to_owned(),
        base64::engine::general_purpose::STANDARD.encode(format!("user:{secret}@host")),
        base64::engine::general_purpose::STANDARD.encode(format!("us:{secret}")),
        base64::engine::general_purpose::URL_SAFE.encode(format!("u{secret}")),
        "6142332d5f2e7e78597a30313233343536373839".to_owned(),
        "cut off: aB3-_.~xYz".to_owned(),
    ] {
        assert!(!found(std::slice::from_ref(&secret), &carrier).is_empty(), "{carrier}");
    }
    assert_eq!(found(&[secret], "aB3-_ and xYz01 and nothing else"), Vec::<String>::new());
}
