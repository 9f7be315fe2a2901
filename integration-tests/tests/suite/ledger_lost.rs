//! The ledger is gone: everything that carries our tags gets its row back, also what is not declared any more, and the stack goes on as
//! if nothing had happened.

use emulator::weather::Death;
use engine::LayerName;
use engine::ledger::{Folded, Ledger};
use engine::plan::Verb;
use integration_tests::sweep::full;
use integration_tests::{Bench, EVERYTHING, all_done, deployed};
use orchestrator::stack;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How many deaths a usual run of the suite tries; `SWEEP=full` tries every one.
const SAMPLE: usize = 3;

/// Settings after which objects have later generations, and others are not declared any more.
fn changed() -> String {
    [
        ("LOG_LEVEL = \"info\"", "LOG_LEVEL = \"debug\""),
        ("198.51.100.0/24", "203.0.113.0/24"),
        ("\"per_az\"", "\"single\""),
        ("flow_logs = true", "flow_logs = false"),
        ("[network]", "[network]\ningress_cidrs = [\"198.51.100.0/24\"]"),
        ("mode = \"ssh\"", "mode = \"ssh\"\nvolume_gb = 12"),
    ]
    .into_iter()
    .fold(EVERYTHING.to_owned(), |text, (from, to)| text.replacen(from, to, 1))
}

fn doors(bench: &Bench) -> BTreeMap<LayerName, Folded> {
    let only = |folded: Folded| Folded { doors: folded.doors, doors_stale: folded.doors_stale, ..Folded::default() };
    bench.ledgers.iter().map(|(layer, ledger)| (*layer, only(ledger.folded()))).collect()
}

async fn all_known(bench: &Bench, what: &str) {
    let found = bench.scan().await.found;
    let places = bench.places();
    let unknown: Vec<String> =
        found.iter().filter(|it| !it.place().is_some_and(|at| places.contains(&at))).map(ToString::to_string).collect();
    assert_eq!(unknown, Vec::<String>::new(), "{what}");
    let seen: BTreeSet<String> = found.iter().filter_map(|it| it.tags.get("orchestrator:address").cloned()).collect();
    let missed: Vec<String> = bench.addresses().into_iter().filter(|at| !seen.contains(at)).collect();
    assert_eq!(found.len(), bench.objects(), "{what}: a scan does not see every object that carries our tags, perhaps {missed:?}");
}

/// As after an undisturbed run: every step keeps what is there.
async fn clean(bench: &Bench, env: &str, what: &str) {
    let plan = bench.plan(env).await;
    let steps: Vec<_> = plan.steps.values().filter(|step| step.verb != Verb::Keep).collect();
    assert!(steps.is_empty(), "{what}: {steps:#?}");
}

async fn goes(bench: &Bench, what: &str) {
    all_done(bench.destroy().await);
    assert_eq!(bench.tagged(), 0, "{what}: something was left");
    assert_eq!(bench.scan().await.found, Vec::new(), "{what}");
    assert!(bench.emulator.with_world(|world| world.regions["eu-north-1"].ec2.vpcs.is_empty()), "{what}");
}

