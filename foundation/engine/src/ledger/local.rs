//! The local store: one JSON line per entry with its checksum, made durable before the call that it announces.

use super::{Entry, Folded, Holder, LEDGER_VERSION, Ledger, LedgerError, Opened, Store, fold};
use crate::LayerName;
use crate::plan::digest;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Serialize, Deserialize)]
struct Line {
    v: u32,
    n: u64,
    sum: String,
    body: serde_json::Value,
}

/// The ledgers of an environment in a local directory.
#[derive(Clone, Debug)]
pub struct LocalStore {
    dir: PathBuf,
}

impl LocalStore {
    /// The ledgers in `dir`, which is made when the first of them is opened.
    pub fn new(dir: PathBuf) -> LocalStore {
        LocalStore { dir }
    }

    fn aside(&self, layer: LayerName, holder: &Holder) -> Result<String, LedgerError> {
        let _lock = lock(&self.dir, layer, holder)?;
        let path = self.dir.join(format!("{layer}.jsonl"));
        let names = (1..).map(|number| self.dir.join(format!("{layer}.jsonl.damaged-{number}")));
        let kept = names.into_iter().find(|name| !name.exists()).unwrap_or_else(|| path.with_extension("damaged"));
        std::fs::rename(&path, &kept).map_err(|source| io(&path, "moved aside", source))?;
        sync_dir(&self.dir)?;
        Ok(kept.display().to_string())
    }

    fn locked_by(&self, layer: LayerName) -> Result<Option<Holder>, LedgerError> {
        let path = lock_path(&self.dir, layer);
        let mut file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io(&path, "read", source)),
        };
        match file.try_lock() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(read_holder(&mut file, &path)?)),
            Err(TryLockError::Error(source)) => Err(io(&path, "locked", source)),
        }
    }
}

impl Store for LocalStore {
    fn place(&self) -> String {
        self.dir.display().to_string()
    }

    fn read(&self, layer: LayerName) -> BoxFuture<'_, Result<Folded, LedgerError>> {
        Box::pin(std::future::ready(LocalLedger::read(&self.dir, layer).map(|ledger| ledger.folded())))
    }

    fn open<'a>(&'a self, layer: LayerName, holder: &'a Holder) -> BoxFuture<'a, Result<Opened, LedgerError>> {
        let opened = LocalLedger::open(&self.dir, layer, holder).map(|(ledger, torn)| {
            let cut = || format!("the last entry of the {layer} ledger was cut short by a crash and has been removed");
            Opened { ledger: Arc::new(ledger), warnings: torn.map(|_| cut()).into_iter().collect() }
        });
        Box::pin(std::future::ready(opened))
    }

    fn set_aside<'a>(&'a self, layer: LayerName, holder: &'a Holder) -> BoxFuture<'a, Result<Option<String>, LedgerError>> {
        Box::pin(std::future::ready(self.aside(layer, holder).map(Some)))
    }

    fn holder(&self, layer: LayerName) -> BoxFuture<'_, Result<Option<Holder>, LedgerError>> {
        Box::pin(std::future::ready(self.locked_by(layer)))
    }

    fn unlock<'a>(&'a self, layer: LayerName, run: &'a str) -> BoxFuture<'a, Result<bool, LedgerError>> {
        let broken = self.locked_by(layer).and_then(|holder| match holder.filter(|holder| holder.run == run) {
            None => Ok(false),
            // Whoever opens it next locks another file; the old holder keeps a lock on a file without a name.
            Some(_) => {
                let path = lock_path(&self.dir, layer);
                std::fs::remove_file(&path).map(|()| true).map_err(|source| io(&path, "unlocked", source))
            }
        });
        Box::pin(std::future::ready(broken))
    }
}

/// A layer's journal in a local directory, locked while it is open.
#[derive(Debug)]
pub struct LocalLedger {
    layer: LayerName,
    path: PathBuf,
    inner: Mutex<Inner>,
    // Held for its lock, which the system releases when the process ends, however it ends.
    _lock: Option<File>,
}

#[derive(Debug)]
struct Inner {
    file: Option<File>,
    folded: Folded,
}

