//! How many calls a command makes, how many of them wait for each other, and what a run takes in AWS's own time. On the paused clock, with
//! calls that each take a while, the time of a run counts its round trips; the figures are the same on every machine.

use engine::plan::Plan;
use integration_tests::bench::scale::{self, Scale};
use integration_tests::bench::simulated;
use integration_tests::script::Script;
use integration_tests::{Bench, EVERYTHING, all_done, deployed, furnish, region};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

const LATENCY: Duration = Duration::from_millis(50);

#[tokio::test(start_paused = true)]
async fn a_plan_without_changes_asks_once() {
    let mut bench = deployed(EVERYTHING).await;
    let script = Script::default().slow(LATENCY);
    bench.script = Some(script.clone());
    let began = Instant::now();
    assert!(!bench.plan(EVERYTHING).await.changes());
    let deep = began.elapsed().as_secs_f64() / LATENCY.as_secs_f64();
    let calls: usize = script.counts().values().sum();
    integration_tests::told!("{calls} calls, {deep:.2} deep");
    assert!(deep < 3.01 && calls <= 74, "{calls} calls, {deep:.2} deep: {:#?}", script.counts());
}

/// Whoever may not ask for all tags at once asks for those of each object, and a tag that is not as it should be is asked for again.
#[tokio::test(start_paused = true)]
async fn a_plan_does_without_the_tags_of_all_services() {
    let mut bench = deployed(EVERYTHING).await;
    let script =
        Script::default().refuse("tagging:GetResources", 1, "AccessDeniedException", "not authorized to perform: tag:GetResources");
    bench.script = Some(script.clone());
    assert!(!bench.plan(EVERYTHING).await.changes());
    assert!(script.count("tagging:GetResources") == 1 && script.count("monitoring:ListTagsForResource") > 5, "{:#?}", script.counts());
    bench.script = None;
    region(&bench, |region| region.topics.values_mut().for_each(|topic| drop(topic.tags.insert("team".into(), "red".into()))));
    let plan = bench.plan(EVERYTHING).await;
    let changing: Vec<&str> = plan.steps.values().filter(|step| step.verb.changes()).map(|step| step.kind.as_str()).collect();
    assert_eq!(changing, ["sns_topic"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_as_long_as_its_longest_chain() {
    for env in [EVERYTHING, &simulated::reference()] {
        let (deploy, destroy) = simulated::makespans(env).await;
        integration_tests::told!("deploy {deploy:?}, destroy {destroy:?}");
        assert!(deploy.over_critical() <= 1.03, "{deploy:?}");
        assert!(deploy.under_layered() >= 1.3, "{deploy:?}");
        assert!(destroy.over_critical() <= 1.05, "{destroy:?}");
    }
}

/// The best of three: other tests run beside this one, and time that they take is not the engine's.
async fn best(resources: usize) -> Scale {
    let mut best = scale::measure(resources).await;
    for _ in 1..3 {
        let again = scale::measure(resources).await;
        (best.plan, best.apply) = (best.plan.min(again.plan), best.apply.min(again.apply));
    }
    best
}

#[tokio::test]
async fn the_engine_grows_with_its_resources() {
    // Warm, and small enough for a build that is not optimized; the benchmark goes to 30,000.
    scale::measure(100).await;
    let (small, large) = (best(300).await, best(3_000).await);
    integration_tests::told!("{small:?}, {large:?}");
    // Ten times as many: n log n is thirteen times as long, and a square a hundred times.
    assert!(large.plan < small.plan * 30 && large.apply < small.apply * 30, "{small:?}, {large:?}");
}

/// On its longest chain of objects (VPC, internet gateway, its route, load balancer, two listeners, service, scalable target, policy), AWS
/// takes more than the creates: the names of hosts in the VPC, the gateway's attachment, the load balancer's attributes, and a look at
/// the states of load balancer and service.
const BESIDE_CREATES: f64 = 5.0;
/// Of the plan: two look-ups, of which one needs the other, and all reads at once.
const PLAN: f64 = 3.0;

/// How many objects of the plan are made one after the other.
fn longest(plan: &Plan) -> usize {
    fn below<'a>(plan: &'a Plan, id: &'a str, known: &mut BTreeMap<&'a str, usize>) -> usize {
        if let Some(known) = known.get(id) {
            return *known;
        }
        let after = plan.steps.get(id).into_iter().flat_map(|step| &step.after);
        let deep = 1 + after.map(|id| below(plan, id, known)).max().unwrap_or_default();
        known.insert(id, deep);
        deep
    }
    let mut known = BTreeMap::new();
    plan.steps.keys().map(|id| below(plan, id, &mut known)).max().unwrap_or_default()
}

/// What the plan did not find is not looked for again, and what the answer of a create tells is not looked at.
#[tokio::test(start_paused = true)]
async fn a_first_deploy_waits_for_few_calls() {
    let script = Script::default().slow(LATENCY);
    let emulator = integration_tests::account(1e6, 7);
    emulator.with_world(furnish);
    let bench = Bench { emulator, script: None, polls: 1e6, ..Bench::new() };
    let longest = longest(&bench.plan(EVERYTHING).await);
    let bench = Bench { script: Some(script.clone()), ..bench };
    let began = Instant::now();
    all_done(bench.deploy(EVERYTHING).await);
    let deep = began.elapsed().as_secs_f64() / LATENCY.as_secs_f64();
    let calls: usize = script.counts().values().sum();
    integration_tests::told!("{calls} calls, {deep:.2} deep; the graph is {longest} deep");
    assert!(deep <= 1.25 * (PLAN + longest as f64 + BESIDE_CREATES) && calls <= 200, "{calls} calls, {deep:.2} deep");
    assert!(deep < 19.5, "{deep:.2} deep");
}
