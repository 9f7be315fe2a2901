//! What runs the application, from top to bottom.

use crate::config::{Config, HealthCheck};
use crate::kinds::{Aim, Container, EcsCluster, EcsService, Health, Log, Rollout, ScalableTarget, ScalingPolicy, Target, TaskDefinition};
use crate::permissions::{Place, pull};
use aws::kinds::alarm::{Alarm, Comparison, Measure, Metric, Missing};
use aws::kinds::iam_role::IamRole;
use contract::{
    ClusterName, ComputeDoors, Database, DatabaseDoors, EdgeDoors, Names, NetworkDoors, ObservabilityDoors, RoleArn, SecretsDoors,
    TaskDefinitionArn,
};
use engine::handle::Join;
use engine::{Graph, Handle};
use std::collections::BTreeMap;

/// What the layer needs to know beside its settings.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The names of the environment.
    pub names: Names,
    /// The region, for logs and policies.
    pub region: String,
    /// The account's number, for the roles' policies.
    pub account: String,
    /// Where tasks stand.
    pub network: NetworkDoors,
    /// What the container gets as secrets.
    pub secrets: SecretsDoors,
    /// Where logs and alarms go.
    pub observability: ObservabilityDoors,
    /// The database.
    pub database: DatabaseDoors,
    /// Where tasks register.
    pub edge: EdgeDoors,
}

/// The container's name in the task.
const CONTAINER: &str = "app";
/// Who takes the roles.
const TASKS: &str = "ecs-tasks.amazonaws.com";
/// Fargate's default: from the request to stop to the kill.
const STOP_TIMEOUT: i32 = 30;
/// Tasks are taken away late and added soon: too few hurt more than too many.
const SCALE_IN_COOLDOWN: i32 = 300;
const SCALE_OUT_COOLDOWN: i32 = 60;

/// Declares the layer.
pub(crate) fn declare(config: &Config, inputs: &Inputs, g: &mut Graph) -> ComputeDoors {
    let (name, insights) = (inputs.names.cluster(), if config.insights { "enabled" } else { "disabled" });
    let exec = (&inputs.secrets.key, &inputs.observability.exec_log_group).join();
    let cluster = g.add(
        "cluster",
        exec.map(move |(key, exec_log_group)| EcsCluster { name: name.clone(), insights: insights.into(), key, exec_log_group }),
    );
    let execution_role = g.add("execution-role", execution_role(config, inputs));
    let task_role = g.add("task-role", task_role(config, inputs));
    let definition = g.add("task-definition", task_definition(config, inputs, &execution_role, &task_role));
    // Tasks that cannot take their roles do not stop in order: the roles stay until the service is gone.
    let service = service(config, inputs, &cluster, &definition).after(&execution_role).after(&task_role);
    let service = g.add("service", service);
    if config.autoscaling.enabled {
        autoscaling(config, inputs, g, &cluster, &service);
    }
    alarms(config, inputs, g);
    ComputeDoors { cluster, service, task_definition: definition }
}

fn place(inputs: &Inputs) -> Place {
    Place { region: inputs.region.clone(), account: inputs.account.clone() }
}

/// What ECS uses to start a container: pull its image, read its secrets, write its log.
fn execution_role(config: &Config, inputs: &Inputs) -> Handle<IamRole> {
    let (place, pull) = (place(inputs), pull(&config.image));
    let role = IamRole::for_service(inputs.names.of("execution"), "Starts the application's container", TASKS);
    // The database's password is among the secrets of the read policy.
    (&inputs.observability.app_log_group, &inputs.secrets.read_policy).join().map(move |(group, read_secrets)| {
        let own = [("write-logs", Some(place.write_logs(&group))), ("read-secrets", Some(read_secrets)), ("pull-image", pull.clone())];
        let policies = own.into_iter().filter_map(|(name, policy)| Some((name.to_owned(), policy?))).collect();
        IamRole { policies, ..role.clone() }
    })
}

