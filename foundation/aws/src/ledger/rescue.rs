//! What could not be written, kept on the machine that did the work: `<layer>-<run>.jsonl`, one checked line per entry.

use super::body::{open, seal};
use super::{Shelf, remote};
use engine::ledger::{Entry, LEDGER_VERSION, LedgerError};
use engine::{Class, Fault};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where in the sequence a rescue copy belongs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub v: u32,
    /// `stack/env/layer`.
    pub of: String,
    /// The run that could not write.
    pub run: String,
    /// The number of the object that it wanted to write.
    pub object: u64,
    /// The number of the first entry.
    pub first: u64,
    /// The digest of the last object with entries.
    pub anchor: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry: Option<Entry>,
    /// The run has ended: nothing follows, and nobody works under its lock.
    #[serde(default)]
    ended: bool,
}

/// A rescue copy.
#[derive(Debug)]
pub(super) struct Rescue {
    pub path: PathBuf,
    pub head: Head,
    pub entries: Vec<Entry>,
    pub ended: bool,
    file: Option<File>,
}

impl Rescue {
    /// Begins one; every line is on disk before the next is written.
    pub(super) fn begin(shelf: &Shelf, head: Head) -> std::io::Result<Rescue> {
        let dir = &shelf.shared.rescue;
        std::fs::create_dir_all(dir)?;
        let path = dir.join(format!("{}-{}.jsonl", shelf.layer, head.run));
        let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
        File::open(dir)?.sync_all()?;
        let mut rescue = Rescue { path, head, entries: Vec::new(), ended: false, file: Some(file) };
        let head = rescue.head.clone();
        rescue.line(&head)?;
        Ok(rescue)
    }

    fn line<T: Serialize>(&mut self, line: &T) -> std::io::Result<()> {
        let (text, _) = seal(line)?;
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(format!("{text}\n").as_bytes())?;
        file.sync_data()
    }

    /// Keeps one more entry. What cannot be kept either is looked up in AWS by the next run.
    pub(super) fn add(&mut self, entry: &Entry) {
        let kept = self.line(&Line { entry: Some(entry.clone()), ended: false });
        if kept.is_err() {
            // A copy with a hole would not be the sequence: it ends here.
            self.file = None;
        }
    }

    /// Says on this machine that `run` has ended, where the lock cannot say it; the file that says it.
    pub(super) fn ended(shelf: &Shelf, run: &str) -> Option<PathBuf> {
        let path = shelf.shared.rescue.join(format!("{}-{run}.jsonl", shelf.layer));
        if !path.exists() {
            let head = Head { v: LEDGER_VERSION, of: shelf.of(), run: run.to_owned(), object: 0, first: 0, anchor: String::new() };
            Rescue::begin(shelf, head).ok()?.end();
        }
        Some(path)
    }

    /// Says that its run has ended.
    pub(super) fn end(&mut self) {
        self.line(&Line { entry: None, ended: true }).ok();
    }

    /// The copies of a layer, oldest run first.
    pub(super) fn all(shelf: &Shelf) -> Result<Vec<Rescue>, LedgerError> {
        let begins = format!("{}-", shelf.layer);
        let files = std::fs::read_dir(&shelf.shared.rescue).into_iter().flatten().flatten().map(|file| file.path());
        let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let mut paths: Vec<PathBuf> = files.filter(|path| name(path).starts_with(&begins) && name(path).ends_with(".jsonl")).collect();
        paths.sort();
        paths.into_iter().map(|path| Rescue::read(shelf, path)).collect()
    }

    fn read(shelf: &Shelf, path: PathBuf) -> Result<Rescue, LedgerError> {
        let failed = |problem: String| {
            let hint = "move that file away and run the same command again: AWS itself is looked at";
            remote(&shelf.place(), "read", Fault::new(Class::Invalid, format!("{}: {problem}", path.display())).hint(hint))
        };
        let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
        let mut lines = text.split_inclusive('\n');
        let whole = |line: &str| line.ends_with('\n');
        let head = lines.next().filter(|line| whole(line)).and_then(|line| open::<Head>(line.trim_end().as_bytes()).ok());
        let head =
            head.map(|(head, _)| head).filter(|head| head.of == shelf.of()).ok_or_else(|| failed("not a rescue copy of it".into()))?;
        let mut rescue = Rescue { path: path.clone(), head, entries: Vec::new(), ended: false, file: None };
        // A last line that was cut short by a crash is no line.
        for (number, line) in lines.filter(|line| whole(line)).enumerate() {
            let (line, _) = open::<Line>(line.trim_end().as_bytes()).map_err(|_| failed(format!("line {} is damaged", number + 2)))?;
            rescue.ended |= line.ended;
            rescue.entries.extend(line.entry);
        }
        Ok(rescue)
    }

    /// It was taken in. A copy that stays is set aside the next time: it does not continue the ledger any more.
    pub(super) fn remove(&self) {
        std::fs::remove_file(&self.path).ok();
    }

    /// Keeps it under another name, for people; the name.
    pub(super) fn set_aside(&self) -> String {
        let aside = self.path.with_extension("jsonl.stale");
        std::fs::rename(&self.path, &aside).ok();
        aside.display().to_string()
    }
}
