//! The `[compute]` table of `envs/*.toml`.

use crate::fargate;
use engine::DeclareError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How ECS finds out whether a container is well.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthCheck {
    /// The command, beginning with `CMD` or `CMD-SHELL`. Empty: Python asks `/healthz` on the container's port.
    pub command: Vec<String>,
    /// Seconds between two checks, 5 to 300.
    pub interval: i32,
    /// Seconds until a check counts as failed, 2 to 60.
    pub timeout: i32,
    /// Failed checks in a row that make the container unhealthy, 1 to 10.
    pub retries: i32,
    /// Seconds after the start in which failed checks do not count, 0 to 300.
    pub start_period: i32,
}

impl Default for HealthCheck {
    fn default() -> HealthCheck {
        HealthCheck { command: Vec::new(), interval: 10, timeout: 5, retries: 3, start_period: 10 }
    }
}

/// How the number of tasks follows the load.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Autoscaling {
    /// Whether it does.
    pub enabled: bool,
    /// The fewest tasks; the service starts with as many.
    pub min: i32,
    /// The most tasks.
    pub max: i32,
    /// The CPU use that is aimed for, in percent.
    pub cpu: f64,
    /// The memory use that is aimed for, in percent.
    pub memory: f64,
    /// The requests per minute and task that are aimed for; none: requests do not scale.
    pub requests_per_target: Option<f64>,
}

impl Default for Autoscaling {
    fn default() -> Autoscaling {
        Autoscaling { enabled: true, min: 2, max: 10, cpu: 70.0, memory: 75.0, requests_per_target: None }
    }
}

/// Where the service's alarms ring.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Alarms {
    /// CPU use in percent, for five minutes.
    pub cpu: f64,
    /// Memory use in percent, for five minutes.
    pub memory: f64,
}

impl Default for Alarms {
    fn default() -> Alarms {
        Alarms { cpu: 85.0, memory: 85.0 }
    }
}

/// The settings of the compute layer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The application's image. One in ECR gives the tasks the right to pull exactly its repository.
    pub image: String,
    /// CPU units of a task: 1024 are one vCPU.
    pub cpu: u32,
    /// Memory of a task in MiB.
    pub memory: u32,
    /// Whether tasks run on ARM (Graviton) instead of x86.
    pub arm64: bool,
    /// The port that the container listens on: the same as `network.app_port`.
    pub port: u16,
    /// How many tasks run when autoscaling is off.
    pub desired_count: i32,
    /// Whether operators may open a shell in a container (ECS Exec).
    pub exec: bool,
    /// More environment variables of the container. No secrets: those are in `[secrets.app]`.
    pub environment: BTreeMap<String, String>,
    /// How ECS finds out whether the container is well.
    pub health_check: HealthCheck,
    /// Seconds after a task's start in which the load balancer's verdict does not count.
    pub grace_period: i32,
    /// Whether the container can write only to `/tmp`.
    pub read_only_root: bool,
    /// Whether there are metrics per task (Container Insights). The alarm on missing tasks needs them.
    pub insights: bool,
    /// How the number of tasks follows the load.
    pub autoscaling: Autoscaling,
    /// ARNs of IAM policies that the application needs.
    pub task_managed_policies: BTreeSet<String>,
    /// Where the service's alarms ring.
    pub alarms: Alarms,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            image: "shop/app:latest".into(),
            cpu: 256,
            memory: 512,
            arm64: false,
            port: 8000,
            desired_count: 2,
            exec: false,
            environment: BTreeMap::new(),
            health_check: HealthCheck::default(),
            grace_period: 60,
            read_only_root: true,
            insights: true,
            autoscaling: Autoscaling::default(),
            task_managed_policies: BTreeSet::new(),
            alarms: Alarms::default(),
        }
    }
}

/// What the database layer gives the container.
pub(crate) const DATABASE_VARIABLES: [&str; 5] = ["DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD"];

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`DeclareError::Setting`] with the key.
    pub fn check(&self) -> Result<(), DeclareError> {
        if !(1..=255).contains(&self.image.len()) || !self.image.bytes().all(|byte| byte.is_ascii_graphic()) {
            return wrong("compute.image", format!("`{}` is not the name of an image, which has 1 to 255 ASCII characters", self.image));
        }
        if let Some((key, problem)) = fargate::problem(self.cpu, self.memory) {
            return wrong(key, problem);
        }
        if self.port == 0 {
            return wrong("compute.port", "0: use the port that the container listens on");
        }
        within("compute.desired_count", self.desired_count, 0, 5000)?;
        within("compute.grace_period", self.grace_period, 0, 3600)?;
        self.environment.iter().try_for_each(|(name, value)| variable(name, value))?;
        let is_policy =
            |arn: &str| arn.starts_with("arn:aws:iam::") && arn.contains(":policy/") && arn.bytes().all(|it| it.is_ascii_graphic());
        if self.task_managed_policies.len() > 20 {
            return wrong("compute.task_managed_policies", format!("{} policies: a role has at most 20", self.task_managed_policies.len()));
        }
        if let Some(policy) = self.task_managed_policies.iter().find(|arn| !is_policy(arn)) {
            let problem = format!("`{policy}` is not the ARN of a policy, for example arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess");
            return wrong("compute.task_managed_policies", problem);
        }
        self.health_check.check()?;
        self.autoscaling.check()?;
        percent("compute.alarms.cpu", self.alarms.cpu)?;
        percent("compute.alarms.memory", self.alarms.memory)
    }
}