/// What the application may do itself: nothing but what the settings say.
fn task_role(config: &Config, inputs: &Inputs) -> Handle<IamRole> {
    let role = IamRole::for_service(inputs.names.of("task"), "The application", TASKS);
    let role = IamRole { managed: config.task_managed_policies.clone(), ..role };
    if !config.exec {
        return Handle::known(role);
    }
    let place = place(inputs);
    (&inputs.observability.exec_log_group, &inputs.secrets.key).join().map(move |(group, key)| {
        let policies = BTreeMap::from([("exec".to_owned(), place.exec(&group, &key))]);
        IamRole { policies, ..role.clone() }
    })
}

fn task_definition(config: &Config, inputs: &Inputs, execution: &Handle<RoleArn>, task: &Handle<RoleArn>) -> Handle<TaskDefinition> {
    let (config, family, region) = (config.clone(), inputs.names.of(CONTAINER), inputs.region.clone());
    let secrets = (&inputs.secrets.app_secrets, &inputs.secrets.database_password).join().map(|(app, password)| {
        let app = app.into_iter().map(|(variable, secret)| (variable, secret.arn));
        app.chain([("DATABASE_PASSWORD".to_owned(), password.arn)]).collect::<BTreeMap<String, String>>()
    });
    let reads = (execution, task, &inputs.observability.app_log_group, &secrets, &inputs.database.database).join();
    reads.map(move |(execution_role, task_role, group, secrets, database)| TaskDefinition {
        family: family.clone(),
        cpu: config.cpu,
        memory: config.memory,
        arm64: config.arm64,
        execution_role,
        task_role,
        container: container(&config, Log::to(group, &region, CONTAINER), secrets, &database),
    })
}

fn container(config: &Config, log: Log, secrets: BTreeMap<String, String>, database: &Database) -> Container {
    let about = [("HOST", &database.host), ("PORT", &database.port), ("NAME", &database.name), ("USER", &database.user)];
    let mut environment = config.environment.clone();
    environment.extend(about.map(|(what, value)| (format!("DATABASE_{what}"), value.clone())));
    Container {
        name: CONTAINER.into(),
        image: config.image.clone(),
        port: config.port,
        essential: true,
        environment,
        secrets,
        log,
        health: health(&config.health_check, config.port),
        read_only_root: config.read_only_root,
        mounts: mounts(config),
        init: config.exec,
        stop_timeout: STOP_TIMEOUT,
    }
}

fn health(check: &HealthCheck, port: u16) -> Health {
    let HealthCheck { interval, timeout, retries, start_period, .. } = *check;
    Health { command: check.command(port), interval, timeout, retries, start_period }
}

/// Where a container whose root is read-only can write.
fn mounts(config: &Config) -> BTreeMap<String, String> {
    // The agent behind ECS Exec writes to these, and AWS mounts nothing there (aws/containers-roadmap#1359).
    let agent = [("/managed-agents", "agents"), ("/var/lib/amazon/ssm", "agent-state"), ("/var/log/amazon/ssm", "agent-log")];
    let agent = agent.into_iter().filter(|_| config.exec);
    let all = agent.chain([("/tmp", "tmp")]).filter(|_| config.read_only_root);
    all.map(|(path, volume)| (path.to_owned(), volume.to_owned())).collect()
}

fn service(config: &Config, inputs: &Inputs, cluster: &Handle<ClusterName>, definition: &Handle<TaskDefinitionArn>) -> Handle<EcsService> {
    let (name, port, grace_period, exec) = (inputs.names.service(), config.port, config.grace_period, config.exec);
    let desired_count = (!config.autoscaling.enabled).then_some(config.desired_count);
    let start_with = desired_count.unwrap_or(config.autoscaling.min);
    let network = (&inputs.network.private_subnets, &inputs.network.app_security_group).join();
    (cluster, definition, &network, &inputs.edge.target_group).join().map(move |(cluster, task_definition, network, group)| EcsService {
        cluster,
        name: name.clone(),
        task_definition,
        desired_count,
        start_with,
        subnets: network.0.into_iter().collect(),
        security_groups: [network.1].into(),
        public_ip: false,
        targets: [Target { group, container: CONTAINER.into(), port: port.into() }].into(),
        grace_period,
        exec,
        platform: "LATEST".into(),
        maximum_percent: 200,
        minimum_healthy_percent: 100,
        circuit_breaker: true,
        tags_on_tasks: true,
        rollout: Rollout::Completed,
    })
}

