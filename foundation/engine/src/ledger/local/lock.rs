//! The lock of a layer: a file with its holder's words in it, locked by the system for as long as the holder's process lives.
//!
//! Breaking a lock gives its name to another file: the holder keeps a lock on a file without a name, and learns it when it asks.

use super::io;
use crate::LayerName;
use crate::ledger::{Holder, LedgerError};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a taken lock is asked again: whoever looks who holds it, or breaks it, has it for a moment.
const TRIES: usize = 6;
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    file: File,
}

fn path_of(dir: &Path, layer: LayerName) -> PathBuf {
    dir.join(format!("{layer}.lock"))
}

/// Whether the name still belongs to this file.
pub(super) fn named(file: &File, path: &Path) -> std::io::Result<bool> {
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn words(file: &mut File) -> std::io::Result<Option<Holder>> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text).ok())
}

fn write(mut file: &File, holder: &Holder) -> std::io::Result<()> {
    let text = serde_json::to_string(holder)?;
    file.set_len(0)?;
    file.write_all(text.as_bytes())
}

/// File systems whose locks another machine may not see, by Linux's numbers.
/// <https://man7.org/linux/man-pages/man2/statfs.2.html>
#[cfg(target_os = "linux")]
const FAR: &[(i64, &str)] = &[
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xfe53_4d42, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x0102_1997, "9p"),
];

/// The network file system that a file is on.
#[cfg(target_os = "linux")]
fn far(kind: i64) -> Option<&'static str> {
    // Where a word has 32 bits, the number is read as a negative one.
    FAR.iter().find(|(number, _)| *number == kind & 0xffff_ffff).map(|(_, name)| *name)
}

/// The word's width differs between processors.
#[cfg(target_os = "linux")]
fn number(kind: impl Into<i64>) -> i64 {
    kind.into()
}

/// Refuses a place whose locks would only pretend.
fn near(file: &File) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    if let Some(name) = far(number(rustix::fs::fstatfs(file)?.f_type)) {
        let problem =
            format!("it is on a network file system ({name}), where a lock does not keep other machines out; share a ledger in a bucket");
        return Err(std::io::Error::new(std::io::ErrorKind::Unsupported, problem));
    }
    Ok(())
}

impl Lock {
    pub(super) fn take(dir: &Path, layer: LayerName, holder: &Holder) -> Result<Lock, LedgerError> {
        let path = path_of(dir, layer);
        let failed = |source| io(&path, "locked", source);
        // A holder whose words cannot be read is still somebody.
        let mut held = Holder { who: "somebody".into(), ..Holder::default() };
        for _ in 0..TRIES {
            let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(failed)?;
            near(&file).map_err(failed)?;
            match file.try_lock() {
                // Its name may have been taken away between the two.
                Ok(()) if named(&file, &path).map_err(failed)? => {
                    write(&file, holder).map_err(failed)?;
                    return Ok(Lock { path, file });
                }
                Ok(()) => continue,
                Err(TryLockError::WouldBlock) => held = words(&mut file).map_err(failed)?.unwrap_or(held),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            std::thread::sleep(PAUSE);
        }
        Err(LedgerError::Locked { layer, holder: Box::new(held) })
    }

    /// Who holds it, if anybody does.
    pub(super) fn holder(dir: &Path, layer: LayerName) -> Result<Option<Holder>, LedgerError> {
        let path = path_of(dir, layer);
        let failed = |source| io(&path, "read", source);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(source)),
        };
        let Some(holder) = words(&mut file).map_err(failed)? else { return Ok(None) };
        match file.try_lock_shared() {
            // The words of a process that is gone.
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(holder)),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Takes the lock from whoever holds it.
    pub(super) fn wrest(dir: &Path, layer: LayerName, holder: &Holder) -> Result<Lock, LedgerError> {
        let path = path_of(dir, layer);
        let failed = |source| io(&path, "unlocked", source);
        let new = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
        new.as_file().lock().map_err(failed)?;
        write(new.as_file(), holder).map_err(failed)?;
        let file = new.persist(&path).map_err(|error| failed(error.error))?;
        Ok(Lock { path, file })
    }

    /// Whether it is still held by this handle.
    pub(super) fn held(&self) -> Result<bool, LedgerError> {
        named(&self.file, &self.path).map_err(|source| io(&self.path, "read", source))
    }

    /// Gives it back, with nobody's words in it.
    pub(super) fn release(&self) -> Result<(), LedgerError> {
        self.file.set_len(0).and_then(|()| self.file.unlock()).map_err(|source| io(&self.path, "unlocked", source))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_taken_where_it_holds() {
        let here = tempfile::tempfile().unwrap();
        near(&here).unwrap();
        let (ext4, tmpfs, overlay) = (0xef53, 0x0102_1994, 0x794c_7630);
        assert!([ext4, tmpfs, overlay].into_iter().all(|kind| far(kind).is_none()));
        assert_eq!((far(0x6969), far(0xff53_4d42), far(i64::from(0xff53_4d42_u32 as i32))), (Some("NFS"), Some("CIFS"), Some("CIFS")));
    }
}
