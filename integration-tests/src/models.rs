//! AWS's own models of its services, as botocore brings them: every request that a suite sends, to whichever AWS, is checked against them.
//! Emulators take what AWS refuses: a name that is too long, a member that is missing, a value that is none of its enumeration.
#![allow(clippy::disallowed_methods)]

mod shape;

use emulator::call::Call;
use serde_json::Value;
use shape::Model;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

/// Signing names whose model has another name.
const NAMES: &[(&str, &str)] = &[("monitoring", "cloudwatch"), ("elasticloadbalancing", "elbv2"), ("tagging", "resourcegroupstaggingapi")];

/// What has been checked so far in this process.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// How many requests.
    pub requests: usize,
    /// Which operations: `service:Operation`.
    pub operations: BTreeSet<String>,
    /// Each request that did not fit, with the reason.
    pub violations: Vec<String>,
    /// Patterns that could not be read here, and so were not checked.
    pub unread: BTreeSet<String>,
}

static CHECKED: Mutex<Option<Checked>> = Mutex::new(None);
/// Tells a process of a suite where the models are: a Python takes its time.
const PLACE: &str = "BOTOCORE_DATA";
/// Tells a process of a suite where to add what it has checked.
const NOTES: &str = "CHECKED_REQUESTS";

/// Lets every world of this process refuse what does not fit AWS's models. Without botocore on the `PATH` nothing is checked.
pub fn enforce() {
    static BEGUN: OnceLock<()> = OnceLock::new();
    BEGUN.get_or_init(|| {
        if data().is_some() {
            CHECKED.lock().unwrap().get_or_insert_default();
            emulator::judge::judged_by(check);
        }
    });
}

/// What has been checked so far; `None` where there are no models.
///
/// # Panics
/// When a check panicked.
pub fn checked() -> Option<Checked> {
    enforce();
    CHECKED.lock().unwrap().clone()
}

/// The environment of a process that checks as this one does.
pub fn environment() -> Option<(&'static str, &'static Path)> {
    data().map(|data| (PLACE, data))
}

/// The same for one that adds a line to `notes` when it ends: how many requests were checked, then each that did not fit.
pub fn noted(command: &mut Command, notes: &Path) {
    command.envs(environment()).env(NOTES, notes);
}

/// Adds what this process has checked to the file that it was told of, if it was.
///
/// # Errors
/// When the file cannot be written.
pub fn note() -> std::io::Result<()> {
    let (Some(notes), Some(checked)) = (std::env::var_os(NOTES), checked()) else { return Ok(()) };
    let line = format!("{} {}\n", checked.requests, checked.violations.join(" | "));
    std::fs::File::options().create(true).append(true).open(notes)?.write_all(line.as_bytes())
}

/// What AWS would refuse about a call, and why; nothing where there are no models.
fn check(call: &Call) -> Option<String> {
    let name = NAMES.iter().find(|(signing, _)| *signing == call.service).map_or(call.service.as_str(), |(_, name)| *name);
    let mut hash = DefaultHasher::new();
    (name, &call.action, call.input.0.to_string()).hash(&mut hash);
    let hash = hash.finish();
    // Worlds of one seed are sent the same again and again: what was taken once is taken.
    if taken(hash, false) {
        CHECKED.lock().unwrap().get_or_insert_default().requests += 1;
        return None;
    }
    let model = model(data()?, name)?;
    let found = model.check(&call.action, &call.input.0);
    if found.problems.is_empty() {
        taken(hash, true);
    }
    let mut checked = CHECKED.lock().unwrap();
    let checked = checked.get_or_insert_default();
    checked.requests += 1;
    let operation = format!("{name}:{}", call.action);
    checked.unread.extend(found.unread);
    let problem = (!found.problems.is_empty()).then(|| found.problems.join("; "));
    checked.violations.extend(problem.as_ref().map(|problem| format!("{operation}: {problem}")));
    checked.operations.insert(operation);
    problem
}

/// Whether such a request was taken before; with `now`, it is from now on.
fn taken(hash: u64, now: bool) -> bool {
    static TAKEN: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());
    let mut taken = TAKEN.lock().unwrap();
    if now { taken.insert(hash) } else { taken.contains(&hash) }
}

/// The model of a service, read once.
fn model(data: &Path, name: &str) -> Option<Arc<Model>> {
    static MODELS: Mutex<BTreeMap<String, Option<Arc<Model>>>> = Mutex::new(BTreeMap::new());
    let mut models = MODELS.lock().unwrap();
    models.entry(name.to_owned()).or_insert_with(|| read(&data.join(name)).map(|model| Arc::new(Model(model)))).clone()
}

/// The newest version of a model, packed or not.
fn read(dir: &Path) -> Option<Value> {
    let versions: BTreeSet<PathBuf> = std::fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path()).collect();
    let newest = versions.last()?;
    if let Ok(packed) = std::fs::read(newest.join("service-2.json.gz")) {
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut text).ok()?;
        return serde_json::from_slice(&text).ok();
    }
    serde_json::from_slice(&std::fs::read(newest.join("service-2.json")).ok()?).ok()
}

/// Where botocore keeps its models.
fn data() -> Option<&'static Path> {
    static DATA: OnceLock<Option<PathBuf>> = OnceLock::new();
    let asked = || {
        let asked = Command::new(python()?).args(["-c", "import botocore; print(botocore.__path__[0])"]).stderr(Stdio::null()).output();
        Some(PathBuf::from(String::from_utf8(asked.ok()?.stdout).ok()?.trim()).join("data"))
    };
    DATA.get_or_init(|| std::env::var_os(PLACE).map(PathBuf::from).or_else(asked)).as_deref()
}

/// The first Python that has botocore; `.ci/run` puts one beside `moto_server`.
pub fn python() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let pythons = std::env::split_paths(&path).map(|dir| dir.join("python3")).filter(|python| python.is_file());
    pythons.into_iter().find(|python| {
        let import = Command::new(python).args(["-c", "import botocore"]).stderr(Stdio::null()).status();
        import.is_ok_and(|status| status.success())
    })
}
