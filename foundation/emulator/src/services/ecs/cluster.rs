//! Clusters: names for services and tasks. A deleted one can still be described.

use super::{cluster_of, includes, invalid, is_name, last, most, no_cluster, tags, text};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::table::{Item, copy, merge, page, tags_out};
use crate::world::{Here, Region};
use serde_json::{Value, json};

/// Settings, each with its default: Container Insights is off.
fn settings(input: &Input, before: &Value) -> Result<Value, AwsError> {
    let mut value = before[0]["value"].as_str().unwrap_or("disabled").to_owned();
    for setting in input.parts("settings") {
        let (name, given) = (setting.opt("name").unwrap_or_default(), setting.opt("value").unwrap_or_default());
        if name != "containerInsights" || !["enabled", "disabled", "enhanced"].contains(&given) {
            return Err(invalid(format!("Invalid setting {name}: {given}")));
        }
        given.clone_into(&mut value);
    }
    Ok(json!([{"name": "containerInsights", "value": value}]))
}

fn check_configuration(input: &Input) -> Result<(), AwsError> {
    let Some(exec) = input.part("configuration").and_then(|it| it.part("executeCommandConfiguration")) else { return Ok(()) };
    let logging = exec.opt("logging").unwrap_or("DEFAULT");
    if !["NONE", "DEFAULT", "OVERRIDE"].contains(&logging) {
        return Err(invalid(format!("Invalid logging type {logging}")));
    }
    match exec.part("logConfiguration") {
        None if logging == "OVERRIDE" => Err(invalid("A log configuration must be specified when logging is set to OVERRIDE.")),
        Some(_) if logging != "OVERRIDE" => Err(invalid("A log configuration can only be specified when logging is set to OVERRIDE.")),
        _ => Ok(()),
    }
}

pub(super) fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let name = input.opt("clusterName").unwrap_or("default").to_owned();
    if !is_name(&name) {
        return Err(invalid("Cluster name contains invalid characters."));
    }
    let (tags, settings) = (tags(input)?, settings(input, &Value::Null)?);
    check_configuration(input)?;
    if here.region.clusters.get(&name).is_none_or(|there| there.str("status") != "ACTIVE") {
        let mut body = json!({
            "clusterArn": here.arn("ecs", &format!("cluster/{name}")), "clusterName": name, "status": "ACTIVE",
            "registeredContainerInstancesCount": 0, "statistics": [], "settings": settings, "capacityProviders": [],
            "defaultCapacityProviderStrategy": [],
        });
        let given = ["configuration", "capacityProviders", "defaultCapacityProviderStrategy", "serviceConnectDefaults"];
        merge(&mut body, copy(input, &given));
        here.region.clusters.insert(name.clone(), Item::new(body, tags));
    }
    answer(here, &name)
}

fn answer(here: &Here<'_>, name: &str) -> Answer {
    let found = here.region.clusters.get(name).ok_or_else(no_cluster)?;
    Ok(json!({"cluster": shown(here.region, found, |_| true)}))
}

/// A cluster as it is described, with its counts of now.
fn shown(region: &Region, cluster: &Item, included: impl Fn(&str) -> bool) -> Value {
    let arn = cluster.str("clusterArn");
    let tasks = |status: &str| region.tasks.values().filter(|it| it.str("clusterArn") == arn && it.str("lastStatus") == status).count();
    let services = region.services.values().filter(|it| it.str("clusterArn") == arn && it.str("status") == "ACTIVE").count();
    let mut body = cluster.body.clone();
    merge(
        &mut body,
        json!({"activeServicesCount": services, "runningTasksCount": tasks("RUNNING"), "pendingTasksCount": tasks("PENDING"), "tags": []}),
    );
    if included("TAGS") {
        body["tags"] = tags_out(&cluster.tags, "key", "value");
    }
    if !included("SETTINGS") {
        body["settings"] = json!([]);
    }
    if !included("CONFIGURATIONS") {
        merge(&mut body, json!({"configuration": null}));
    }
    body
}

pub(super) fn describe(here: &Here<'_>, input: &Input) -> Value {
    let mut names = input.strings("clusters");
    if names.is_empty() {
        names.push("default".to_owned());
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        match here.region.clusters.get(last(&name)) {
            Some(cluster) => found.push(shown(here.region, cluster, |what| includes(input, what))),
            None => failures.push(json!({"arn": here.arn("ecs", &format!("cluster/{}", last(&name))), "reason": "MISSING"})),
        }
    }
    json!({"clusters": found, "failures": failures})
}

pub(super) fn update(here: &mut Here<'_>, input: &Input) -> Answer {
    input.str("cluster")?;
    let name = cluster_of(here.region, input)?;
    check_configuration(input)?;
    let cluster = here.region.clusters.get_mut(&name).ok_or_else(no_cluster)?;
    let settings = settings(input, &cluster.body["settings"])?;
    cluster.set(copy(input, &["configuration", "serviceConnectDefaults"]));
    cluster.set(json!({"settings": settings}));
    answer(here, &name)
}

pub(super) fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    input.str("cluster")?;
    let name = cluster_of(here.region, input)?;
    let arn = here.arn("ecs", &format!("cluster/{name}"));
    if here.region.services.values().any(|it| it.str("clusterArn") == arn && it.str("status") != "INACTIVE") {
        return Err(AwsError::bad("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."));
    }
    if here.region.tasks.values().any(|it| it.str("clusterArn") == arn && it.str("lastStatus") != "STOPPED") {
        return Err(AwsError::bad("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active."));
    }
    here.region.clusters.get_mut(&name).ok_or_else(no_cluster)?.set(json!({"status": "INACTIVE"}));
    answer(here, &name)
}

pub(super) fn list(here: &Here<'_>, input: &Input) -> Value {
    let active = here.region.clusters.values().filter(|it| it.str("status") == "ACTIVE");
    let all = active.map(|it| json!(text(&it.body, "clusterArn"))).collect();
    page("clusterArns", all, input.opt("nextToken"), most(input, 100), "nextToken")
}
