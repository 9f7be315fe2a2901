//! The `[secrets]` table of `envs/*.toml`.

use engine::DeclareError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The characters of a generated value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Alphabet {
    /// Letters and digits.
    #[default]
    Alphanumeric,
    /// Letters, digits and signs that need no quoting in a shell, a URL or PostgreSQL.
    Symbols,
    /// Hexadecimal digits.
    Hex,
}

impl Alphabet {
    /// Its characters.
    pub fn characters(self) -> &'static [u8] {
        match self {
            Alphabet::Alphanumeric => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            Alphabet::Symbols => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~",
            Alphabet::Hex => b"0123456789abcdef",
        }
    }
}

/// How a value is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Generate {
    /// How many characters, 16 to 128.
    pub length: usize,
    /// Which ones.
    pub alphabet: Alphabet,
    /// Days after which it is due for another value, 1 to 3650; `secrets.rotate_after_days` when it is not given.
    pub rotate_after_days: Option<u16>,
}

impl Default for Generate {
    fn default() -> Generate {
        Generate { length: 40, alphabet: Alphabet::Alphanumeric, rotate_after_days: None }
    }
}

/// The policy that reads the secrets names each of them, and all policies of a role have 10 KB.
const MOST: usize = 50;

/// The settings of the secrets layer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Days between the deletion of the key and its end, 7 to 30: until then the deletion can be cancelled.
    pub key_deletion_days: u8,
    /// Days after which a secret is due for another value, 1 to 3650. Nothing rotates by itself: `secrets list` and `status` show it.
    pub rotate_after_days: Option<u16>,
    /// How the database's password is made.
    pub database_password: Generate,
    /// What the application's container gets: environment variable and how its value is made.
    pub app: BTreeMap<String, Generate>,
}

impl Default for Config {
    fn default() -> Config {
        let app = BTreeMap::from([("FLASK_SECRET_KEY".to_owned(), Generate::default())]);
        Config { key_deletion_days: 30, rotate_after_days: None, database_password: Generate::default(), app }
    }
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`DeclareError::Setting`] with the key.
    pub fn check(&self) -> Result<(), DeclareError> {
        if !(7..=30).contains(&self.key_deletion_days) {
            let problem = format!("{} days: AWS allows 7 to 30", self.key_deletion_days);
            return Err(DeclareError::setting("secrets.key_deletion_days", problem));
        }
        if self.app.len() > MOST {
            return Err(DeclareError::setting("secrets.app", format!("{} secrets: use at most {MOST}", self.app.len())));
        }
        for (key, generate) in self.app.iter().map(|(name, it)| (format!("secrets.app.{name}"), it)) {
            let name = key.trim_start_matches("secrets.app.");
            if ["HOST", "PORT", "NAME", "USER", "PASSWORD"].iter().any(|what| name.strip_prefix("DATABASE_") == Some(what)) {
                return Err(DeclareError::setting(key, "the container gets this variable from the database layer"));
            }
            let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            if !name.starts_with(|c: char| c.is_ascii_uppercase()) || !name.chars().all(plain) || name.len() > 128 {
                let problem = "an environment variable has at most 128 upper-case letters, digits and underscores";
                return Err(DeclareError::setting(key, problem));
            }
            generated(&key, generate)?;
        }
        age("secrets.rotate_after_days", self.rotate_after_days)?;
        generated("secrets.database_password", &self.database_password)
    }
}

fn generated(key: &str, generate: &Generate) -> Result<(), DeclareError> {
    age(&format!("{key}.rotate_after_days"), generate.rotate_after_days)?;
    length(key, generate)
}

fn age(key: &str, days: Option<u16>) -> Result<(), DeclareError> {
    match days {
        Some(days) if !(1..=3650).contains(&days) => {
            Err(DeclareError::setting(key, format!("{days} days: use 1 to 3650, or leave it out")))
        }
        _ => Ok(()),
    }
}

fn length(key: &str, generate: &Generate) -> Result<(), DeclareError> {
    if (16..=128).contains(&generate.length) {
        return Ok(());
    }
    Err(DeclareError::setting(format!("{key}.length"), format!("{} characters: use 16 to 128", generate.length)))
}
