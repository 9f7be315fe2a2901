//! The `[database]` table of `envs/*.toml`.

use engine::DeclareError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The kind of disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StorageType {
    /// General purpose, its speed independent of its size.
    Gp3,
    /// General purpose of the generation before.
    Gp2,
}

impl StorageType {
    /// The name that RDS knows.
    pub fn as_str(self) -> &'static str {
        match self {
            StorageType::Gp3 => "gp3",
            StorageType::Gp2 => "gp2",
        }
    }
}

/// Where the database's alarms ring.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Alarms {
    /// Per cent of CPU.
    pub cpu: f64,
    /// Free storage in gigabytes.
    pub free_storage_gb: f64,
    /// Open connections.
    pub connections: f64,
}

impl Default for Alarms {
    fn default() -> Alarms {
        Alarms { cpu: 80.0, free_storage_gb: 4.0, connections: 80.0 }
    }
}

/// The settings of the database layer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// PostgreSQL's version: a major (`16`: the newest minor when it is made, then RDS's own upgrades) or an exact minor (`16.3`).
    pub engine_version: String,
    /// The instance class.
    pub class: String,
    /// Gigabytes to begin with; it cannot shrink.
    pub storage_gb: i32,
    /// Gigabytes up to which RDS grows the storage by itself.
    pub max_storage_gb: i32,
    /// The kind of disk.
    pub storage_type: StorageType,
    /// Whether a standby waits in another zone.
    pub multi_az: bool,
    /// The database in the instance.
    pub name: String,
    /// Its user.
    pub user: String,
    /// The port; `network.database_port` must be the same.
    pub port: u16,
    /// Days that automatic backups are kept, 1 to 35.
    pub backup_days: i32,
    /// When backups are made, UTC.
    pub backup_window: String,
    /// When AWS may change the instance, UTC; it may touch the backup window and not overlap it.
    pub maintenance_window: String,
    /// Whether AWS refuses to delete it.
    pub deletion_protection: bool,
    /// Whether a destroy leaves a last snapshot.
    pub final_snapshot: bool,
    /// Whether changes are made at once instead of in the maintenance window.
    pub apply_immediately: bool,
    /// Whether Performance Insights keeps a week of load.
    pub insights: bool,
    /// Whether IAM users may log in.
    pub iam_auth: bool,
    /// The logs that go to CloudWatch.
    pub log_exports: Vec<String>,
    /// Milliseconds from which a query is logged as slow.
    pub slow_query_ms: u32,
    /// More PostgreSQL parameters.
    pub parameters: BTreeMap<String, String>,
    /// Where the alarms ring.
    pub alarms: Alarms,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            engine_version: "16".into(),
            class: "db.t4g.micro".into(),
            storage_gb: 20,
            max_storage_gb: 100,
            storage_type: StorageType::Gp3,
            multi_az: false,
            name: "app".into(),
            user: "app".into(),
            port: 5432,
            backup_days: 7,
            backup_window: "03:00-04:00".into(),
            maintenance_window: "sun:04:00-sun:05:00".into(),
            deletion_protection: true,
            final_snapshot: true,
            apply_immediately: true,
            insights: true,
            iam_auth: true,
            log_exports: vec!["postgresql".into(), "upgrade".into()],
            slow_query_ms: 500,
            parameters: BTreeMap::new(),
            alarms: Alarms::default(),
        }
    }
}

fn setting(key: &str, problem: impl Into<String>) -> DeclareError {
    DeclareError::setting(format!("database.{key}"), problem)
}

/// What RDS takes as a parameter's name and value.
fn parameter(name: &str, value: &str) -> Result<(), DeclareError> {
    let key = format!("parameters.{name}");
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !(1..=255).contains(&name.len()) || !name.chars().all(plain) {
        return Err(setting(&key, "a parameter's name has letters, digits, dots, hyphens and underscores"));
    }
    if value.len() > 1024 || value.chars().any(char::is_control) {
        return Err(setting(&key, "a parameter's value has at most 1024 characters, and no line breaks"));
    }
    Ok(())
}

