//! What was edited. The files are looked at again and again: few, and on every system and every kind of mount the same.

use super::code::{Code, Look};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

const LOOK: Duration = Duration::from_millis(100);
/// An editor writes a file in several steps, a checkout writes several files: nothing is begun while they go on.
const QUIET: Duration = Duration::from_millis(300);

/// What differs from what was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Changed {
    pub settings: bool,
    pub app: bool,
}

/// The files that decide what runs.
#[derive(Clone, Debug)]
pub(super) struct Files {
    settings: [PathBuf; 2],
    code: Option<Code>,
}

/// How they were.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    settings: Vec<Option<Vec<u8>>>,
    app: Option<Look>,
}

impl Files {
    pub(super) fn new(config: &Path, env: &str, code: Option<&Code>) -> Files {
        Files { settings: [config.join("base.toml"), config.join(format!("{env}.toml"))], code: code.cloned() }
    }

    /// Their names, for people.
    pub(super) fn names(&self) -> String {
        let settings = self.settings.iter().filter(|file| file.is_file()).map(|file| file.display().to_string());
        settings.chain(self.code.iter().map(|code| code.dir.display().to_string())).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn look(&self) -> Seen {
        // Small: what they hold is compared, and saving the same again is no change.
        let settings = self.settings.iter().map(|file| std::fs::read(file).ok()).collect();
        Seen { settings, app: self.code.as_ref().map(Code::look) }
    }

    /// Waits until something differs from `before`, and then until nothing has changed for a moment.
    pub(super) async fn changed(&self, before: &Seen) -> (Changed, Seen) {
        let mut last = self.look();
        let mut quiet_since = Instant::now();
        loop {
            let now = self.look();
            if now != last {
                (last, quiet_since) = (now, Instant::now());
            } else if last != *before && quiet_since.elapsed() >= QUIET {
                return (Changed { settings: last.settings != before.settings, app: last.app != before.app }, last);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_change_is_told_when_it_has_been_quiet_for_a_moment() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write("dev.toml", "");
        write("Dockerfile", "FROM scratch");
        let files = Files::new(dir.path(), "dev", Code::find(Some(dir.path())).unwrap().as_ref());
        let before = files.look();
        write("dev.toml", "");
        assert_eq!(files.look().settings, before.settings, "the same again is no change");

        let before = files.look();
        let began = Instant::now();
        let editor = async {
            for step in 0..10 {
                tokio::time::sleep(Duration::from_millis(200)).await;
                write("prod.toml.new", &"x".repeat(step + 1));
            }
        };
        let (_, (changed, seen)) = tokio::join!(editor, files.changed(&before));
        assert_eq!(changed, Changed { settings: false, app: true });
        assert!(began.elapsed() >= Duration::from_millis(2300), "{:?}", began.elapsed());
        write("base.toml", "stack = \"shop\"");
        let (changed, seen) = files.changed(&seen).await;
        assert_eq!(changed, Changed { settings: true, app: true }, "the settings lie in the application's directory here");
        tokio::time::timeout(Duration::from_secs(60), files.changed(&seen)).await.unwrap_err();
    }
}
