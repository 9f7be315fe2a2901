//! The files and variables that settings come from. They are read here and not by figment, which would not say in which file and
//! at which line a text is no TOML.

use crate::problem::Problem;
use figment::providers::{Env, Format, Toml};
use figment::value::{Dict, Map};
use figment::{Metadata, Profile, Provider};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Bytes. No env file needs as many: a larger one is something else.
const LARGEST: u64 = 1 << 20;
/// Bytes of one variable's value.
const LONGEST: usize = 1 << 16;
/// Tables and lists in one another.
const DEEPEST: usize = 16;
const PREFIX: &str = "ORCHESTRATOR_";

/// One file, read and parsed.
pub(crate) struct File {
    path: PathBuf,
    table: Dict,
}

impl File {
    /// Reads a file that may be missing.
    pub(crate) fn optional(path: &Path) -> Result<Option<File>, Problem> {
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            _ => File::read(path).map(Some),
        }
    }

    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<File, Problem> {
        let wrong = |problem: String| Problem::Config(format!("{}: {problem}", super::here(path).display()));
        let meta = std::fs::metadata(path).map_err(|error| wrong(format!("it cannot be read: {error}")))?;
        if !meta.is_file() {
            return Err(wrong("it is not a file".into()));
        }
        if meta.len() > LARGEST {
            return Err(wrong(format!("it has {} bytes, and an env file has at most {LARGEST}", meta.len())));
        }
        let bytes = std::fs::read(path).map_err(|error| wrong(format!("it cannot be read: {error}")))?;
        // Editors of another system put a mark before the text.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| wrong(format!("line {}: not UTF-8", line(bytes, error.valid_up_to()))))?;
        let table = Toml::from_str::<Dict>(text).map_err(|error| {
            let at = error.span().map_or_else(String::new, |span| format!("line {}: ", line(bytes, span.start)));
            wrong(format!("{at}{}", error.message().replace('\n', "; ")))
        })?;
        Ok(File { path: path.to_owned(), table })
    }
}

impl File {
    /// The text that the file gives a key at its top.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.table.get(key).and_then(|value| value.as_str()).map(str::to_owned)
    }
}

fn line(bytes: &[u8], at: usize) -> usize {
    bytes.iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

impl Provider for File {
    fn metadata(&self) -> Metadata {
        Metadata::from("TOML file", self.path.as_path())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.table.clone()))
    }
}

/// A setting that an argument gives.
pub(super) struct Argument {
    pub name: &'static str,
    pub key: &'static str,
    pub value: String,
}

impl Provider for Argument {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(Dict::from([(self.key.to_owned(), self.value.clone().into())])))
    }
}

/// Settings that a command brings.
pub(super) struct Text {
    name: &'static str,
    table: Dict,
}

impl Text {
    pub(super) fn parse(name: &'static str, toml: &str) -> Result<Text, Problem> {
        let table = Toml::from_str::<Dict>(toml).map_err(|error| Problem::Config(format!("{name}: {}", error.message())))?;
        Ok(Text { name, table })
    }
}

impl Provider for Text {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.table.clone()))
    }
}

/// The variables that may be read: figment takes their values apart by recursion, and what is not text silently for something else.
pub(super) fn variables() -> Result<Env, Problem> {
    for (name, value) in std::env::vars_os() {
        let Some(shown) = ours(&name) else { continue };
        let wrong = |problem: &str| Problem::Config(format!("the variable {shown}: {problem}"));
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else { return Err(wrong("it is not UTF-8")) };
        match () {
            () if value.len() > LONGEST => return Err(wrong(&format!("it has {} bytes, at most {LONGEST} are read", value.len()))),
            () if deepest(value) > DEEPEST => return Err(wrong(&format!("it is nested deeper than {DEEPEST}"))),
            () if name.matches("__").count() > DEEPEST => return Err(wrong(&format!("its name has more than {DEEPEST} parts"))),
            () => {}
        }
    }
    Ok(Env::prefixed(PREFIX).split("__").ignore(&["env", "config", "endpoint_url"]))
}

/// The name of a variable of ours, in a form that can be shown.
fn ours(name: &OsStr) -> Option<String> {
    let shown = name.to_string_lossy().trim().to_owned();
    let ours = shown.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
    ours.then(|| shown.chars().take(100).collect())
}

/// How many brackets are open at once at most. Those within quotes count as well: nobody needs that many.
fn deepest(value: &str) -> usize {
    let (mut open, mut most) = (0usize, 0);
    for byte in value.bytes() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}
