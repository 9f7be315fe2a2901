//! What is seen of the stack, from top to bottom.

use crate::config::Config;
use crate::dashboard;
use crate::kinds::{Dashboard, FlowLog, LogGroup, MetricFilter, SavedQuery, SnsSubscription, SnsTopic};
use aws::kinds::alarm::{Alarm, Metric};
use aws::kinds::iam_role::IamRole;
use contract::{KeyArn, LogGroupName, Names, ObservabilityDoors, TopicArn, VpcId};
use engine::handle::Join;
use engine::{DeclareError, Graph, Handle};
use serde_json::json;
use std::collections::BTreeMap;

/// What the layer needs to know beside its settings.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The names of the environment.
    pub names: Names,
    /// The region, for the dashboard.
    pub region: String,
    /// The account's number, for the flow log's role.
    pub account: String,
    /// The network's VPC.
    pub vpc: Handle<VpcId>,
    /// The environment's key.
    pub key: Handle<KeyArn>,
}

/// Declares the layer.
pub(crate) fn declare(config: &Config, inputs: &Inputs, g: &mut Graph) -> Result<ObservabilityDoors, DeclareError> {
    let names = &inputs.names;
    let (cluster, service, database) = (names.cluster(), names.service(), names.database());
    let retention = config.retention_days;
    let mut log_group = |what: &str, name: String| {
        let spec = inputs.key.map(move |key| LogGroup { name: name.clone(), retention_days: retention, key });
        g.add(format!("log-group-{what}"), spec)
    };
    let app = log_group("app", format!("/ecs/{cluster}/{service}"));
    let exec = log_group("exec", format!("/ecs/{cluster}/exec"));
    // RDS makes these by itself without a retention if they are not there when the database starts to export.
    let exports = ["postgresql", "upgrade"].map(|log| log_group(&format!("database-{log}"), format!("/aws/rds/instance/{database}/{log}")));

    let topic_name = names.of("alarms");
    let topic = g.add("alarm-topic", inputs.key.map(move |key| SnsTopic { name: topic_name.clone(), key }));
    for address in &config.alarm_emails {
        let endpoint = address.clone();
        let name = format!("alarm-email-{}", address.replace(['@', '.', '+'], "-"));
        g.add(name, topic.map(move |topic| SnsSubscription { topic, protocol: "email".into(), endpoint: endpoint.clone() }));
    }

    errors(config, names, g, &app, &topic);
    for (what, query) in &config.queries {
        let name = format!("{}/{what}", names.prefix());
        let query = query.clone();
        let spec = app.map(move |group| SavedQuery { name: name.clone(), query: query.clone(), log_groups: vec![group] });
        g.add(format!("query-{what}"), spec);
    }
    if config.dashboard {
        let (name, body) = (names.prefix(), dashboard::body(names, &inputs.region));
        g.add("dashboard", Handle::known(Dashboard { name, body }));
    }
    if config.flow_logs {
        flow_logs(config, inputs, g);
    }
    let database_log_groups = Handle::all(exports);
    Ok(ObservabilityDoors { alarm_topic: topic, app_log_group: app, exec_log_group: exec, database_log_groups })
}

/// Errors in the application's log become a metric, and the metric an alarm.
fn errors(config: &Config, names: &Names, g: &mut Graph, app: &Handle<LogGroupName>, topic: &Handle<TopicArn>) {
    let (namespace, threshold) = (names.prefix(), config.error_threshold);
    let filter = g.add(
        "errors",
        app.map({
            let namespace = namespace.clone();
            move |group| MetricFilter {
                group,
                name: "errors".into(),
                pattern: "{ $.level = \"ERROR\" }".into(),
                namespace: namespace.clone(),
                metric: "Errors".into(),
            }
        }),
    );
    let name = names.of("errors");
    let alarm = topic.after(&filter).map(move |topic| {
        let metric = Metric { period: 300, ..Metric::new(&namespace, "Errors", &[], "Sum") };
        let description = "The application logs errors: see the saved query `errors`";
        Alarm { periods: 1, ..Alarm::above(name.clone(), description, metric, threshold, topic) }
    });
    g.add("alarm-errors", alarm);
}

fn flow_logs(config: &Config, inputs: &Inputs, g: &mut Graph) {
    let (name, retention) = (format!("/vpc/{}", inputs.names.prefix()), config.retention_days);
    let group = g.add("log-group-flow", inputs.key.map(move |key| LogGroup { name: name.clone(), retention_days: retention, key }));
    let (role_name, region, account) = (inputs.names.of("flow-logs"), inputs.region.clone(), inputs.account.clone());
    let role = group.map(move |group| {
        let arn = format!("arn:aws:logs:{region}:{account}:log-group:{group}:*");
        let write = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow", "Resource": arn,
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogGroups", "logs:DescribeLogStreams"],
            }],
        });
        let role = IamRole::for_service(role_name.clone(), "Writes the VPC's flow logs", "vpc-flow-logs.amazonaws.com");
        IamRole { policies: BTreeMap::from([("write".to_owned(), write)]), ..role }
    });
    let role = g.add("flow-log-role", role);
    g.add("flow-log", (&inputs.vpc, &group, &role).join().map(|(vpc, group, role)| FlowLog { vpc, group, role, traffic: "ALL".into() }));
}
