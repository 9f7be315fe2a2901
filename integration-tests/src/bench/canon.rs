//! A world without what differs between two that were made in the same way: ids and random parts become names that tell what the object
//! is, times and tokens go. Two tools did the same work when their worlds are equal then.

mod names;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use names::names;
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Tables by region or account and name; objects by id.
pub(super) type Tables = BTreeMap<String, Map<String, Value>>;

/// Tables of what comes and goes by itself, and the lines of logs.
const DROPPED_TABLES: &[&str] = &["tasks", "interfaces", "logs", "sessions", "late_writers", "log_groups_to_come", "ended_flow_logs"];
/// Fields wherever they are: tags (each tool has its own), tokens, times, random values that nothing else refers to.
const DROPPED: &[&str] = &[
    "tags",
    "TagSpecification",
    "token",
    "clientToken",
    "ClientToken",
    "due",
    "known",
    "pace",
    "ready",
    "wake",
    "completed",
    "created",
    "createdAt",
    "updatedAt",
    "CreateDate",
    "CreationDate",
    "CreationTime",
    "creationTime",
    "CreatedTime",
    "createTime",
    "LastModifiedDate",
    "lastModified",
    "registeredAt",
    "InstanceCreateTime",
    "launchTime",
    "attachTime",
    "StateUpdatedTimestamp",
    "RoleId",
    "InstanceProfileId",
    "DbiResourceId",
    "keyPairId",
    "attachmentId",
    "reservation",
    "DeletionDate",
];
/// Secret values, what a service does by itself, addresses that AWS picks, requests whose words stand in the body as well.
const DROPPED_AT: &[&str] = &[
    "parameters inside.value",
    "db_instances inside.password",
    "db_instances inside.interface",
    "services body.events",
    "services body.deployments.id",
    "services body.deployments.rolloutStateReason",
    "services inside.request",
    "target_groups inside.targets",
    "addresses ip",
    "instances body.ipAddress",
    "instances body.dnsName",
    "instances body.iamInstanceProfile.id",
];
/// Said or not said, these mean the same at AWS.
const DEFAULTS: &[(&str, &str)] = &[
    ("clusters body.configuration.executeCommandConfiguration.logConfiguration.s3EncryptionEnabled", "false"),
    ("listeners body.DefaultActions.Order", "\"1\""),
    ("metric_filters body.metricTransformations.unit", "\"None\""),
    ("scaling_policies body.TargetTrackingScalingPolicyConfiguration.DisableScaleIn", "false"),
    ("services body.availabilityZoneRebalancing", "\"ENABLED\""),
    ("services body.capacityProviderStrategy", "[]"),
    ("task_definitions body.volumes.configuredAtLaunch", "false"),
    ("topics body.ApplicationSuccessFeedbackSampleRate", "\"0\""),
    ("topics body.FirehoseSuccessFeedbackSampleRate", "\"0\""),
    ("topics body.HTTPSuccessFeedbackSampleRate", "\"0\""),
    ("topics body.LambdaSuccessFeedbackSampleRate", "\"0\""),
    ("topics body.SQSSuccessFeedbackSampleRate", "\"0\""),
];
/// Lists whose order means nothing.
const SETS: &[&str] = &[
    "alarms body.Dimensions",
    "alarms body.Metrics",
    "alarms body.Metrics.MetricStat.Metric.Dimensions",
    "db_instances body.DBSubnetGroup.Subnets",
    "db_instances body.EnabledCloudwatchLogsExports",
    "db_subnet_groups body.Subnets",
    "load_balancers body.AvailabilityZones",
    "endpoints route_tables",
    "services body.networkConfiguration.awsvpcConfiguration.subnets",
    "services body.deployments.networkConfiguration.awsvpcConfiguration.subnets",
];

/// The world, as `serde_json` has it, in its canonical form: tables, objects by name.
///
/// # Panics
/// When it is no world, or two objects get one name.
pub fn canon(world: &Value) -> Value {
    let tables = tables(world);
    let found = names(&tables);
    let mut ids: Vec<&String> = found.keys().collect();
    ids.sort_by_key(|id| std::cmp::Reverse(id.len()));
    let any = ids.into_iter().map(|id| regex::escape(id)).collect::<Vec<_>>().join("|");
    let canon = Canon { ids: Regex::new(if any.is_empty() { "$^" } else { &any }).unwrap(), names: found };
    let table = |(name, rows): (&String, &Map<String, Value>)| {
        let kind = last(name);
        let objects: Map<String, Value> = rows.iter().map(|(id, it)| (canon.named(id), canon.walk(it, kind, ""))).collect();
        assert_eq!(objects.len(), rows.len(), "two objects of {name} get one name");
        (name.clone(), Value::Object(objects))
    };
    tables.iter().map(table).collect()
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn tables(world: &Value) -> Tables {
    let mut all = Tables::new();
    let mut add = |place: &str, tables: &Value| {
        for (name, rows) in tables.as_object().unwrap() {
            if let Some(rows) = rows.as_object().filter(|_| name != "ec2" && !DROPPED_TABLES.contains(&name.as_str())) {
                all.insert(format!("{place}/{name}"), rows.clone());
            }
        }
    };
    for (region, tables) in world["regions"].as_object().unwrap() {
        add(region, tables);
        add(&format!("{region}/ec2"), &tables["ec2"]);
    }
    add("account", &world["account"]);
    all
}

struct Canon {
    ids: Regex,
    names: BTreeMap<String, String>,
}

impl Canon {
    fn named(&self, text: &str) -> String {
        self.ids.replace_all(text, |hit: &regex::Captures<'_>| self.names[&hit[0]].clone()).into_owned()
    }

    /// Documents in texts are compared as documents.
    fn text(&self, text: &str) -> Value {
        let text = self.named(text);
        let text =
            if text.starts_with("%7B") { percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned() } else { text };
        let parsed = if text.starts_with("{\"") || text.starts_with('[') { serde_json::from_str(&text).ok() } else { None };
        parsed.unwrap_or(Value::String(text))
    }

    fn walk(&self, value: &Value, table: &str, path: &str) -> Value {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(|item| self.walk(item, table, path)).collect();
                if SETS.contains(&format!("{table} {path}").as_str()) {
                    items.sort_by_key(ToString::to_string);
                }
                Value::Array(items)
            }
            Value::Object(fields) => {
                // In one order, so that equal ones are equal as texts.
                let fields: BTreeMap<&String, &Value> = fields.iter().collect();
                Value::Object(fields.into_iter().filter_map(|(key, value)| self.field(key, value, table, path)).collect())
            }
            // 70.0 is 70.
            Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
            other => other.clone(),
        }
    }

    fn field(&self, key: &str, value: &Value, table: &str, path: &str) -> Option<(String, Value)> {
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let at = format!("{table} {path}");
        let is = |default: &str| serde_json::from_str::<Value>(default).is_ok_and(|default| default == *value);
        let default = DEFAULTS.iter().any(|(place, default)| *place == at && is(default));
        if DROPPED.contains(&key) || DROPPED_AT.contains(&at.as_str()) || default {
            return None;
        }
        if at == "instances inside.request" {
            let script = STANDARD.decode(value["UserData"].as_str().unwrap_or_default()).unwrap_or_default();
            return Some(("UserData".to_owned(), String::from_utf8_lossy(&script).lines().collect()));
        }
        Some((self.named(key), self.walk(value, table, &path)))
    }
}
