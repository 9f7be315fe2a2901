//! Rollouts: a deployment starts its tasks, completes or is given up by the circuit breaker, and keeps its tasks up afterwards.
//!
//! The first deployment in a service's list is the primary one. `inside` holds when to look again (`wake`), when the primary one is
//! complete (`ready`), the last complete deployment (`completed`), and how long a second of AWS lasts here (`pace`).

use super::fate::{self, Fate, target_group};
use super::{last, task, text};
use crate::services::elbv2;
use crate::table::{self, Item, merge};
use crate::world::{Here, Ids, Region};
use serde_json::{Value, json};

/// A good deployment from its start to its completion, in seconds.
const ROLLOUT: f64 = 60.0;
/// What happened longer ago than this is not gone through again, in seconds.
const MEMORY: f64 = 3600.0;
/// How many events a service remembers.
const EVENTS: usize = 100;

/// Lets everything happen in services and tasks that is due by `now`.
pub(crate) fn advance(region: &mut Region, ids: &mut Ids, now: f64) {
    while let Some((at, key)) = due(region, now) {
        table::advance(&mut region.tasks, at);
        tick(region, ids, &key, at);
    }
    table::advance(&mut region.tasks, now);
    table::advance(&mut region.ec2.interfaces, now);
}

/// The service that must be looked at next, and when.
fn due(region: &Region, now: f64) -> Option<(f64, String)> {
    let wakes = region.services.iter().filter_map(|(key, it)| {
        let wake = it.inside["wake"].as_f64()?.max(now - MEMORY * pace(it));
        (wake <= now).then(|| (wake, key.clone()))
    });
    wakes.min_by(|a, b| a.0.total_cmp(&b.0))
}

/// Registers the tasks that run and deregisters the others, each in its target groups.
pub(crate) fn settle(here: &mut Here<'_>) {
    let mut changes = Vec::new();
    for task in here.region.tasks.values_mut() {
        let runs = task.str("lastStatus") == "RUNNING" && task.str("desiredStatus") == "RUNNING";
        if runs == (task.inside["registered"] == json!(true)) {
            continue;
        }
        let ip = text(&task.inside, "ip").to_owned();
        for balancer in task.inside["targets"].as_array().into_iter().flatten() {
            let port = balancer["containerPort"].as_i64().unwrap_or_default();
            // What it answers to health checks, if that is not 200.
            let answers = (text(&task.inside, "fate") == Fate::Unhealthy.word()).then_some(503);
            changes.push((runs, text(balancer, "targetGroupArn").to_owned(), ip.clone(), port, answers));
        }
        task.inside["registered"] = json!(runs);
    }
    for (runs, group, ip, port, answers) in changes {
        if runs {
            elbv2::register(here, &group, &ip, port, answers);
        } else {
            elbv2::deregister(here, &group, &ip, port);
        }
    }
}

fn pace(service: &Item) -> f64 {
    service.inside["pace"].as_f64().unwrap_or(1.0)
}

/// Looks at a service: failed tasks are counted, a deployment whose time has come completes, missing tasks start.
fn tick(region: &mut Region, ids: &mut Ids, key: &str, at: f64) {
    let Some(service) = region.services.get_mut(key) else { return };
    service.inside["wake"] = Value::Null;
    if service.str("status") != "ACTIVE" {
        return;
    }
    let primary = service.body["deployments"][0].clone();
    let ready = service.inside["ready"].as_f64().unwrap_or_default();
    if fate_of(region, &primary).0 != Fate::Runs && primary["desiredCount"].as_i64() > Some(0) {
        fail(region, ids, key, at);
    } else if text(&primary, "rolloutState") == "IN_PROGRESS" {
        if at >= ready { complete(region, ids, key, at) } else { wake(region, key, ready) }
    }
    fill(region, ids, key, at);
}

/// Looks at the service again at `at`, or earlier if that was planned.
fn wake(region: &mut Region, key: &str, at: f64) {
    if let Some(service) = region.services.get_mut(key) {
        let planned = service.inside["wake"].as_f64().unwrap_or(at);
        service.inside["wake"] = json!(planned.min(at));
    }
}

/// What becomes of the tasks of a deployment, and the image that decides it.
fn fate_of(region: &Region, deployment: &Value) -> (Fate, String) {
    let definition = region.task_definitions.get(last(text(deployment, "taskDefinition")));
    let (fate, image) = definition.map_or((Fate::Runs, ""), |definition| fate::of(&definition.body));
    (fate, image.to_owned())
}