impl HealthCheck {
    fn check(&self) -> Result<(), DeclareError> {
        let how = self.command.first().map_or("CMD", String::as_str);
        if !["CMD", "CMD-SHELL"].contains(&how) || self.command.len() == 1 {
            let problem = "begins with CMD (program and arguments) or CMD-SHELL (one line for the shell), for example \
                           [\"CMD-SHELL\", \"curl -f http://127.0.0.1:8000/healthz\"]";
            return wrong("compute.health_check.command", problem);
        }
        if self.command.iter().map(String::len).sum::<usize>() > LONGEST_VALUE || self.command.iter().any(|part| part.contains('\0')) {
            return wrong("compute.health_check.command", format!("at most {LONGEST_VALUE} characters and no NUL"));
        }
        within("compute.health_check.interval", self.interval, 5, 300)?;
        within("compute.health_check.timeout", self.timeout, 2, 60)?;
        within("compute.health_check.retries", self.retries, 1, 10)?;
        within("compute.health_check.start_period", self.start_period, 0, 300)
    }

    /// The command, or the one for an image with Python and nothing else.
    pub(crate) fn command(&self, port: u16) -> Vec<String> {
        if !self.command.is_empty() {
            return self.command.clone();
        }
        let script = format!("import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}/healthz', timeout={})", self.timeout);
        vec!["CMD".into(), "python".into(), "-c".into(), script]
    }
}

impl Autoscaling {
    fn check(&self) -> Result<(), DeclareError> {
        within("compute.autoscaling.min", self.min, 1, 5000)?;
        within("compute.autoscaling.max", self.max, 1, 5000)?;
        if self.max < self.min {
            return wrong("compute.autoscaling.max", format!("{} is less than compute.autoscaling.min, which is {}", self.max, self.min));
        }
        percent("compute.autoscaling.cpu", self.cpu)?;
        percent("compute.autoscaling.memory", self.memory)?;
        match self.requests_per_target {
            Some(requests) if !(1.0..=1e9).contains(&requests) => {
                wrong("compute.autoscaling.requests_per_target", format!("{requests}: use 1 to 1000000000"))
            }
            _ => Ok(()),
        }
    }
}

fn wrong<T>(key: &str, problem: impl Into<String>) -> Result<T, DeclareError> {
    Err(DeclareError::setting(key, problem))
}

fn within(key: &str, value: i32, least: i32, most: i32) -> Result<(), DeclareError> {
    if (least..=most).contains(&value) { Ok(()) } else { wrong(key, format!("{value}: use {least} to {most}")) }
}

fn percent(key: &str, value: f64) -> Result<(), DeclareError> {
    if (1.0..=100.0).contains(&value) { Ok(()) } else { wrong(key, format!("{value}: use 1 to 100 percent")) }
}

/// A task definition has 64 KB in all, its environment a part of them.
const LONGEST_VALUE: usize = 8192;

fn variable(name: &str, value: &str) -> Result<(), DeclareError> {
    let key = format!("compute.environment.{name}");
    if DATABASE_VARIABLES.contains(&name) {
        return wrong(&key, "the database layer gives this variable");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') || !name.chars().all(plain) {
        return wrong(&key, "an environment variable has letters, digits and underscores, and no digit first");
    }
    if name.len() > 255 || value.len() > LONGEST_VALUE || value.contains('\0') {
        return wrong(&key, format!("a name has at most 255 characters, a value {LONGEST_VALUE} and no NUL"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(config: &Config) -> String {
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_are_fine() {
        assert!(Config::default().check().is_ok());
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_key() {
        let base = Config::default;
        let scaling = |min, max| Config { autoscaling: Autoscaling { min, max, ..Autoscaling::default() }, ..base() };
        let command = |parts: &[&str]| {
            let command = parts.iter().map(|part| (*part).to_owned()).collect();
            Config { health_check: HealthCheck { command, ..HealthCheck::default() }, ..base() }
        };
        let variable = |name: &str| Config { environment: BTreeMap::from([(name.to_owned(), String::new())]), ..base() };
        let policies = BTreeSet::from(["AmazonS3ReadOnlyAccess".to_owned()]);
        for (config, key) in [
            (Config { memory: 700, ..base() }, "compute.memory"),
            (Config { port: 0, ..base() }, "compute.port"),
            (Config { image: "two words".into(), ..base() }, "compute.image"),
            (Config { task_managed_policies: policies, ..base() }, "compute.task_managed_policies"),
            (scaling(5, 4), "compute.autoscaling.max"),
            (scaling(0, 4), "compute.autoscaling.min"),
            (command(&["curl"]), "compute.health_check.command"),
            (command(&["CMD"]), "compute.health_check.command"),
            (variable("DATABASE_HOST"), "compute.environment.DATABASE_HOST"),
            (variable("1A"), "compute.environment.1A"),
        ] {
            assert!(problem(&config).starts_with(key), "{key}: {}", problem(&config));
        }
    }
}