#[tokio::test(start_paused = true)]
async fn everything_gets_its_row_back() {
    for (env, settings) in [("first", vec![EVERYTHING.to_owned()]), ("later generations", vec![EVERYTHING.to_owned(), changed()])] {
        let mut bench = Bench::new();
        for settings in &settings {
            all_done(bench.deploy(settings).await);
        }
        let settings = settings.last().unwrap();
        let (places, before) = (bench.places(), doors(&bench));
        bench.lose();
        bench.emulator.clear_calls();
        let rebuilt = bench.rebuild(settings, stack::LAYERS).await.unwrap();
        assert_eq!(bench.changing_calls(), 0);
        assert_eq!((rebuilt.rows.len(), rebuilt.before.unknown.len()), (places.len(), bench.objects()), "{env}");
        assert_eq!(bench.places(), places, "{env}");
        assert_eq!(doors(&bench), before, "{env}");
        all_known(&bench, env).await;
        clean(&bench, settings, env).await;
        let again = bench.rebuild(settings, stack::LAYERS).await.unwrap();
        assert!(again.rows.is_empty() && again.doors.is_empty(), "{env}: {again:?}");
        goes(&bench, env).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_declared_any_more_goes_with_the_next_deploy() {
    let fewer = EVERYTHING.replace("flow_logs = true", "flow_logs = false").replace("\"per_az\"", "\"none\"");
    let fewer = fewer
        .replace("enabled = true\nmode", "enabled = false\nmode")
        .replace("[\"logs\", \"ssm\"]", "[]")
        .replace("https = true", "https = false");
    let calm = Bench::new();
    all_done(calm.deploy(&fewer).await);
    let mut bench = deployed(EVERYTHING).await;
    bench.lose();
    bench.rebuild(&fewer, stack::LAYERS).await.unwrap();
    all_known(&bench, "fewer").await;
    let plan = bench.plan(&fewer).await;
    assert!(plan.count(Verb::Delete) > 15 && plan.count(Verb::Create) == 0, "{:#?}", plan.steps.keys());
    all_done(bench.deploy(&fewer).await);
    assert_eq!((bench.census(), bench.tagged()), (calm.census(), calm.tagged()));
    clean(&bench, &fewer, "fewer").await;
    goes(&bench, "fewer").await;
}

/// Objects that no declaration knows any more can be destroyed.
#[tokio::test(start_paused = true)]
async fn one_layer_alone_is_rebuilt_and_a_destroy_needs_no_declaration() {
    let mut bench = deployed(EVERYTHING).await;
    let places = bench.places();
    bench.ledgers.insert(LayerName::Compute, engine::ledger::MemoryLedger::new(LayerName::Compute));
    bench.rebuild(EVERYTHING, &[LayerName::Compute]).await.unwrap();
    assert_eq!(bench.places(), places);
    clean(&bench, EVERYTHING, "compute").await;
    bench.lose();
    bench.rebuild(EVERYTHING, stack::LAYERS).await.unwrap();
    goes(&bench, "compute").await;
}

/// The process dies in the middle of a change, and the ledger is lost as well.
#[tokio::test(start_paused = true)]
async fn after_a_crash_in_the_middle() {
    let wanted = changed();
    let calm = Bench::new();
    all_done(calm.deploy(EVERYTHING).await);
    let death = Death::at(usize::MAX, false);
    assert!(!calm.die(Some(&wanted), &death).await);
    let (census, events) = (calm.census(), death.events());
    let step = if full() { 1 } else { (2 * events).div_ceil(SAMPLE).max(1) };
    let deaths: Vec<usize> = (0..2 * events).step_by(step).collect();
    integration_tests::told!("lost ledger after a crash: {} of {} deaths (SWEEP=full for all)", deaths.len(), 2 * events);
    for death in deaths {
        let what = format!("dies {} event {}", if death % 2 == 1 { "after" } else { "before" }, death / 2);
        let mut bench = deployed(EVERYTHING).await;
        assert!(bench.die(Some(&wanted), &Death::at(death / 2, death % 2 == 1)).await, "{what}: it lives");
        bench.lose();
        bench.rebuild(&wanted, stack::LAYERS).await.unwrap();
        if death % 3 == 0 {
            // What was on its way out has left, and everything else is known.
            tokio::time::sleep(Duration::from_secs(3600)).await;
            all_known(&bench, &what).await;
        }
        all_done(bench.deploy(&wanted).await);
        assert_eq!(bench.census(), census, "{what}");
        assert_eq!(bench.tagged(), calm.tagged(), "{what}");
        assert!(!bench.plan(&wanted).await.changes(), "{what}");
        goes(&bench, &what).await;
    }
}
