//! The application's directory, and the image that it makes: named by what it is made of, so that an unchanged one is built once.

use super::docker::{docker, must};
use crate::config::Settings;
use crate::out::note;
use crate::problem::Problem;
use engine::plan::digest;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const DOCKERFILE: &str = "Dockerfile";
const IGNORE: &str = ".dockerignore";
/// Where it is when nobody says so.
const USUAL: [&str; 2] = ["examples/flask-app", "."];

/// The directory with the application's Dockerfile.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub dir: PathBuf,
}

/// Each file with its time and size: other ones are worth reading.
pub(super) type Look = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

impl Code {
    /// The directory that is named, or a usual one; none has to be there.
    pub(super) fn find(named: Option<&Path>) -> Result<Option<Code>, Problem> {
        let there = |dir: &Path| dir.join(DOCKERFILE).is_file();
        match named {
            Some(dir) if there(dir) => Ok(Some(Code { dir: dir.to_owned() })),
            Some(dir) => Err(Problem::Config(format!("--app {}: there is no {DOCKERFILE} in it", dir.display()))),
            None => Ok(USUAL.iter().map(Path::new).find(|dir| there(dir)).map(|dir| Code { dir: dir.to_owned() })),
        }
    }

    /// The files that the image can be made of, from the directory on.
    pub(super) fn look(&self) -> Look {
        let rules = Rules::read(&self.dir.join(IGNORE));
        let (mut found, mut dirs) = (Look::new(), vec![PathBuf::new()]);
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(self.dir.join(&dir)).into_iter().flatten().flatten() {
                let path = dir.join(entry.file_name());
                let own = [DOCKERFILE, IGNORE].iter().any(|name| path == Path::new(name));
                // A file that is replaced while it is looked at is looked at again.
                let Ok(meta) = entry.metadata() else { continue };
                match meta.is_dir() {
                    true if path != Path::new(".git") => dirs.push(path),
                    false if own || !rules.leave_out(&path) => drop(found.insert(path, (meta.modified().ok(), meta.len()))),
                    _ => {}
                }
            }
        }
        found
    }

    /// The name of the image of what the directory holds now: `shop-local-app:dev-0123456789ab`.
    pub(super) fn image(&self, settings: &Settings) -> Result<String, Problem> {
        let mut parts = Vec::new();
        for path in self.look().into_keys() {
            let place = self.dir.join(&path);
            let bytes = match std::fs::read(&place) {
                Err(_) if place.symlink_metadata().is_ok_and(|meta| !meta.is_file()) => Vec::new(),
                read => read.map_err(|error| Problem::Io(format!("{} cannot be read: {error}", place.display())))?,
            };
            // A character for each byte: other bytes are another text.
            parts.extend([path.display().to_string(), bytes.into_iter().map(char::from).collect()]);
        }
        let digest = digest(&parts.iter().map(String::as_str).collect::<Vec<_>>());
        Ok(format!("{}-{}-app:dev-{}", settings.top.stack, settings.env, &digest[..12]))
    }

    /// Builds it, unless it was built already.
    pub(super) async fn build(&self, image: &str) -> Result<(), Problem> {
        if docker(&["image", "inspect", image]).await.is_ok() {
            return Ok(());
        }
        note!("building {image} of {}", self.dir.display());
        let (dir, version) = (self.dir.display().to_string(), image.rsplit(':').next().unwrap_or_default());
        must(&["build", "--tag", image, "--build-arg", &format!("VERSION={version}"), &dir]).await.map(drop)
    }
}

/// What a `.dockerignore` leaves out. The last line that fits decides: <https://docs.docker.com/build/concepts/context/#dockerignore-files>
#[derive(Debug, Default)]
struct Rules(Vec<(bool, Vec<String>)>);

impl Rules {
    fn read(file: &Path) -> Rules {
        Rules::parse(&std::fs::read_to_string(file).unwrap_or_default())
    }

    fn parse(text: &str) -> Rules {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let rule = |line: &str| {
            let (out, pattern) = line.strip_prefix('!').map_or((true, line), |pattern| (false, pattern));
            (out, pattern.trim_matches('/').split('/').filter(|part| *part != ".").map(str::to_owned).collect())
        };
        Rules(lines.map(rule).collect())
    }

    fn leave_out(&self, path: &Path) -> bool {
        let parts: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        // What fits a directory fits everything in it.
        let fits = |pattern: &[String]| (1..=parts.len()).any(|end| fit(pattern, &parts[..end]));
        self.0.iter().rev().find(|(_, pattern)| fits(pattern)).is_some_and(|(out, _)| *out)
    }
}

fn fit(pattern: &[String], parts: &[String]) -> bool {
    match (pattern, parts) {
        ([], []) => true,
        ([first, rest @ ..], _) if first == "**" => (0..=parts.len()).any(|from| fit(rest, &parts[from..])),
        ([first, rest @ ..], [part, others @ ..]) => glob(first.as_bytes(), part.as_bytes()) && fit(rest, others),
        _ => false,
    }
}

/// One part of a path; of Go's patterns, `*` and `?`. Another character is itself, so that a file too many counts, and none too few.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|from| glob(rest, &text[from..])),
        ([b'?', rest @ ..], [_, others @ ..]) => glob(rest, others),
        ([one, rest @ ..], [other, others @ ..]) => one == other && glob(rest, others),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_fits_decides() {
        let rules = Rules::parse("# all but\n*\n!app.py\n!/src/\nsrc/**/*.pyc\n");
        for (path, out) in [
            ("app.py", false),
            ("tests/app.py", true),
            ("README.md", true),
            ("src/a.py", false),
            ("src/deep/er/a.py", false),
            ("src/a.pyc", true),
            ("src/deep/er/a.pyc", true),
        ] {
            assert_eq!(rules.leave_out(Path::new(path)), out, "{path}");
        }
        let rules = Rules::parse("**/node_modules\n?.txt\n./build\n");
        for (path, out) in [("web/node_modules/a/b.js", true), ("a.txt", true), ("ab.txt", false), ("build/x", true), ("rebuild", false)] {
            assert_eq!(rules.leave_out(Path::new(path)), out, "{path}");
        }
        assert!(!Rules::default().leave_out(Path::new("a")));
    }

    #[test]
    fn what_the_image_is_not_made_of_changes_no_name() {
        let (dir, envs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(envs.path().join("base.toml"), "stack = \"shop\"\nregion = \"eu-north-1\"\n").unwrap();
        std::fs::write(envs.path().join("dev.toml"), "").unwrap();
        let settings = Settings::load(envs.path(), "dev", None, &[]).unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        assert!(Code::find(Some(dir.path())).is_err());
        write("Dockerfile", "FROM scratch");
        write(".dockerignore", "notes");
        let code = Code::find(Some(dir.path())).unwrap().unwrap();
        let name = || code.image(&settings).unwrap();
        let first = name();
        assert!(first.starts_with("shop-dev-app:dev-") && first.len() == "shop-dev-app:dev-".len() + 12, "{first}");
        write("notes", "nothing");
        assert_eq!(name(), first);
        write("app.py", "\u{fc}");
        let second = name();
        assert!(second != first && second == name());
        std::fs::write(dir.path().join("app.py"), b"\xfc").unwrap();
        assert!(![&first, &second].contains(&&name()), "other bytes are another image");
        write("app.py", "\u{fc}");
        assert_eq!(name(), second, "what was there before has its name from before");
        write("Dockerfile", "FROM other");
        assert_ne!(name(), second);
    }
}