impl LocalLedger {
    /// Opens `dir/<layer>.jsonl` for writing and takes the layer's lock. `holder` is written into the lock file for others to read.
    /// A torn last line (a crash while writing) is cut off; its text is returned.
    ///
    /// # Errors
    /// [`LedgerError::Locked`], [`LedgerError::Damaged`], [`LedgerError::Newer`], [`LedgerError::Io`].
    pub fn open(dir: &Path, layer: LayerName, holder: &Holder) -> Result<(LocalLedger, Option<String>), LedgerError> {
        std::fs::create_dir_all(dir).map_err(|source| io(dir, "written", source))?;
        let lock = lock(dir, layer, holder)?;
        let path = dir.join(format!("{layer}.jsonl"));
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|source| io(&path, "read", source))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(|source| io(&path, "read", source))?;
        let (entries, good) = parse(&path, &text)?;
        let torn = (good < text.len()).then(|| String::from_utf8_lossy(&text[good..]).into_owned());
        file.set_len(good as u64).map_err(|source| io(&path, "written", source))?;
        file.seek(SeekFrom::End(0)).map_err(|source| io(&path, "written", source))?;
        sync_dir(dir)?;
        let inner = Inner { file: Some(file), folded: fold(&entries) };
        Ok((LocalLedger { layer, path, inner: Mutex::new(inner), _lock: Some(lock) }, torn))
    }

    /// Reads a layer's journal without its lock; appending to it is refused.
    ///
    /// # Errors
    /// As [`LocalLedger::open`], without [`LedgerError::Locked`].
    pub fn read(dir: &Path, layer: LayerName) -> Result<LocalLedger, LedgerError> {
        let path = dir.join(format!("{layer}.jsonl"));
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(io(&path, "read", source)),
        };
        let (entries, _) = parse(&path, &text)?;
        let inner = Inner { file: None, folded: fold(&entries) };
        Ok(LocalLedger { layer, path, inner: Mutex::new(inner), _lock: None })
    }
}

impl Ledger for LocalLedger {
    fn layer(&self) -> LayerName {
        self.layer
    }

    fn folded(&self) -> Folded {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).folded.clone()
    }

    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<(), LedgerError>> {
        // Short and durable before the next step: it does not yield.
        Box::pin(std::future::ready(self.write(&entry)))
    }
}

impl LocalLedger {
    fn write(&self, entry: &Entry) -> Result<(), LedgerError> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let number = inner.folded.sequence + 1;
        let failed = |source| io(&self.path, "written", source);
        let line = line(number, entry).map_err(|error| failed(error.into()))?;
        let Some(file) = inner.file.as_mut() else {
            return Err(failed(std::io::Error::other("it was opened for reading")));
        };
        file.write_all(line.as_bytes()).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        inner.folded.take(entry);
        Ok(())
    }
}

fn io(path: &Path, verb: &'static str, source: std::io::Error) -> LedgerError {
    LedgerError::Io { path: path.to_owned(), verb, source }
}

fn line(number: u64, entry: &Entry) -> Result<String, serde_json::Error> {
    let body = serde_json::to_value(entry)?;
    let sum = checksum(number, &body);
    Ok(serde_json::to_string(&Line { v: LEDGER_VERSION, n: number, sum, body })? + "\n")
}

fn checksum(number: u64, body: &serde_json::Value) -> String {
    digest(&[&number.to_string(), &body.to_string()])[..16].to_owned()
}

fn lock_path(dir: &Path, layer: LayerName) -> PathBuf {
    dir.join(format!("{layer}.lock"))
}

fn read_holder(file: &mut File, path: &Path) -> Result<Holder, LedgerError> {
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|source| io(path, "read", source))?;
    // A holder that cannot be read (it is being written right now) is still somebody.
    Ok(serde_json::from_str(&text).unwrap_or_else(|_| Holder { who: "somebody".into(), ..Holder::default() }))
}

fn lock(dir: &Path, layer: LayerName, holder: &Holder) -> Result<File, LedgerError> {
    let path = lock_path(dir, layer);
    let mut file =
        OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(|source| io(&path, "locked", source))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(LedgerError::Locked { layer, holder: Box::new(read_holder(&mut file, &path)?) });
        }
        Err(TryLockError::Error(source)) => return Err(io(&path, "locked", source)),
    }
    let text = serde_json::to_string(holder).map_err(|error| io(&path, "locked", error.into()))?;
    file.set_len(0).and_then(|()| file.write_all(text.as_bytes())).map_err(|source| io(&path, "locked", source))?;
    Ok(file)
}

