//! `envs/base.toml`, `envs/<env>.toml`, `ORCHESTRATOR_…` variables: layered by figment, with the file and key of every mistake.

mod check;
mod source;

pub(crate) use self::source::File;
use self::source::{Argument, Text, variables};
use crate::problem::Problem;
use engine::resource::Scope;
use figment::Figment;
use figment::error::Kind;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The settings above the layers' tables.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Top {
    /// The stack's name: it begins every name in AWS.
    pub stack: String,
    /// The AWS region.
    pub region: String,
    /// More tags for every object.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Whether databases, keys and secrets are kept from being deleted or replaced unless they are named (`--allow-destroy`).
    #[serde(default = "yes")]
    pub protect: bool,
    /// Deploy into the AWS inside this process instead of the real one.
    #[serde(default)]
    pub embedded: bool,
    /// How much faster the embedded AWS's time runs.
    #[serde(default = "sixty")]
    pub speed: f64,
    /// Where the ledgers are shared: `s3://bucket/prefix`. A local directory when it is not given.
    #[serde(default)]
    pub ledger: Option<String>,
    /// The KMS key that encrypts the shared ledgers: an id, ARN or alias (`alias/aws/s3`: the account's own). The bucket's default otherwise.
    #[serde(default)]
    pub ledger_kms_key: Option<String>,
}

fn yes() -> bool {
    true
}

fn sixty() -> f64 {
    60.0
}

/// The layered settings of one environment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The environment's name.
    pub env: String,
    /// The settings above the tables.
    pub top: Top,
    /// Where this tool keeps what it remembers of the environment.
    pub state: PathBuf,
    figment: Figment,
}

impl Settings {
    /// Loads the settings of `env` from `dir`. `tables` are the names of the tables that may appear.
    ///
    /// # Errors
    /// [`Problem::Config`] that names file and key.
    pub fn load(dir: &Path, env: &str, region: Option<&str>, tables: &[&str]) -> Result<Settings, Problem> {
        let file = dir.join(format!("{env}.toml"));
        if !is_name(env) || file.symlink_metadata().is_err() {
            let (env, file, known) = (env.to_owned(), file.display().to_string(), environments(dir).join(", "));
            return Err(Problem::NoEnvironment { env, file, known });
        }
        let mut figment = Figment::new();
        if let Some(base) = File::optional(&dir.join("base.toml"))? {
            figment = figment.merge(base);
        }
        figment = figment.merge(File::read(&file)?).merge(variables()?);
        if let Some(region) = region {
            figment = figment.merge(Argument { name: "--region", key: "region", value: region.to_owned() });
        }
        let top: Top = figment.extract().map_err(|error| explain("", &error, &here(&file).display().to_string()))?;
        let settings = Settings { env: env.to_owned(), top, state: PathBuf::from(".orchestrator").join(env), figment };
        settings.check_keys(tables)?;
        match check::problem(&settings.top) {
            Some((key, problem)) => Err(Problem::Config(format!("{}: {key}: {problem}", settings.source_of(&key)))),
            None => Ok(settings),
        }
    }

    /// These settings with some more above all others; `name` is where a mistake in them is said to be.
    ///
    /// # Errors
    /// [`Problem::Config`] when they are no TOML, or one above the tables is wrong.
    pub(crate) fn over(&self, name: &'static str, toml: &str) -> Result<Settings, Problem> {
        let figment = self.figment.clone().merge(Text::parse(name, toml)?);
        let top: Top = figment.extract().map_err(|error| explain("", &error, name))?;
        Ok(Settings { top, figment, ..self.clone() })
    }

    /// Where this machine keeps what could not be written to a shared ledger.
    pub fn rescue(&self) -> PathBuf {
        self.state.join("rescue")
    }

    fn check_keys(&self, tables: &[&str]) -> Result<(), Problem> {
        let own = ["stack", "region", "tags", "protect", "embedded", "speed", "ledger", "ledger_kms_key"];
        let known: Vec<&str> = own.iter().chain(tables).copied().collect();
        let all: BTreeMap<String, figment::value::Value> = self.figment.extract().map_err(|error| explain("", &error, &self.env))?;
        let layers = engine::LayerName::ALL.map(engine::LayerName::as_str);
        // A per-layer binary reads the same files and leaves the tables of other layers alone.
        match all.keys().find(|key| !known.contains(&key.as_str()) && !layers.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(Problem::Config(format!("{}: unknown key `{key}`{}", self.source_of(key), nearest(key, known.into_iter())))),
        }
    }

    /// A layer's table; its defaults when the files have none.
    ///
    /// # Errors
    /// [`Problem::Config`] that names file and key, with the nearest spelling for an unknown one.
    pub fn table<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T, Problem> {
        if self.figment.find_value(name).is_err() {
            return Ok(T::default());
        }
        self.figment.extract_inner(name).map_err(|error| explain(name, &error, &self.source_of(name)))
    }

    /// The file (or variable) that a key comes from.
    pub fn source_of(&self, key: &str) -> String {
        if key == "env" {
            return "--env".to_owned();
        }
        let meta = self.figment.find_metadata(key).or_else(|| self.figment.find_metadata(key.split('.').next().unwrap_or(key)));
        meta.map_or_else(|| "the defaults".to_owned(), source)
    }

