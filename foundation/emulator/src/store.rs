//! The world on disk: one file, replaced as a whole after each change.

use crate::OpenError;
use crate::world::World;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub(crate) struct Store {
    dir: PathBuf,
    lock: File,
    read: Option<(SystemTime, u64)>,
}

/// Holds the directory for one request.
pub(crate) struct Held(Option<File>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            // A lock that cannot be released goes with the file's last handle.
            file.unlock().ok();
        }
    }
}

impl Store {
    pub(crate) fn at(dir: &Path) -> Result<Store, OpenError> {
        let io = |source| OpenError::Io { path: dir.to_owned(), source };
        std::fs::create_dir_all(dir).map_err(io)?;
        let lock = File::options().create(true).truncate(false).write(true).open(dir.join("world.lock")).map_err(io)?;
        Ok(Store { dir: dir.to_owned(), lock, read: None })
    }

    fn path(&self) -> PathBuf {
        self.dir.join("world.json")
    }

    pub(crate) fn load(&self) -> Result<Option<World>, OpenError> {
        let path = self.path();
        match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(OpenError::Io { path, source }),
            Ok(text) => match serde_json::from_slice(&text) {
                Ok(world) => Ok(Some(world)),
                Err(error) => Err(OpenError::Damaged { path, problem: error.to_string() }),
            },
        }
    }

    /// Which file is there: two that were written within a tick of the clock differ in their number.
    fn written(&self) -> Option<(SystemTime, u64)> {
        let meta = std::fs::metadata(self.path()).ok()?;
        Some((meta.modified().ok()?, meta.ino()))
    }

    /// Takes the directory for one request and reads what another process wrote since.
    pub(crate) fn enter(&mut self, world: &mut World) -> Held {
        let lock = self.lock.try_clone().ok().filter(|lock| lock.lock().is_ok());
        let written = self.written();
        if written != self.read
            && let Ok(Some(mut other)) = self.load()
        {
            other.clock.follow(&world.clock);
            *world = other;
            self.read = written;
        }
        Held(lock)
    }

    pub(crate) fn save(&mut self, world: &World) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        serde_json::to_writer(std::io::BufWriter::new(&mut file), world)?;
        file.persist(self.path()).map_err(|error| error.error)?;
        self.read = self.written();
        Ok(())
    }
}