fn autoscaling(config: &Config, inputs: &Inputs, g: &mut Graph, cluster: &Handle<ClusterName>, service: &Handle<String>) {
    let scaling = config.autoscaling.clone();
    let (min, max) = (scaling.min, scaling.max);
    let target = (cluster, service).join();
    let target = target.map(move |(cluster, service)| ScalableTarget { resource: format!("service/{cluster}/{service}"), min, max });
    let target = g.add("scalable-target", target);
    let mut policy = |what: &str, metric: &'static str, label: Handle<Option<String>>, value: f64| {
        let name = inputs.names.of(what);
        let spec = (&target, &label).join().map(move |(resource, label)| ScalingPolicy {
            resource,
            name: name.clone(),
            aim: Aim { metric: metric.into(), label, value },
            scale_in_cooldown: SCALE_IN_COOLDOWN,
            scale_out_cooldown: SCALE_OUT_COOLDOWN,
        });
        g.add(format!("scaling-{what}"), spec);
    };
    policy("cpu", "ECSServiceAverageCPUUtilization", Handle::known(None), scaling.cpu);
    policy("memory", "ECSServiceAverageMemoryUtilization", Handle::known(None), scaling.memory);
    if let Some(requests) = scaling.requests_per_target {
        let edge = (&inputs.edge.load_balancer, &inputs.edge.target_group).join();
        let label = edge.map(|(balancer, group)| Some(format!("{}/{}", balancer.dimension(), group.dimension())));
        policy("requests", "ALBRequestCountPerTarget", label, requests);
    }
}

fn alarms(config: &Config, inputs: &Inputs, g: &mut Graph) {
    let names = &inputs.names;
    let (cluster, service) = (names.cluster(), names.service());
    let metric = |namespace: &str, name: &str, statistic: &str| {
        Metric::new(namespace, name, &[("ClusterName", cluster.as_str()), ("ServiceName", service.as_str())], statistic)
    };
    let mut ring = |what: &str, description: &'static str, measure: Measure, threshold: f64| {
        let name = names.of(&format!("app-{what}"));
        let spec = inputs.observability.alarm_topic.map(move |topic| Alarm {
            name: name.clone(),
            description: description.into(),
            measure: measure.clone(),
            threshold,
            comparison: Comparison::Above,
            periods: 5,
            missing: Missing::NotBreaching,
            topic,
        });
        g.add(format!("alarm-{what}"), spec);
    };
    let used = |name: &str| Measure::Metric(metric("AWS/ECS", name, "Average"));
    ring("cpu", "The tasks use much CPU: see `[compute.autoscaling]` and the tasks' size", used("CPUUtilization"), config.alarms.cpu);
    ring("memory", "The tasks use much memory: a leak, or too small a size", used("MemoryUtilization"), config.alarms.memory);
    // Only Container Insights counts tasks.
    if config.insights {
        let count = |name: &str| metric("ECS/ContainerInsights", name, "Average");
        let inputs = [("running", count("RunningTaskCount")), ("desired", count("DesiredTaskCount"))];
        let inputs = inputs.map(|(id, metric)| (id.to_owned(), metric)).into();
        let measure = Measure::Math { expression: "desired - running".into(), inputs };
        ring("tasks", "Fewer tasks run than should: see the service's events and the container's log", measure, 0.0);
    }
}
