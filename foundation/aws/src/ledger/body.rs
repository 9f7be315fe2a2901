//! What the ledger's objects hold: one JSON document whose first field is the digest of all the rest.

use engine::ledger::{Entry, Folded, LEDGER_VERSION};
use engine::plan::digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Some entries of a journal, written together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Chapter {
    pub v: u32,
    /// `stack/env/layer`: a ledger that was put into another's place is recognised.
    pub of: String,
    /// The object's number, from 1.
    pub object: u64,
    /// The number of its first entry, from 1.
    pub first: u64,
    /// The run that wrote it.
    pub run: String,
    /// The digest of the object before it; empty in the first.
    pub previous: String,
    /// The run that may write nothing any more: its lock was broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fences: Option<String>,
    pub entries: Vec<Entry>,
}

/// What the objects up to a number amount to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub v: u32,
    pub of: String,
    /// The last object that is in it.
    pub object: u64,
    /// That object's digest.
    pub previous: String,
    /// The digest of the last object with entries.
    pub anchor: String,
    pub folded: Folded,
}

/// Why a document cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Bad {
    /// A newer version wrote it.
    Newer(u32),
    /// It is not what was written.
    Damaged(String),
}

const LEAD: &str = "{\"sum\":\"";
const SUM: usize = 64;

/// The document with its digest in front, and the digest.
pub(super) fn seal<T: Serialize>(body: &T) -> Result<(String, String), serde_json::Error> {
    let text = serde_json::to_string(body)?;
    let sum = digest(&[&text]);
    Ok((format!("{LEAD}{sum}\",{}", &text[1..]), sum))
}

/// Reads a sealed document; also its digest.
pub(super) fn open<T: DeserializeOwned>(text: &[u8]) -> Result<(T, String), Bad> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let damaged = |problem: &str| Bad::Damaged(problem.to_owned());
    let text = std::str::from_utf8(text).map_err(|_| damaged("it is not text"))?;
    // A newer format may be sealed otherwise: its version is looked at first.
    if let Some(found) = serde_json::from_str::<Version>(text).ok().map(|it| it.v).filter(|v| *v > LEDGER_VERSION) {
        return Err(Bad::Newer(found));
    }
    let rest = text.strip_prefix(LEAD).and_then(|rest| Some((rest.get(..SUM)?, rest.get(SUM..)?.strip_prefix("\",")?)));
    let (sum, rest) = rest.ok_or_else(|| damaged("it does not begin with its checksum"))?;
    let body = format!("{{{rest}");
    if digest(&[&body]) != sum {
        return Err(damaged("its checksum does not match"));
    }
    let read = serde_json::from_str(&body).map_err(|error| Bad::Damaged(error.to_string()))?;
    Ok((read, sum.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_is_seen() {
        let entry = Entry::RunFinished { run: "01".into(), ok: true, at: String::new(), summary: "0.1 of 3e8".into() };
        let body = Chapter {
            v: LEDGER_VERSION,
            of: "shop/prod/network".into(),
            object: 1,
            first: 1,
            run: "01".into(),
            previous: String::new(),
            fences: None,
            entries: vec![entry],
        };
        let (text, sum) = seal(&body).unwrap();
        assert_eq!(open::<Chapter>(text.as_bytes()).unwrap().1, sum);
        for at in 0..text.len() * 8 {
            let mut flipped = text.clone().into_bytes();
            flipped[at / 8] ^= 1 << (at % 8);
            assert!(open::<Chapter>(&flipped).is_err(), "bit {at}");
        }
        for end in 0..text.len() {
            assert!(matches!(open::<Chapter>(&text.as_bytes()[..end]), Err(Bad::Damaged(_))), "cut at {end}");
        }
        assert_eq!(open::<Chapter>(text.replace("\"v\":1", "\"v\":2").as_bytes()).unwrap_err(), Bad::Newer(2));
    }
}
