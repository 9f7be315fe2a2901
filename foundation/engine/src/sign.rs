//! A sign of health: one line about one thing, good or bad, with what to do about it.

use crate::ledger::Folded;
use crate::{LayerName, Resource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, and somebody should look.
    Warn,
    /// It does not work.
    Fail,
}

impl Level {
    /// `ok`, `warn`, `fail`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        }
    }
}

/// One line of a report.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Sign {
    /// The layer that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<LayerName>,
    /// What it is about: `service`, `database`, `credentials`.
    pub subject: String,
    /// How bad it is.
    pub level: Level,
    /// One sentence.
    pub text: String,
    /// The same for programs: `running`, `image`, ….
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Sign {
    /// A line of this level.
    pub fn new(layer: impl Into<Option<LayerName>>, subject: &str, level: Level, text: impl Into<String>) -> Sign {
        Sign { layer: layer.into(), subject: subject.into(), level, text: text.into(), facts: Map::new(), hint: None }
    }

    /// Adds a next step.
    pub fn hint(mut self, hint: impl Into<String>) -> Sign {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a fact for programs.
    pub fn fact(mut self, name: &str, value: impl Into<Value>) -> Sign {
        self.facts.insert(name.into(), value.into());
        self
    }
}

/// How long before its end something is worth a line, in days.
pub const END_WITHIN: i64 = 180;
/// How long before its end it is more than a line.
const END_SOON: i64 = 30;
const DAY: f64 = 86_400.0;

/// The line for something that ends at `end` (seconds since 1970), if that is within [`END_WITHIN`] days of `now`.
pub fn ends(layer: LayerName, subject: &str, what: &str, end: f64, now: f64) -> Option<Sign> {
    let days = ((end - now) / DAY).floor() as i64;
    if days > END_WITHIN {
        return None;
    }
    let (level, text) = match days {
        ..0 => (Level::Warn, format!("{what} ended {} days ago", -days)),
        0..=END_SOON => (Level::Warn, format!("{what} ends in {days} days")),
        _ => (Level::Ok, format!("{what} ends in {days} days")),
    };
    Some(Sign::new(layer, subject, level, text).fact("ends_in_days", days))
}

/// The settings and outputs of the objects of one kind that a ledger knows to be there.
pub fn objects<R: Resource>(memory: &Folded) -> impl Iterator<Item = (R, R::Output)> {
    let rows = memory.rows.values().filter(|row| row.kind == R::KIND);
    rows.filter_map(|row| Some((R::deserialize(&row.spec).ok()?, R::Output::deserialize(row.output.as_ref()?).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_half_a_year_before() {
        let at = |days: f64| ends(LayerName::Database, "version", "PostgreSQL 16", days * DAY, 0.0);
        assert_eq!(at(181.0), None);
        assert_eq!(at(100.0).unwrap().level, Level::Ok);
        let soon = at(3.5).unwrap();
        assert_eq!(
            (soon.level, soon.text.as_str(), soon.facts["ends_in_days"].as_i64()),
            (Level::Warn, "PostgreSQL 16 ends in 3 days", Some(3))
        );
        assert_eq!(at(-2.0).unwrap().text, "PostgreSQL 16 ended 2 days ago");
    }
}
