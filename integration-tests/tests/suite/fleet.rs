//! A hundred environments in one account: one look at all of them, at a pace that AWS bears, and none is taken for another.

use cli::document::{Status, Statuses};
use engine::Level;
use integration_tests::bench::simulated;
use integration_tests::fleet::{Fleet, HAUNTED, name};
use integration_tests::script::Script;
use integration_tests::{calm, sweep};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

const LATENCY: Duration = Duration::from_millis(50);
/// How many environments in a usual run: the promise is for a hundred, which `SWEEP=full` looks at.
const FEW: usize = 20;
const MANY: usize = 100;
/// What waits for each other beside AWS's rates: look-ups, reads, how things are.
const CHAIN: Duration = Duration::from_secs(2);
/// How long it may take, however many.
const PROMISED: Duration = Duration::from_secs(20);
/// Calls of an environment at most: about seventy when it is looked at alone.
const CALLS: usize = 26;

async fn fleet(count: usize) -> Fleet {
    let env = simulated::reference();
    Fleet::new(&calm(&env).await, &env, count, Script::default().slow(LATENCY)).await
}

/// Environments with more than so much told of them, in a few words.
fn told(statuses: &Statuses) -> BTreeMap<String, Vec<String>> {
    let of = |status: &Status| {
        let layers = status.layers.iter().filter(|it| it.state != "deployed" || it.drift != Some(0) || it.pending != Some(0));
        let layers = layers.map(|it| format!("{} {} drift {:?} pending {:?}", it.layer, it.state, it.drift, it.pending));
        let signs = status.signs.iter().filter(|sign| sign.level == Level::Fail).map(|sign| format!("{}: {}", sign.subject, sign.text));
        (status.env.clone(), layers.chain(signs).collect::<Vec<_>>())
    };
    let unread = statuses.unread.iter().map(|(env, why)| (env.clone(), vec![why.clone()]));
    statuses.environments.iter().map(of).filter(|(_, lines)| !lines.is_empty()).chain(unread).collect()
}

/// A bucket of AWS with the moments at which requests took from it, in order.
struct Used {
    of: String,
    burst: f64,
    rate: f64,
    times: Vec<f64>,
}

fn used(log: &[(String, Duration)]) -> Vec<Used> {
    let mut buckets: BTreeMap<(usize, String), Used> = BTreeMap::new();
    for (call, at) in log {
        let (service, operation) = call.split_once(':').unwrap();
        for quota in aws::pace::quotas(service, operation) {
            let of = if quota.each { call.clone() } else { format!("{service} {}", quota.operations.join(" ")) };
            let key = (std::ptr::from_ref(quota) as usize, of.clone());
            let new = || Used { of, burst: quota.burst, rate: quota.rate, times: Vec::new() };
            buckets.entry(key).or_insert_with(new).times.push(at.as_secs_f64());
        }
    }
    let sorted = |mut used: Used| {
        used.times.sort_by(f64::total_cmp);
        used
    };
    buckets.into_values().map(sorted).collect()
}

/// No bucket was ever empty when a request came: in no window were there more than it held and got.
fn within_rates(used: &[Used]) {
    for Used { of, burst, rate, times } in used {
        for (first, from) in times.iter().enumerate() {
            for (number, to) in times[first..].iter().enumerate() {
                // Timers have a millisecond's grain.
                let most = burst + rate * (to - from + 0.002) + 1e-6;
                assert!((number + 1) as f64 <= most, "{of}: {} requests in {:.3} s, AWS takes {most:.1}", number + 1, to - from);
            }
        }
    }
}

/// How long AWS's rates make these requests last, and which bucket does.
fn least(used: &[Used]) -> (f64, &str) {
    let lasts = |it: &Used| (it.times.len() as f64 - it.burst).max(0.0) / it.rate;
    used.iter().map(|it| (lasts(it), it.of.as_str())).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_hundred_environments_are_looked_at_at_once() {
    let count = if sweep::full() { MANY } else { sweep::only("SAMPLE").unwrap_or(FEW) };
    integration_tests::told!("{count} of {MANY} environments (SWEEP=full for all)");
    let fleet = fleet(count).await;
    let began = Instant::now();
    let statuses = fleet.status().await;
    let (took, log) = (began.elapsed(), fleet.script.log());
    assert_eq!(told(&statuses), BTreeMap::new());
    assert!(statuses.healthy && statuses.environments.len() == count);
    let calls = log.len();
    let log: Vec<(String, Duration)> = log.into_iter().map(|(call, at)| (call, at - began)).collect();
    let (used, took) = (used(&log), took.as_secs_f64());
    within_rates(&used);
    let (least, slowest) = least(&used);
    integration_tests::told!("{count} environments: {calls} calls in {took:.1} s; AWS's rates alone: {least:.1} s, by {slowest}");
    assert!(took <= least + CHAIN.as_secs_f64() && took <= PROMISED.as_secs_f64(), "{took} s, and AWS's rates make it {least}");
    assert!(calls <= count * CALLS, "{calls}");
}

#[tokio::test(start_paused = true)]
async fn no_environment_is_taken_for_another() {
    let fleet = fleet(4).await;
    let (ill, gone) = (name(1), name(3));
    fleet.emulator.with_world(|world| {
        let region = world.regions.get_mut("eu-north-1").unwrap();
        let (_, group) = region.log_groups.iter_mut().find(|(name, _)| name.contains(&ill) && name.ends_with("/app")).unwrap();
        group.set(json!({"retentionInDays": 3}));
        let of_gone = |tags: &BTreeMap<String, String>| tags.get("orchestrator:env") == Some(&gone);
        region.ec2.security_groups.retain(|_, group| !of_gone(&group.tags) || !group.name.contains("data"));
    });
    let told = told(&fleet.status().await);
    let layers: BTreeMap<&str, Vec<&str>> =
        told.iter().map(|(env, lines)| (env.as_str(), lines.iter().map(|line| line.split(' ').next().unwrap()).collect())).collect();
    assert_eq!(layers.keys().copied().collect::<Vec<_>>(), [ill.as_str(), gone.as_str()], "{told:#?}");
    assert_eq!(layers[ill.as_str()], ["observability"], "{told:#?}");
    assert!(layers[gone.as_str()].contains(&"network"), "{told:#?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_read_stops_nobody() {
    let fleet = fleet(3).await;
    std::fs::write(fleet.dir.path().join("broken.toml"), "[network]\nzones = \"two\"\n").unwrap();
    std::fs::write(fleet.dir.path().join("unknown.toml"), "regoin = \"eu-north-1\"\n").unwrap();
    std::fs::write(fleet.dir.path().join(format!("{HAUNTED}.toml")), "").unwrap();
    let statuses = fleet.status().await;
    assert_eq!(statuses.environments.len(), 3);
    assert!(!statuses.healthy && statuses.unread["unknown"].contains("did you mean `region`"), "{:?}", statuses.unread);
    assert!(statuses.unread.contains_key("broken"));
    assert!(statuses.unread[HAUNTED].contains("ended unexpectedly"), "{:?}", statuses.unread);
}
