//! The container of a task definition as plain data, to and from ECS's form. What ECS keeps as lists of pairs are maps here: their
//! order is no difference.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>

use aws_sdk_ecs::error::BuildError;
use aws_sdk_ecs::types::{
    ContainerDefinition, HealthCheck, KeyValuePair, LinuxParameters, LogConfiguration, LogDriver, MountPoint, PortMapping, Secret,
    TransportProtocol,
};
use contract::LogGroupName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Its name in the task.
    pub name: String,
    /// Its image.
    pub image: String,
    /// The port that it listens on.
    pub port: u16,
    /// Whether the task ends with it.
    pub essential: bool,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// Environment variables whose values ECS reads when the container starts: the ARNs of the parameters.
    pub secrets: BTreeMap<String, String>,
    /// Where its output goes.
    pub log: Log,
    /// How ECS finds out whether it is well.
    pub health: Health,
    /// Whether it can write only to mounts.
    pub read_only_root: bool,
    /// Empty volumes by the path that they are mounted at.
    pub mounts: BTreeMap<String, String>,
    /// Whether a small init process reaps what sessions leave behind.
    pub init: bool,
    /// Seconds between the request to stop and the kill.
    pub stop_timeout: i32,
}

/// A log group and the beginning of the streams in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// The group's name.
    pub group: String,
    /// Its region.
    pub region: String,
    /// What the names of the streams begin with.
    pub prefix: String,
}

impl Log {
    /// A log in `group`.
    pub fn to(group: LogGroupName, region: &str, prefix: &str) -> Log {
        Log { group: group.0, region: region.into(), prefix: prefix.into() }
    }
}

/// A health check; times in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// `CMD` and a program with its arguments, or `CMD-SHELL` and a line.
    pub command: Vec<String>,
    /// Between two checks.
    pub interval: i32,
    /// Until a check counts as failed.
    pub timeout: i32,
    /// Failed checks in a row that make it unhealthy.
    pub retries: i32,
    /// After the start in which failed checks do not count.
    pub start_period: i32,
}

const GROUP: &str = "awslogs-group";
const REGION: &str = "awslogs-region";
const PREFIX: &str = "awslogs-stream-prefix";

impl Container {
    /// In ECS's form.
    pub(super) fn definition(&self) -> Result<ContainerDefinition, BuildError> {
        let secrets: Result<Vec<Secret>, BuildError> =
            self.secrets.iter().map(|(name, from)| Secret::builder().name(name).value_from(from).build()).collect();
        let log = LogConfiguration::builder().log_driver(LogDriver::Awslogs);
        let log = log.options(GROUP, &self.log.group).options(REGION, &self.log.region).options(PREFIX, &self.log.prefix);
        let health = HealthCheck::builder().set_command(Some(self.health.command.clone()));
        let health = health.interval(self.health.interval).timeout(self.health.timeout);
        let health = health.retries(self.health.retries).start_period(self.health.start_period);
        let port = PortMapping::builder().container_port(self.port.into()).protocol(TransportProtocol::Tcp).build();
        let pair = |(name, value): (&String, &String)| KeyValuePair::builder().name(name).value(value).build();
        let mount =
            |(path, volume): (&String, &String)| MountPoint::builder().source_volume(volume).container_path(path).read_only(false).build();
        let definition = ContainerDefinition::builder()
            .name(&self.name)
            .image(&self.image)
            .essential(self.essential)
            .port_mappings(port)
            .set_environment(Some(self.environment.iter().map(pair).collect()))
            .set_secrets(Some(secrets?))
            .log_configuration(log.build()?)
            .health_check(health.build()?)
            .readonly_root_filesystem(self.read_only_root)
            .set_mount_points(Some(self.mounts.iter().map(mount).collect()))
            .linux_parameters(LinuxParameters::builder().init_process_enabled(self.init).build())
            .stop_timeout(self.stop_timeout);
        Ok(definition.build())
    }

    /// From ECS's form.
    pub(super) fn of(it: &ContainerDefinition) -> Container {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let port = it.port_mappings().first().and_then(|port| port.container_port()).unwrap_or_default();
        Container {
            name: text(it.name()),
            image: text(it.image()),
            port: u16::try_from(port).unwrap_or_default(),
            essential: it.essential() != Some(false),
            environment: it.environment().iter().map(|pair| (text(pair.name()), text(pair.value()))).collect(),
            secrets: it.secrets().iter().map(|secret| (secret.name().to_owned(), secret.value_from().to_owned())).collect(),
            log: it.log_configuration().map(log).unwrap_or_default(),
            health: it.health_check().map(health).unwrap_or_default(),
            read_only_root: it.readonly_root_filesystem() == Some(true),
            mounts: it.mount_points().iter().map(|mount| (text(mount.container_path()), text(mount.source_volume()))).collect(),
            init: it.linux_parameters().and_then(LinuxParameters::init_process_enabled) == Some(true),
            // Fargate's own.
            stop_timeout: it.stop_timeout().unwrap_or(30),
        }
    }
}

fn log(it: &LogConfiguration) -> Log {
    let option = |name: &str| it.options().and_then(|options| options.get(name)).cloned().unwrap_or_default();
    Log { group: option(GROUP), region: option(REGION), prefix: option(PREFIX) }
}

/// With ECS's defaults for what was not said.
fn health(it: &HealthCheck) -> Health {
    Health {
        command: it.command().to_vec(),
        interval: it.interval().unwrap_or(30),
        timeout: it.timeout().unwrap_or(5),
        retries: it.retries().unwrap_or(3),
        start_period: it.start_period().unwrap_or(0),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn container() -> Container {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Container {
            name: "app".into(),
            image: "shop/app:1".into(),
            port: 8000,
            essential: true,
            environment: map(&[("B", "2"), ("A", "1")]),
            secrets: map(&[("PASSWORD", "arn:aws:ssm:eu-north-1:123456789012:parameter/shop/test/password")]),
            log: Log { group: "/ecs/shop-test/app".into(), region: "eu-north-1".into(), prefix: "app".into() },
            health: Health { command: vec!["CMD".into(), "true".into()], interval: 10, timeout: 5, retries: 3, start_period: 10 },
            read_only_root: true,
            mounts: map(&[("/tmp", "tmp")]),
            init: true,
            stop_timeout: 30,
        }
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        assert_eq!(Container::of(&container().definition().unwrap()), container());
    }
}
