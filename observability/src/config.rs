//! The `[observability]` table of `envs/*.toml`.

use engine::DeclareError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The settings of the observability layer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Days that logs are kept: one of the numbers that CloudWatch allows, for example 7, 14, 30, 90, 365.
    pub retention_days: i32,
    /// Who gets an e-mail when an alarm rings; each address confirms by a link.
    pub alarm_emails: Vec<String>,
    /// Whether there is a dashboard.
    pub dashboard: bool,
    /// Errors in the application's log within five minutes that ring the alarm.
    pub error_threshold: f64,
    /// Saved Logs Insights queries over the application's JSON logs, by name.
    pub queries: BTreeMap<String, String>,
    /// Whether the VPC's traffic is logged.
    pub flow_logs: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            retention_days: 30,
            alarm_emails: Vec::new(),
            dashboard: true,
            error_threshold: 5.0,
            queries: QUERIES.iter().map(|(name, query)| ((*name).to_owned(), (*query).to_owned())).collect(),
            flow_logs: false,
        }
    }
}

/// The saved queries that every stack begins with.
const QUERIES: [(&str, &str); 4] = [
    ("errors", "fields @timestamp, request_id, path, message\n| filter level = \"ERROR\"\n| sort @timestamp desc\n| limit 100"),
    ("slow", "fields @timestamp, path, duration_ms, request_id\n| filter ispresent(duration_ms)\n| sort duration_ms desc\n| limit 50"),
    ("status", "filter ispresent(status)\n| stats count(*) as requests by status, bin(5m)"),
    ("latency", "filter ispresent(duration_ms)\n| stats pct(duration_ms, 50), pct(duration_ms, 95), pct(duration_ms, 99) by path"),
];

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const RETENTIONS: [i32; 22] = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`DeclareError::Setting`] with the key.
    pub fn check(&self) -> Result<(), DeclareError> {
        if !RETENTIONS.contains(&self.retention_days) {
            let next = RETENTIONS.iter().find(|days| **days > self.retention_days).unwrap_or(&3653);
            let problem = format!("CloudWatch does not keep logs for {} days; the next possible number is {next}", self.retention_days);
            return Err(DeclareError::setting("observability.retention_days", problem));
        }
        if let Some(wrong) = self.alarm_emails.iter().find(|address| {
            !address.contains('@') || address.contains(|c: char| c.is_whitespace() || c.is_control()) || address.len() > 254
        }) {
            return Err(DeclareError::setting("observability.alarm_emails", format!("`{wrong}` is not an e-mail address")));
        }
        if let Some(twice) = self.alarm_emails.iter().enumerate().find(|(index, it)| self.alarm_emails[..*index].contains(it)) {
            return Err(DeclareError::setting("observability.alarm_emails", format!("`{}` is there twice", twice.1)));
        }
        if !(1.0..=1e9).contains(&self.error_threshold) {
            return Err(DeclareError::setting("observability.error_threshold", format!("{}: use 1 to 1000000000", self.error_threshold)));
        }
        self.queries.iter().try_for_each(|(name, query)| saved(name, query))
    }
}

/// What CloudWatch takes of a saved query. <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html>
fn saved(name: &str, query: &str) -> Result<(), DeclareError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let key = format!("observability.queries.{name}");
    match () {
        () if !(1..=64).contains(&name.len()) || !name.chars().all(plain) => {
            Err(DeclareError::setting(key, "the name of a query has 1 to 64 letters, digits, hyphens and underscores"))
        }
        () if query.trim().is_empty() || query.len() > 10_000 || query.chars().any(|c| c.is_control() && !c.is_whitespace()) => {
            Err(DeclareError::setting(key, "a query has 1 to 10000 characters of text"))
        }
        () => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_that_cloudwatch_does_not_know_is_refused_with_the_next_one() {
        let config = Config { retention_days: 10, ..Config::default() };
        assert!(config.check().unwrap_err().to_string().contains("14"));
    }
}
