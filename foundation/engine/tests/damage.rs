//! A local ledger that was damaged: a torn tail is repaired, everything else is refused with the entry's number and left as it is.
#![allow(clippy::unwrap_used, clippy::disallowed_macros, missing_docs)]

use engine::ledger::{Entry, Holder, LEDGER_VERSION, Ledger, LedgerError, LocalLedger, Row, RowState};
use engine::resource::{IdentityBy, Scope};
use engine::{Address, LayerName};
use futures::executor::block_on;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const LAYER: LayerName = LayerName::Network;

fn row(state: RowState, spec: Value, output: Option<Value>) -> Row {
    let (scope, address) = (Scope { stack: "shop".into(), env: "test".into(), tags: BTreeMap::new() }, Address::new(LAYER, "vpc"));
    let who = scope.identity(&address, 1, IdentityBy::Tag);
    Row { who, kind: "vpc".into(), state, spec, output, reads: BTreeSet::from([Address::new(LAYER, "zone")]), at: None }
}

/// One entry of each kind, with texts and numbers that have several spellings.
fn entries() -> Vec<Entry> {
    let text = || String::from("grün \"quoted\" \u{1f}\n\\");
    let spec = json!({"cidr": "10.0.0.0/16", "target": 0.1 + 0.2, "huge": 1e300, "tiny": -5e-324, "text": text(), "none": null});
    vec![
        Entry::RunStarted {
            run: "01".into(),
            command: "deploy".into(),
            who: text(),
            at: "2026-11-25T10:00:00Z".into(),
            tool: "0.1.0".into(),
        },
        Entry::Intent { row: row(RowState::Intended, spec.clone(), None) },
        Entry::Done { row: row(RowState::Done, spec, Some(json!({"id": "vpc-1"}))) },
        Entry::Deleting { address: Address::new(LAYER, "old"), generation: 12 },
        Entry::Gone { address: Address::new(LAYER, "old"), generation: 12 },
        Entry::Outputs { doors: BTreeMap::new() },
        Entry::RunFinished { run: "01".into(), ok: true, at: "2026-11-25T10:00:09Z".into(), summary: "1 done".into() },
    ]
}

/// A journal that holds entries, and its text.
struct Journal {
    dir: tempfile::TempDir,
    path: PathBuf,
    whole: Vec<u8>,
}

impl Journal {
    fn of(entries: Vec<Entry>) -> Journal {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path()).unwrap().0;
        entries.into_iter().for_each(|entry| block_on(ledger.append(entry)).unwrap());
        let path = dir.path().join("network.jsonl");
        let whole = std::fs::read(&path).unwrap();
        Journal { dir, path, whole }
    }

    fn lines(&self) -> Vec<&[u8]> {
        self.whole.split_inclusive(|byte| *byte == b'\n').collect()
    }

    /// What reading and opening this text gives. Whoever refuses a text leaves it as it is.
    fn with(&self, text: &[u8]) -> Result<(LocalLedger, Option<String>), LedgerError> {
        std::fs::write(&self.path, text).unwrap();
        let read = LocalLedger::read(self.dir.path(), LAYER).map(|ledger| ledger.folded());
        let opened = open(self.dir.path());
        assert_eq!(read.as_ref().map(|folded| folded.sequence).ok(), opened.as_ref().map(|(ledger, _)| ledger.folded().sequence).ok());
        if opened.is_err() {
            assert!(std::fs::read(&self.path).unwrap() == text, "a ledger that was refused was written");
        }
        opened
    }

    /// The entry that is refused in this text, after the reader alone has looked at it.
    fn refused(&self, text: &[u8], what: &str) -> usize {
        std::fs::write(&self.path, text).unwrap();
        let refused = LocalLedger::read(self.dir.path(), LAYER).map(|ledger| ledger.folded().sequence);
        let Err(LedgerError::Damaged { number, .. }) = refused else { panic!("{what}: {refused:?}") };
        let told = refused.unwrap_err().to_string();
        assert!(told.contains(&format!("entry {number} of the ledger {}", self.path.display())), "{what}: {told}");
        number
    }
}

fn open(dir: &Path) -> Result<(LocalLedger, Option<String>), LedgerError> {
    LocalLedger::open(dir, LAYER, &Holder::default())
}

fn sequence(journal: &Journal) -> u64 {
    LocalLedger::read(journal.dir.path(), LAYER).unwrap().folded().sequence
}

#[test]
fn a_tail_that_was_cut_at_any_byte_is_repaired_and_the_next_entry_follows_the_last_whole_one() {
    let journal = Journal::of(entries());
    let (lines, whole) = (journal.lines(), &journal.whole);
    let last = whole.len() - lines.last().unwrap().len();
    for cut in last..whole.len() {
        for zeros in [0, 9] {
            let text = [&whole[..cut], &vec![0; zeros]].concat();
            let (ledger, torn) = journal.with(&text).unwrap();
            assert_eq!((ledger.folded().sequence, torn.is_some()), (lines.len() as u64 - 1, cut > last || zeros > 0), "cut at {cut}");
            block_on(ledger.append(entries().pop().unwrap())).unwrap();
            drop(ledger);
            assert!(std::fs::read(&journal.path).unwrap() == *whole, "cut at {cut}");
        }
    }
    println!("the last entry cut at each of its {} bytes", whole.len() - last);
}

