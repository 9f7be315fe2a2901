//! The local store: one JSON line per entry with its checksum, made durable before the call that it announces.

mod aside;
mod line;
mod lock;

use super::{Entry, Folded, Holder, Ledger, LedgerError, Opened, Store, fold};
use crate::LayerName;
use futures::future::{BoxFuture, ready};
use lock::Lock;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

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

    fn break_lock(&self, layer: LayerName, run: &str) -> Result<bool, LedgerError> {
        if Lock::holder(&self.dir, layer)?.is_none_or(|holder| holder.run != run) {
            return Ok(false);
        }
        let words = Holder { run: format!("{run} is being unlocked"), command: "unlock".into(), ..Holder::default() };
        let lock = Lock::wrest(&self.dir, layer, &words)?;
        // Whatever the old holder was writing at this moment goes into a file without a name, too.
        renew(&self.dir, &journal(&self.dir, layer))?;
        lock.release()?;
        Ok(true)
    }
}

impl Store for LocalStore {
    fn place(&self) -> String {
        self.dir.display().to_string()
    }

    fn read(&self, layer: LayerName) -> BoxFuture<'_, Result<Folded, LedgerError>> {
        Box::pin(ready(LocalLedger::read(&self.dir, layer).map(|ledger| ledger.folded())))
    }

    fn open<'a>(&'a self, layer: LayerName, holder: &'a Holder) -> BoxFuture<'a, Result<Opened, LedgerError>> {
        let opened = LocalLedger::open(&self.dir, layer, holder).map(|(ledger, torn)| {
            let cut = || format!("the last entry of the {layer} ledger was cut short by a crash and has been removed");
            Opened { ledger: Arc::new(ledger), warnings: torn.map(|_| cut()).into_iter().collect() }
        });
        Box::pin(ready(opened))
    }

    fn set_aside<'a>(&'a self, layer: LayerName, holder: &'a Holder) -> BoxFuture<'a, Result<Option<String>, LedgerError>> {
        Box::pin(ready(self.aside(layer, holder).map(Some)))
    }

    fn holder(&self, layer: LayerName) -> BoxFuture<'_, Result<Option<Holder>, LedgerError>> {
        Box::pin(ready(Lock::holder(&self.dir, layer)))
    }

    fn unlock<'a>(&'a self, layer: LayerName, run: &'a str) -> BoxFuture<'a, Result<bool, LedgerError>> {
        Box::pin(ready(self.break_lock(layer, run)))
    }
}

/// A layer's journal in a local directory, locked while it is open.
#[derive(Debug)]
pub struct LocalLedger {
    layer: LayerName,
    dir: PathBuf,
    path: PathBuf,
    run: String,
    inner: Mutex<Inner>,
    // The system releases it when the process ends, however it ends. A ledger that is only read has none.
    lock: Option<Lock>,
}