/// When a task of a deployment ends by itself.
fn ends(region: &Region, task: &str) -> Option<f64> {
    region.tasks.get(task)?.inside["ends"].as_f64()
}

fn deployments(service: &mut Item) -> Option<&mut Vec<Value>> {
    service.body.get_mut("deployments")?.as_array_mut()
}

/// Changes the primary deployment.
fn set_primary(region: &mut Region, key: &str, fields: Value) {
    let service = region.services.get_mut(key);
    if let Some(primary) = service.and_then(deployments).and_then(|all| all.first_mut()) {
        merge(primary, fields);
    }
}

fn event(region: &mut Region, ids: &mut Ids, key: &str, at: f64, what: &str) {
    let Some(service) = region.services.get_mut(key) else { return };
    let message = format!("(service {}) {what}", service.str("serviceName"));
    if let Some(events) = service.body.get_mut("events").and_then(Value::as_array_mut) {
        events.insert(0, json!({"id": ids.uuid(), "createdAt": at, "message": message}));
        events.truncate(EVENTS);
    }
}

/// Starts a new deployment of what the service says now. What never ran ends with it.
pub(super) fn start(region: &mut Region, ids: &mut Ids, key: &str, at: f64) {
    let digits: String = ids.uuid().bytes().filter(u8::is_ascii_hexdigit).map(|byte| char::from(b'0' + byte % 10)).take(19).collect();
    let id = format!("ecs-svc/{digits}");
    let running = task::running(region);
    let Some(service) = region.services.get_mut(key) else { return };
    let mut fresh = json!({
        "id": id, "status": "PRIMARY", "desiredCount": 0, "pendingCount": 0, "runningCount": 0, "failedTasks": 0, "createdAt": at,
        "updatedAt": at, "rolloutState": "IN_PROGRESS", "rolloutStateReason": format!("ECS deployment {id} in progress."),
    });
    let shared = ["taskDefinition", "launchType", "platformVersion", "platformFamily", "networkConfiguration", "desiredCount"];
    shared.iter().for_each(|name| merge(&mut fresh, json!({*name: service.body[*name]})));
    let completed = text(&service.inside, "completed").to_owned();
    let ready = at + ROLLOUT * pace(service);
    service.inside["ready"] = json!(ready);
    service.inside["wake"] = Value::Null;
    let mut ended = Vec::new();
    if let Some(all) = deployments(service) {
        all.retain_mut(|old| {
            merge(old, json!({"status": "ACTIVE", "updatedAt": at}));
            let stays = text(old, "id") == completed || running.contains(text(old, "id"));
            if !stays {
                ended.push(text(old, "id").to_owned());
            }
            stays
        });
        all.insert(0, fresh);
    }
    ended.iter().for_each(|old| stop_all(region, old, at));
    wake(region, key, ready);
    fill(region, ids, key, at);
}

/// Starts the tasks that the primary deployment lacks, stops those that are too many.
pub(super) fn fill(region: &mut Region, ids: &mut Ids, key: &str, at: f64) {
    let Some(service) = region.services.get(key) else { return };
    let desired = service.body["desiredCount"].as_i64().unwrap_or_default();
    set_primary(region, key, json!({"desiredCount": desired}));
    let Some(primary) = region.services.get(key).map(|it| it.body["deployments"][0].clone()) else { return };
    let id = text(&primary, "id");
    let live = task::live(region, id);
    let wanted = usize::try_from(desired).unwrap_or_default();
    let mut started = Vec::new();
    if text(&primary, "rolloutState") != "FAILED" {
        started.extend((live.len()..wanted).filter_map(|_| task::launch(region, ids, key, at)));
    }
    if !started.is_empty() {
        let tasks: Vec<String> = started.iter().map(|task| format!("(task {task})")).collect();
        event(region, ids, key, at, &format!("has started {} tasks: {}.", tasks.len(), tasks.join(" ")));
    }
    if let Some(first) = task::live(region, id).iter().filter_map(|task| ends(region, task)).min_by(f64::total_cmp) {
        wake(region, key, first);
    }
    let reason = format!("Scaling activity initiated by (deployment {id})");
    live.iter().skip(wanted).for_each(|task| task::halt(region, task, at, "ServiceSchedulerInitiated", &reason));
}