fn sync_dir(dir: &Path) -> Result<(), LedgerError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| io(dir, "written", source))
}

/// The entries and the length of the text that holds them; anything after it is a torn last line.
fn parse(path: &Path, text: &[u8]) -> Result<(Vec<Entry>, usize), LedgerError> {
    let mut entries = Vec::new();
    let mut good = 0;
    for (index, raw) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        match parse_line(path, number, raw) {
            Ok(entry) => entries.push(entry),
            // Only an append that was cut short has no end of line.
            Err(LedgerError::Damaged { .. }) if !raw.ends_with(b"\n") => break,
            Err(error) => return Err(error),
        }
        if !raw.ends_with(b"\n") {
            entries.pop();
            break;
        }
        good += raw.len();
    }
    Ok((entries, good))
}

fn parse_line(path: &Path, number: usize, raw: &[u8]) -> Result<Entry, LedgerError> {
    let damaged = |problem: String| LedgerError::Damaged { path: path.to_owned(), number, problem };
    let line: Line = serde_json::from_slice(raw).map_err(|error| damaged(error.to_string()))?;
    if line.v > LEDGER_VERSION {
        return Err(LedgerError::Newer { path: path.to_owned(), found: line.v });
    }
    if line.n != number as u64 {
        return Err(damaged(format!("it says that it is entry {}", line.n)));
    }
    if line.sum != checksum(line.n, &line.body) {
        return Err(damaged("its checksum does not match".into()));
    }
    serde_json::from_value(line.body).map_err(|error| damaged(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(run: &str) -> Entry {
        Entry::RunFinished { run: run.into(), ok: true, at: String::new(), summary: String::new() }
    }

    fn three(dir: &Path) -> PathBuf {
        let (ledger, _) = LocalLedger::open(dir, LayerName::Network, &Holder::default()).unwrap();
        for run in ["a", "b", "c"] {
            ledger.write(&entry(run)).unwrap();
        }
        dir.join("network.jsonl")
    }

    #[test]
    fn a_torn_tail_is_cut_and_damage_elsewhere_is_refused_with_its_number() {
        let dir = tempfile::tempdir().unwrap();
        let path = three(dir.path());
        let whole = std::fs::read(&path).unwrap();
        let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        for cut in last..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (ledger, torn) = LocalLedger::open(dir.path(), LayerName::Network, &Holder::default()).unwrap();
            assert_eq!((ledger.folded().sequence, torn.is_some()), (2, cut > last), "cut at {cut}");
        }
        let mut flipped = whole.clone();
        flipped[last - 10] ^= 1;
        std::fs::write(&path, flipped).unwrap();
        let refused = LocalLedger::open(dir.path(), LayerName::Network, &Holder::default()).unwrap_err();
        assert!(matches!(refused, LedgerError::Damaged { number: 2, .. }), "{refused}");
    }

    #[tokio::test]
    async fn a_damaged_ledger_is_moved_aside_and_never_over_another() {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalStore::new(dir.path().to_owned());
        for number in 1..3 {
            let path = three(dir.path());
            std::fs::write(&path, format!("damage {number}\n")).unwrap();
            assert!(matches!(store.read(LayerName::Network).await, Err(LedgerError::Damaged { .. })));
            let kept = store.set_aside(LayerName::Network, &Holder::default()).await.unwrap().unwrap();
            assert_eq!(std::fs::read_to_string(kept).unwrap(), format!("damage {number}\n"));
            assert_eq!(store.read(LayerName::Network).await.unwrap().sequence, 0);
        }
    }

    #[test]
    fn a_second_run_is_refused_with_the_holders_name() {
        let dir = tempfile::tempdir().unwrap();
        let ada = Holder { who: "ada".into(), host: "host1".into(), run: "01".into(), ..Holder::default() };
        let _held = LocalLedger::open(dir.path(), LayerName::Network, &ada).unwrap();
        let refused = LocalLedger::open(dir.path(), LayerName::Network, &Holder::default()).unwrap_err();
        assert!(refused.to_string().contains("ada on host1") && refused.to_string().contains("run 01"), "{refused}");
    }
}