#[derive(Debug)]
struct Inner {
    // None when it is only read, after it was closed, and after a write that failed: what it left behind may only be the tail.
    file: Option<File>,
    length: u64,
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
        let lock = Lock::take(dir, layer, holder)?;
        let path = journal(dir, layer);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|source| io(&path, "read", source))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(|source| io(&path, "read", source))?;
        let (entries, good) = line::parse(&path, &text)?;
        let torn = (good < text.len()).then(|| String::from_utf8_lossy(&text[good..]).into_owned());
        let length = good as u64;
        let cut = || if torn.is_some() { file.set_len(length).and_then(|()| file.sync_data()) } else { Ok(()) };
        cut().map_err(|source| io(&path, "written", source))?;
        file.seek(SeekFrom::End(0)).map_err(|source| io(&path, "written", source))?;
        sync_dir(dir)?;
        let inner = Inner { file: Some(file), length, folded: fold(entries) };
        let run = holder.run.clone();
        Ok((LocalLedger { layer, dir: dir.to_owned(), path, run, inner: Mutex::new(inner), lock: Some(lock) }, torn))
    }

    /// Reads a layer's journal without its lock; appending to it is refused.
    ///
    /// # Errors
    /// As [`LocalLedger::open`], without [`LedgerError::Locked`].
    pub fn read(dir: &Path, layer: LayerName) -> Result<LocalLedger, LedgerError> {
        let path = journal(dir, layer);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(io(&path, "read", source)),
        };
        let (entries, good) = line::parse(&path, &text)?;
        let inner = Inner { file: None, length: good as u64, folded: fold(entries) };
        Ok(LocalLedger { layer, dir: dir.to_owned(), path, run: String::new(), inner: Mutex::new(inner), lock: None })
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, entry: Entry) -> Result<(), LedgerError> {
        let mut inner = self.inner();
        let failed = |source| io(&self.path, "written", source);
        let line = line::line(inner.folded.sequence + 1, &entry).map_err(|error| failed(error.into()))?;
        self.ours(&inner)?;
        let Some(mut file) = inner.file.take() else { return Err(self.unwritable()) };
        if let Err(source) = file.write_all(line.as_bytes()).and_then(|()| file.sync_data()) {
            // Best effort: the next run cuts a torn tail itself.
            file.set_len(inner.length).ok();
            return Err(failed(source));
        }
        inner.file = Some(file);
        inner.length += line.len() as u64;
        // Somebody may have broken the lock meanwhile: then this was written where nobody reads.
        self.ours(&inner)?;
        inner.folded.take(entry);
        Ok(())
    }

    /// Whether lock and journal are still the ones that were opened, and nobody else has written.
    fn ours(&self, inner: &Inner) -> Result<(), LedgerError> {
        let (Some(lock), Some(file)) = (&self.lock, &inner.file) else { return Err(self.unwritable()) };
        let looked = |source| io(&self.path, "read", source);
        if !lock.held()? || !lock::named(file, &self.path).map_err(looked)? {
            return Err(self.superseded("its lock was broken"));
        }
        if file.metadata().map_err(looked)?.len() != inner.length {
            return Err(self.superseded("something else has written into its file"));
        }
        Ok(())
    }

    fn unwritable(&self) -> LedgerError {
        io(&self.path, "written", std::io::Error::other("it was closed, or an entry before this one could not be written"))
    }

    fn superseded(&self, how: &str) -> LedgerError {
        let now = Lock::holder(&self.dir, self.layer).ok().flatten().filter(|holder| holder.command != "unlock");
        let last = || LocalLedger::read(&self.dir, self.layer).ok()?.folded().runs.pop().filter(|last| last.run != self.run);
        let who = match now {
            Some(holder) => format!("; now it is held by {holder}"),
            None => last().map_or_else(String::new, |last| {
                format!("; {}: {} since {}, run {}, took over", last.who, last.command, last.at, last.run)
            }),
        };
        LedgerError::Superseded { layer: self.layer, problem: format!("{how}{who}") }
    }
}

impl Ledger for LocalLedger {
    fn layer(&self) -> LayerName {
        self.layer
    }

    fn folded(&self) -> Folded {
        self.inner().folded.clone()
    }

    fn look(&self, look: &mut dyn FnMut(&Folded)) {
        look(&self.inner().folded);
    }

    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<(), LedgerError>> {
        // Short and durable before the next step: it does not yield.
        Box::pin(ready(self.write(entry)))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), LedgerError>> {
        Box::pin(ready(self.ours(&self.inner())))
    }

    fn trust(&self) -> Duration {
        // Asking costs microseconds.
        Duration::ZERO
    }

    fn close(&self) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.inner().file = None;
        Box::pin(ready(self.lock.as_ref().map_or(Ok(()), Lock::release)))
    }
}

fn io(path: &Path, verb: &'static str, source: std::io::Error) -> LedgerError {
    LedgerError::Io { path: path.to_owned(), verb, source }
}

fn journal(dir: &Path, layer: LayerName) -> PathBuf {
    dir.join(format!("{layer}.jsonl"))
}

/// Gives the journal's name to a copy of it. A process that has the old one open writes nothing that anybody reads.
fn renew(dir: &Path, path: &Path) -> Result<(), LedgerError> {
    let failed = |source| io(path, "unlocked", source);
    let mut old = match File::open(path) {
        Ok(old) => old,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed(source)),
    };
    let mut new = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
    std::io::copy(&mut old, &mut new).map_err(failed)?;
    let modes = old.metadata().map_err(failed)?.permissions();
    new.as_file().set_permissions(modes).and_then(|()| new.as_file().sync_all()).map_err(failed)?;
    new.persist(path).map_err(|error| failed(error.error))?;
    sync_dir(dir)
}