#[test]
fn every_flipped_bit_is_refused_with_the_number_of_its_entry() {
    let journal = Journal::of(entries());
    let (mut at, mut flips) = (0, 0);
    for (index, line) in journal.lines().iter().enumerate() {
        for byte in at..at + line.len() {
            for bit in 0..8 {
                let mut text = journal.whole.clone();
                text[byte] ^= 1 << bit;
                flips += 1;
                let what = format!("entry {}, byte {}, bit {bit}", index + 1, byte - at);
                let version = text[byte].is_ascii_digit() && text[byte] > b'0' + LEDGER_VERSION as u8;
                if byte - at == "{\"v\":".len() && version {
                    assert!(matches!(journal.with(&text), Err(LedgerError::Newer { .. })), "{what}");
                } else {
                    assert_eq!(journal.refused(&text, &what), index + 1, "{what}");
                }
                if bit == byte % 8 && byte % 11 == 0 {
                    assert!(journal.with(&text).is_err(), "{what}");
                }
            }
        }
        at += line.len();
    }
    println!("{flips} bits of {} entries", journal.lines().len());
}

#[test]
fn entries_that_are_missing_twice_or_in_another_order_are_refused() {
    let journal = Journal::of(entries());
    let lines = journal.lines();
    let count = lines.len();
    for at in 0..count {
        let mut twice = lines.clone();
        twice.insert(at, lines[at]);
        assert_eq!(journal.refused(&twice.concat(), "twice"), at + 2);
        let mut missing = lines.clone();
        missing.remove(at);
        if at + 1 < count {
            assert_eq!(journal.refused(&missing.concat(), "missing"), at + 1);
        } else {
            // Nothing here tells a ledger without its last entries from a shorter one: AWS's tags do, when it is planned.
            assert_eq!(journal.with(&missing.concat()).unwrap().0.folded().sequence, count as u64 - 1);
        }
        for other in at + 1..count {
            let mut swapped = lines.clone();
            swapped.swap(at, other);
            assert_eq!(journal.refused(&swapped.concat(), "swapped"), at + 1);
        }
    }
}

#[test]
fn an_entry_of_another_ledger_or_blank_lines_are_refused() {
    let (journal, other) = (Journal::of(entries()), Journal::of(entries().into_iter().rev().collect()));
    let count = journal.lines().len();
    for at in 0..count {
        let mut mixed = journal.lines();
        mixed.insert(at, b"\n");
        assert_eq!(journal.refused(&mixed.concat(), "blank"), at + 1);
        mixed[at] = b"{}\n";
        assert_eq!(journal.refused(&mixed.concat(), "empty"), at + 1);
        // The body of one under the head of another.
        let (head, body) = (journal.lines()[at], other.lines()[at]);
        let split = |line: &[u8]| line.windows(8).position(|part| part == b"\"body\":{").unwrap();
        let joined = [&head[..split(head)], &body[split(body)..]].concat();
        let mut mixed = journal.lines();
        mixed[at] = &joined;
        let same = at == count / 2 && entries()[at] == entries()[count - 1 - at];
        assert!(same || journal.refused(&mixed.concat(), "mixed") == at + 1);
    }
}

#[test]
fn an_empty_file_is_an_empty_ledger_and_a_newer_one_is_refused() {
    let journal = Journal::of(entries());
    let (ledger, torn) = journal.with(b"").unwrap();
    assert_eq!((ledger.folded().sequence, torn), (0, None));
    drop(ledger);
    let text = String::from_utf8(journal.whole.clone()).unwrap();
    for at in 1..=journal.lines().len() {
        let newer = text.replace(&format!("{{\"v\":1,\"n\":{at},"), &format!("{{\"v\":2,\"entry\":{at},"));
        let refused = journal.with(newer.as_bytes()).unwrap_err();
        assert!(matches!(refused, LedgerError::Newer { found: 2, .. }), "{refused}");
        assert!(refused.to_string().contains("format 2, this version knows 1"), "{refused}");
    }
}

#[test]
fn numbers_of_every_kind_are_read_as_they_were_written() {
    let numbers = (0..2000_u64).map(|seed| f64::from_bits(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    let entries = numbers.filter(|number| number.is_finite()).map(|number| Entry::Done { row: row(RowState::Done, json!(number), None) });
    let journal = Journal::of(entries.collect());
    assert_eq!(sequence(&journal), journal.lines().len() as u64);
}

#[test]
fn a_directory_that_is_none_is_said() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let refused = open(&dir.path().join("file")).unwrap_err();
    assert!(matches!(refused, LedgerError::Io { .. }), "{refused}");
}