/// Tasks of the primary deployment end as their fate says; the circuit breaker may open.
fn fail(region: &mut Region, ids: &mut Ids, key: &str, at: f64) {
    let Some(service) = region.services.get(key) else { return };
    let (primary, breaker) =
        (service.body["deployments"][0].clone(), service.body["deploymentConfiguration"]["deploymentCircuitBreaker"].clone());
    let (fate, image) = fate_of(region, &primary);
    let mut lost = task::live(region, text(&primary, "id"));
    lost.retain(|task| ends(region, task).is_some_and(|ends| ends <= at));
    if fate == Fate::Unhealthy && !lost.is_empty() {
        unhealthy(region, ids, key, at);
    }
    lost.iter().for_each(|task| task::end(region, task, at, fate, &image));
    let failed = primary["failedTasks"].as_i64().unwrap_or_default() + lost.len() as i64;
    set_primary(region, key, json!({"failedTasks": failed, "updatedAt": at}));
    let desired = primary["desiredCount"].as_i64().unwrap_or_default();
    let open = breaker["enable"] == json!(true) && failed >= (desired + 1).div_euclid(2).max(3);
    if !open || text(&primary, "rolloutState") != "IN_PROGRESS" {
        return;
    }
    let reason = "ECS deployment circuit breaker: tasks failed to start.";
    set_primary(region, key, json!({"rolloutState": "FAILED", "rolloutStateReason": reason}));
    event(region, ids, key, at, &format!("(deployment {}) deployment failed: tasks failed to start.", text(&primary, "id")));
    if breaker["rollback"] == json!(true) {
        roll_back(region, ids, key, at);
    }
}

/// The service tells what its load balancer says.
fn unhealthy(region: &mut Region, ids: &mut Ids, key: &str, at: f64) {
    let Some(service) = region.services.get(key) else { return };
    let port = service.body["loadBalancers"][0]["containerPort"].as_i64().unwrap_or_default();
    let group = target_group(service).unwrap_or_default().to_owned();
    let what =
        format!("(port {port}) is unhealthy in (target-group {group}) due to (reason Health checks failed with these codes: [503]).");
    event(region, ids, key, at, &what);
}

/// Makes the last complete deployment the primary one again.
fn roll_back(region: &mut Region, ids: &mut Ids, key: &str, at: f64) {
    let Some(service) = region.services.get_mut(key) else { return };
    let (completed, ready) = (text(&service.inside, "completed").to_owned(), at + ROLLOUT * pace(service));
    let Some(all) = deployments(service) else { return };
    let Some(index) = all.iter().skip(1).position(|it| text(it, "id") == completed) else { return };
    let mut back = all.remove(index + 1);
    let reason = format!("ECS deployment circuit breaker: rolling back to deploymentId {completed}.");
    merge(&mut back, json!({"status": "PRIMARY", "rolloutState": "IN_PROGRESS", "rolloutStateReason": reason, "updatedAt": at}));
    all.iter_mut().for_each(|it| merge(it, json!({"status": "ACTIVE"})));
    all.insert(0, back.clone());
    for name in ["taskDefinition", "networkConfiguration", "platformVersion"] {
        service.set(json!({name: back[name]}));
    }
    service.inside["ready"] = json!(ready);
    wake(region, key, ready);
    event(region, ids, key, at, &format!("rolling back to deployment {completed}."));
}

/// The primary deployment is complete: the others end.
fn complete(region: &mut Region, ids: &mut Ids, key: &str, at: f64) {
    let Some(service) = region.services.get_mut(key) else { return };
    let id = text(&service.body["deployments"][0], "id").to_owned();
    service.inside["completed"] = json!(id);
    let ended: Vec<Value> = deployments(service).map(|all| all.drain(1..).collect()).unwrap_or_default();
    ended.iter().for_each(|old| stop_all(region, text(old, "id"), at));
    let reason = format!("ECS deployment {id} completed.");
    set_primary(region, key, json!({"rolloutState": "COMPLETED", "rolloutStateReason": reason, "updatedAt": at}));
    event(region, ids, key, at, &format!("(deployment {id}) deployment completed."));
    event(region, ids, key, at, "has reached a steady state.");
}

/// Stops all tasks of one deployment.
fn stop_all(region: &mut Region, id: &str, at: f64) {
    let reason = format!("Scaling activity initiated by (deployment {id})");
    task::live(region, id).iter().for_each(|task| task::halt(region, task, at, "ServiceSchedulerInitiated", &reason));
}

/// Stops all tasks of a service that was deleted.
pub(super) fn end(region: &mut Region, key: &str, at: f64) {
    let Some(service) = region.services.get_mut(key) else { return };
    service.inside["wake"] = Value::Null;
    let ids: Vec<String> = deployments(service).into_iter().flatten().map(|it| text(it, "id").to_owned()).collect();
    ids.iter().for_each(|id| stop_all(region, id, at));
}