/// Minutes of the day of `hh:mm`.
fn minute(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    (text.len() == 5 && hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// The minutes of a window; both ends on one day.
fn window(from: &str, to: &str) -> Option<(u32, u32)> {
    let (from, to) = (minute(from)?, minute(to)?);
    (from + 30 <= to).then_some((from, to))
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`DeclareError::Setting`] with the key.
    pub fn check(&self) -> Result<(), DeclareError> {
        let number = |part: &str| part.parse::<u32>().is_ok();
        if !self.engine_version.split('.').all(number) || self.engine_version.split('.').count() > 2 {
            return Err(setting("engine_version", format!("`{}` must be a major (`16`) or a minor (`16.3`)", self.engine_version)));
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        if !self.class.starts_with("db.") || self.class.len() > 64 || !self.class.chars().all(plain) {
            return Err(setting("class", format!("`{}` is not an instance class, for example `db.t4g.micro`", self.class)));
        }
        if self.storage_gb < 20 || self.max_storage_gb < self.storage_gb || self.max_storage_gb > 65_536 {
            let problem = format!(
                "{} GB growing to {} GB: 20 to 65536 GB, and the end not below the beginning",
                self.storage_gb, self.max_storage_gb
            );
            return Err(setting("storage_gb", problem));
        }
        if !(1..=35).contains(&self.backup_days) {
            return Err(setting("backup_days", format!("{} days: RDS keeps backups for 1 to 35", self.backup_days)));
        }
        for (key, name) in [("name", &self.name), ("user", &self.user)] {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) || name.len() > 63 {
                return Err(setting(key, format!("`{name}` must be lower-case letters, digits and underscores, beginning with a letter")));
            }
        }
        if ["postgres", "rdsadmin", "admin"].contains(&self.user.as_str()) {
            return Err(setting("user", format!("`{}` is reserved", self.user)));
        }
        if self.log_exports.len() > 2 || (self.log_exports.len() == 2 && self.log_exports[0] == self.log_exports[1]) {
            return Err(setting("log_exports", "a log is there twice"));
        }
        if let Some(log) = self.log_exports.iter().find(|log| !["postgresql", "upgrade"].contains(&log.as_str())) {
            return Err(setting("log_exports", format!("`{log}`: PostgreSQL has the logs `postgresql` and `upgrade`")));
        }
        self.check_numbers()?;
        self.parameters.iter().try_for_each(|(name, value)| parameter(name, value))?;
        self.check_windows()
    }

    fn check_numbers(&self) -> Result<(), DeclareError> {
        if !(1150..=65_535).contains(&self.port) {
            return Err(setting("port", format!("{}: RDS allows 1150 to 65535", self.port)));
        }
        if i32::try_from(self.slow_query_ms).is_err() {
            return Err(setting("slow_query_ms", format!("{} ms: PostgreSQL allows up to {}", self.slow_query_ms, i32::MAX)));
        }
        let Alarms { cpu, free_storage_gb, connections } = self.alarms;
        for (key, limit, most) in [("cpu", cpu, 100.0), ("free_storage_gb", free_storage_gb, 65_536.0), ("connections", connections, 1e6)] {
            if !(0.0..=most).contains(&limit) {
                return Err(setting(&format!("alarms.{key}"), format!("{limit}: use 0 to {most}")));
            }
        }
        Ok(())
    }

    fn check_windows(&self) -> Result<(), DeclareError> {
        let backup = self.backup_window.split_once('-').and_then(|(from, to)| window(from, to));
        let Some(backup) = backup else {
            return Err(setting(
                "backup_window",
                format!("`{}` must be like `03:00-04:00`, at least 30 minutes, on one day", self.backup_window),
            ));
        };
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let parts: Vec<&str> = self.maintenance_window.split(['-', ':']).collect();
        let maintenance = match parts.as_slice() {
            [day, from_h, from_m, end, to_h, to_m] if day == end && days.contains(day) => {
                window(&format!("{from_h}:{from_m}"), &format!("{to_h}:{to_m}"))
            }
            _ => None,
        };
        let Some(maintenance) = maintenance else {
            let problem = format!("`{}` must be like `sun:04:00-sun:05:00`, at least 30 minutes, on one day", self.maintenance_window);
            return Err(setting("maintenance_window", problem));
        };
        if backup.0 < maintenance.1 && maintenance.0 < backup.1 {
            return Err(setting("maintenance_window", "it overlaps the backup window, which RDS refuses; they may touch"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_may_touch_and_not_overlap() {
        assert!(Config::default().check().is_ok());
        for wrong in ["sun:03:30-sun:04:30", "04:00-05:00", "sun:04:00-sun:04:10", "xxx:04:00-xxx:05:00"] {
            assert!(Config { maintenance_window: wrong.into(), ..Config::default() }.check().is_err(), "{wrong}");
        }
    }
}