    /// Which AWS these settings lead to: those with the same text lead to the same account and region at the same pace. An embedded
    /// AWS is the environment's own.
    pub fn end(&self, endpoint_url: Option<&str>) -> String {
        let (region, speed) = (&self.top.region, if self.top.embedded { self.top.speed } else { 1.0 });
        match endpoint_url {
            Some(url) => format!("{region} {url} {speed}"),
            None if self.top.embedded => format!("{region} {} {speed}", self.state.display()),
            None => region.clone(),
        }
    }

    /// Stack, environment and tags.
    pub fn scope(&self) -> Scope {
        Scope { stack: self.top.stack.clone(), env: self.env.clone(), tags: self.top.tags.clone() }
    }
}

/// Whether it is a name, and no path to somewhere else.
pub(crate) fn is_name(env: &str) -> bool {
    !env.is_empty() && !env.contains(|c: char| "/\\.".contains(c) || c.is_control())
}

/// The names of the environments in `dir`, sorted.
pub(crate) fn environments(dir: &Path) -> Vec<String> {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let names = files.filter_map(|file| file.file_name().to_str().and_then(|name| name.strip_suffix(".toml")).map(str::to_owned));
    let mut names: Vec<String> = names.filter(|name| name != "base").collect();
    names.sort();
    names
}

fn source(meta: &figment::Metadata) -> String {
    match meta.source.as_ref().and_then(|source| source.file_path()) {
        Some(path) => here(path).display().to_string(),
        None => meta.name.to_string(),
    }
}

/// A path as people give it: from the working directory.
fn here(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).to_owned()
}

fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> String {
    let best = known.map(|name| (strsim::jaro_winkler(key, name), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness > 0.75).map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}

/// The mistake with its file and its key; `table` is the table that was read, `place` where something that is missing belongs.
fn explain(table: &str, error: &figment::Error, place: &str) -> Problem {
    let file = error.metadata.as_ref().map_or_else(|| place.to_owned(), source);
    // figment puts the table after the way to the mistake in it, and names an unknown key at the end of that way once more.
    let mut path: Vec<&str> = error.path.iter().map(String::as_str).collect();
    if path.last() == Some(&table) {
        path.pop();
    }
    if let Kind::UnknownField(field, _) = &error.kind
        && path.last() == Some(&field.as_str())
    {
        path.pop();
    }
    let at = |last: &str| {
        [&[table], path.as_slice(), &[last]].concat().into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
    };
    let text = match &error.kind {
        Kind::UnknownField(field, known) => format!("unknown key `{}`{}", at(field), nearest(field, known.iter().copied())),
        Kind::MissingField(field) => format!("the key `{}` is missing", at(field)),
        kind => format!("{}: {kind}", at("")),
    };
    Problem::Config(format!("{file}: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default, Debug, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Net {
        cidr: String,
    }

    fn load(env: &str) -> Result<Settings, Problem> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("base.toml"), "stack = \"shop\"\nregion = \"eu-north-1\"\n").unwrap();
        std::fs::write(dir.path().join("dev.toml"), env).unwrap();
        Settings::load(dir.path(), "dev", None, &["network"])
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_file_and_the_nearest_one() {
        let settings = load("[network]\ncdir = \"10.0.0.0/16\"").unwrap();
        let text = settings.table::<Net>("network").unwrap_err().to_string();
        assert!(text.contains("dev.toml") && text.contains("`network.cdir`") && text.contains("did you mean `cidr`"), "{text}");
    }

    #[test]
    fn a_mistake_anywhere_is_named_by_its_whole_path() {
        #[derive(Default, Debug, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        struct Outer {
            network: Vec<u16>,
            inner: BTreeMap<String, Net>,
        }
        for (env, key) in [
            ("[network]\nnetwork = 5", "dev.toml: network.network: invalid type"),
            ("[network]\nnetwork = [1, \"x\"]", "dev.toml: network.network.1: invalid type"),
            ("[network.inner.network]\ncidr = 5", "dev.toml: network.inner.network.cidr: invalid type"),
            ("[network.inner.network]\nnetwork = 5", "dev.toml: unknown key `network.inner.network.network`"),
            ("[network]\nnetwrok = 5", "dev.toml: unknown key `network.netwrok`; did you mean `network`"),
            ("network = 5", "dev.toml: network: invalid type"),
        ] {
            let text = load(env).unwrap().table::<Outer>("network").unwrap_err().to_string();
            assert!(text.contains(key), "{env}: {text}");
        }
    }

    #[test]
    fn a_misspelt_table_is_named_too() {
        let text = load("[netwrok]\ncidr = \"x\"").unwrap_err().to_string();
        assert!(text.contains("`netwrok`") && text.contains("did you mean `network`"), "{text}");
    }

    #[test]
    fn an_environment_that_does_not_exist_lists_those_that_do() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("prod.toml"), "").unwrap();
        let text = Settings::load(dir.path(), "prdo", None, &[]).unwrap_err().to_string();
        assert!(text.contains("prdo.toml") && text.contains("prod"), "{text}");
    }
}
