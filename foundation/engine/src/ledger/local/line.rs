//! One entry as a line: `{"v":…,"n":…,"sum":"…","body":{…}}`. The checksum covers the text itself, so that no other spelling of the
//! same values passes.

use crate::ledger::{Entry, LEDGER_VERSION, LedgerError};
use crate::plan::digest;
use serde::de::IgnoredAny;
use std::path::Path;

/// The line of entry `number`, with its end.
pub(super) fn line(number: u64, entry: &Entry) -> Result<String, serde_json::Error> {
    let body = serde_json::to_string(entry)?;
    let sum = checksum(LEDGER_VERSION, number, &body);
    Ok(format!("{{\"v\":{LEDGER_VERSION},\"n\":{number},\"sum\":\"{sum}\",\"body\":{body}}}\n"))
}

fn checksum(version: u32, number: u64, body: &str) -> String {
    digest(&[&version.to_string(), &number.to_string(), body])[..16].to_owned()
}

/// The entries and the length of the text that holds them; anything after it is a torn last line.
pub(super) fn parse(path: &Path, text: &[u8]) -> Result<(Vec<Entry>, usize), LedgerError> {
    let mut entries = Vec::new();
    let mut good = 0;
    for (index, raw) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let Some(whole) = raw.strip_suffix(b"\n") else {
            torn(path, number, raw)?;
            break;
        };
        entries.push(entry(path, number, whole)?);
        good += raw.len();
    }
    Ok((entries, good))
}

/// Only an append that was cut short has no end of line: what there is of it is the beginning of an entry.
fn torn(path: &Path, number: usize, raw: &[u8]) -> Result<(), LedgerError> {
    // A file system that lost its power may have made the file longer before it wrote the text.
    let written = raw.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    match serde_json::from_slice::<IgnoredAny>(&raw[..written]) {
        Err(error) if error.is_eof() => Ok(()),
        Err(error) => Err(damaged(path, number, error.to_string())),
        Ok(_) => entry(path, number, &raw[..written]).map(|_| ()),
    }
}

fn damaged(path: &Path, number: usize, problem: impl Into<String>) -> LedgerError {
    LedgerError::Damaged { path: path.to_owned(), number, problem: problem.into() }
}

/// Version, number, checksum and body of a line.
fn parts(line: &str) -> Option<(u32, u64, &str, &str)> {
    let (version, rest) = line.strip_prefix("{\"v\":")?.split_once(",\"n\":")?;
    let (number, rest) = rest.split_once(",\"sum\":\"")?;
    let (sum, rest) = rest.split_once("\",\"body\":")?;
    Some((version.parse().ok()?, number.parse().ok()?, sum, rest.strip_suffix('}')?))
}

/// A newer version may write its lines in another way, but begins them as this one does.
fn version(line: &str) -> Option<u32> {
    line.strip_prefix("{\"v\":")?.split(',').next()?.parse().ok()
}

fn entry(path: &Path, number: usize, line: &[u8]) -> Result<Entry, LedgerError> {
    let damaged = |problem: String| damaged(path, number, problem);
    let line = std::str::from_utf8(line).map_err(|error| damaged(error.to_string()))?;
    if let Some(found) = version(line).filter(|found| *found > LEDGER_VERSION) {
        return Err(LedgerError::Newer { path: path.to_owned(), found });
    }
    let (version, found, sum, body) = parts(line).ok_or_else(|| damaged("it is not of an entry's form".into()))?;
    if found != number as u64 {
        return Err(damaged(format!("it says that it is entry {found}")));
    }
    if sum != checksum(version, found, body) {
        return Err(damaged("its checksum does not match".into()));
    }
    serde_json::from_str(body).map_err(|error| damaged(error.to_string()))
}