fn sync_dir(dir: &Path) -> Result<(), LedgerError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| io(dir, "written", source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(run: &str) -> Entry {
        Entry::RunFinished { run: run.into(), ok: true, at: String::new(), summary: String::new() }
    }

    fn run(run: &str) -> Holder {
        Holder { run: run.into(), who: "ada".into(), host: "host1".into(), ..Holder::default() }
    }

    fn open(dir: &Path, holder: &str) -> Result<LocalLedger, LedgerError> {
        LocalLedger::open(dir, LayerName::Network, &run(holder)).map(|(ledger, _)| ledger)
    }

    #[test]
    fn a_second_run_is_refused_with_the_holders_words() {
        let dir = tempfile::tempdir().unwrap();
        let _held = open(dir.path(), "01").unwrap();
        let refused = open(dir.path(), "02").unwrap_err();
        assert!(refused.to_string().contains("ada on host1") && refused.to_string().contains("run 01"), "{refused}");
    }

    #[test]
    fn a_run_whose_lock_was_broken_writes_nothing_and_names_who_took_over() {
        let dir = tempfile::tempdir().unwrap();
        let stale = open(dir.path(), "01").unwrap();
        stale.write(entry("01")).unwrap();
        let store = LocalStore::new(dir.path().to_owned());
        assert!(!store.break_lock(LayerName::Network, "02").unwrap(), "02 holds nothing");
        assert!(store.break_lock(LayerName::Network, "01").unwrap());
        assert_eq!(Lock::holder(dir.path(), LayerName::Network).unwrap(), None);
        let before = std::fs::read(dir.path().join("network.jsonl")).unwrap();
        assert!(matches!(stale.write(entry("01")), Err(LedgerError::Superseded { .. })));
        assert_eq!(std::fs::read(dir.path().join("network.jsonl")).unwrap(), before);
        let now = open(dir.path(), "03").unwrap();
        now.write(entry("03")).unwrap();
        let refused = stale.write(entry("01")).unwrap_err().to_string();
        assert!(refused.contains("run 03"), "{refused}");
        drop(stale);
        now.write(entry("03")).unwrap();
        assert_eq!(LocalLedger::read(dir.path(), LayerName::Network).unwrap().folded().sequence, 3);
    }

    #[test]
    fn what_was_being_written_when_the_lock_was_broken_goes_where_nobody_reads() {
        let dir = tempfile::tempdir().unwrap();
        let stale = open(dir.path(), "01").unwrap();
        // As a process that is stopped between its look and its write.
        let mut file = stale.inner().file.as_ref().unwrap().try_clone().unwrap();
        assert!(LocalStore::new(dir.path().to_owned()).break_lock(LayerName::Network, "01").unwrap());
        let now = open(dir.path(), "02").unwrap();
        now.write(entry("02")).unwrap();
        file.write_all(b"{\"v\":1,\"n\":1,").unwrap();
        now.write(entry("02")).unwrap();
        assert_eq!(LocalLedger::read(dir.path(), LayerName::Network).unwrap().folded().sequence, 2);
    }

    #[test]
    fn after_a_write_that_failed_nothing_more_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let readable = dir.path().join("network.jsonl");
        std::fs::write(&readable, "").unwrap();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        // A disk without room, and a file that may only be read.
        for (path, file) in [(PathBuf::from("/dev/full"), full), (readable.clone(), File::open(&readable).unwrap())] {
            let lock = Some(Lock::take(dir.path(), LayerName::Network, &run("01")).unwrap());
            let inner = Mutex::new(Inner { file: Some(file), length: 0, folded: Folded::default() });
            let ledger = LocalLedger { layer: LayerName::Network, dir: dir.path().into(), path, run: "01".into(), inner, lock };
            ledger.ours(&ledger.inner()).unwrap();
            for again in [false, true] {
                let refused = ledger.write(entry("01")).unwrap_err();
                let told = refused.to_string().contains("an entry before this one");
                assert!(matches!(refused, LedgerError::Io { verb: "written", .. }) && told == again, "{refused}");
            }
            assert!(ledger.ours(&ledger.inner()).is_err(), "a changing call would be allowed");
            assert_eq!(ledger.folded().sequence, 0);
        }
        assert_eq!(std::fs::read(&readable).unwrap(), b"");
    }

    #[test]
    fn a_lock_that_is_given_back_or_whose_holder_died_is_free_and_nobody_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = open(dir.path(), "01").unwrap();
        first.inner().file = None;
        first.lock.as_ref().unwrap().release().unwrap();
        assert_eq!(Lock::holder(dir.path(), LayerName::Network).unwrap(), None);
        let second = open(dir.path(), "02").unwrap();
        drop(second);
        assert_eq!(Lock::holder(dir.path(), LayerName::Network).unwrap(), None, "its words are still there, its lock is not");
        open(dir.path(), "03").unwrap();
    }
}
