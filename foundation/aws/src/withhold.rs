//! AWS's validation errors repeat the value that they refuse. A call that carries a secret must not pass such an error on: faults
//! are shown, told as events and kept.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use engine::Fault;

/// So many characters of a secret in a row, in any form, and the sentence is not shown.
const TOO_MANY: usize = 8;

/// The fault of a call that carried `secret`, without AWS's sentence when that repeats a part of it.
pub fn withheld(secret: &str, fault: Fault) -> Fault {
    let texts = [Some(&fault.message), Some(&fault.code), fault.hint.as_ref(), fault.request_id.as_ref()];
    if !texts.into_iter().flatten().any(|text| repeats(text, secret)) {
        return fault;
    }
    let code = if repeats(&fault.code, secret) { String::new() } else { fault.code };
    let request_id = fault.request_id.filter(|id| !repeats(id, secret));
    let message = "AWS refuses the value of a secret; its own words repeat the value and are not shown".to_owned();
    Fault { code, message, request_id, hint: None, detail: Vec::new(), ..fault }
}

/// Whether a text repeats a part of a secret, in any form.
pub fn repeats(text: &str, secret: &str) -> bool {
    forms(secret).iter().any(|form| {
        let most = TOO_MANY.min(form.len());
        form.windows(most).any(|part| !part.is_empty() && text.as_bytes().windows(most).any(|there| there == part))
    })
}

/// As it is, encoded byte by byte, and in base64 wherever it begins within a longer text.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let each = |encode: fn(u8) -> String| secret.bytes().map(encode).collect::<String>().into_bytes();
    let mut forms = vec![
        secret.as_bytes().to_vec(),
        each(|byte| format!("%{byte:02X}")),
        each(|byte| format!("%{byte:02x}")),
        each(|byte| format!("{byte:02x}")),
        each(|byte| format!("{byte:02X}")),
    ];
    for before in 0..3 {
        let whole = [&[b'x'; 2][..before], secret.as_bytes()].concat();
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let coded = engine.encode(&whole).into_bytes();
            // The characters at both ends depend on what stands beside the secret.
            let inner = coded.get((before * 8).div_ceil(6)..coded.len().saturating_sub(2)).unwrap_or_default();
            forms.push(inner.to_vec());
        }
    }
    forms.retain(|form| form.len() >= TOO_MANY.min(secret.len()) && !form.is_empty());
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::Class;

    const SECRET: &str = "aB3-_.~xYz0123456789";

    fn after(message: &str) -> String {
        withheld(SECRET, Fault::new(Class::Invalid, message).call("ssm:PutParameter")).message
    }

    #[test]
    fn a_sentence_that_repeats_a_secret_is_not_passed_on() {
        let coded = STANDARD_NO_PAD.encode(format!("u:{SECRET}"));
        for shown in [SECRET, "3-_.~xYz0", "%61%42%33%2D%5F%2E%7E%78%59%7A", "6142332d5f2e7e78", coded.as_str()] {
            let said = after(&format!("1 validation error: Value '{shown}' at 'value'"));
            assert!(!said.contains(shown), "{said}");
        }
    }

    #[test]
    fn any_other_sentence_stays() {
        for message in ["Cannot find version 99 for postgres", "", "xYz012 is a part of it that names nothing"] {
            assert_eq!(after(message), message);
        }
    }
}
