//! The commonest operation: another image on what runs, and nothing else.

use compute::release::{Release, Released, What};
use emulator::weather::{Death, Fault, Weather};
use engine::ledger::{Entry, Ledger};
use engine::{LayerName, Sink};
use integration_tests::mortal::Mortal;
use integration_tests::sweep::full;
use integration_tests::{Bench, EVERYTHING, all_done, deployed, region, settings};
use serde_json::{Value, json};

const SERVICE: &str = "shop-test/app";
const REPOSITORY: &str = "123456789012.dkr.ecr.eu-north-1.amazonaws.com/shop/app";

async fn with(bench: &Bench, ledger: &dyn Ledger, what: &What) -> Result<Released, engine::Fault> {
    let (aws, scope) = (bench.aws().await, settings(EVERYTHING).scope());
    Release { aws: &aws, scope: &scope, ledger, sink: &Sink::none(), detach: false }.run(what).await
}

async fn run(bench: &Bench, what: &What) -> Result<Released, engine::Fault> {
    with(bench, &bench.ledgers[&LayerName::Compute], what).await
}

fn image(tag: &str) -> What {
    What::Image(format!("{REPOSITORY}:{tag}"))
}

/// The definition that the service runs.
fn runs(bench: &Bench) -> Value {
    region(bench, |region| {
        let name = region.services[SERVICE].str("taskDefinition").rsplit('/').next().unwrap().to_owned();
        region.task_definitions[&name].body.clone()
    })
}

fn image_of(definition: &Value) -> &str {
    definition["containerDefinitions"][0]["image"].as_str().unwrap()
}

fn active(bench: &Bench) -> usize {
    region(bench, |region| region.task_definitions.values().filter(|it| it.str("status") == "ACTIVE").count())
}

/// What a revision says beside its number and its image.
fn rest(mut definition: Value) -> Value {
    definition["containerDefinitions"][0]["image"] = Value::Null;
    for own in ["revision", "taskDefinitionArn", "registeredAt"] {
        definition[own] = Value::Null;
    }
    definition
}

#[tokio::test(start_paused = true)]
async fn a_release_changes_the_image_alone_in_ten_calls() {
    let bench = deployed(EVERYTHING).await;
    let before = runs(&bench);
    bench.emulator.clear_calls();
    let released = run(&bench, &image("1.1")).await.unwrap();
    assert_eq!((released.image.as_str(), released.unchanged), (format!("{REPOSITORY}:1.1").as_str(), false));
    let after = runs(&bench);
    assert_eq!(image_of(&after), format!("{REPOSITORY}:1.1"));
    assert_eq!(rest(before), rest(after));
    assert_eq!(active(&bench), 1);
    let calls: Vec<String> = bench.emulator.calls().into_iter().map(|call| call.action).collect();
    let polls = calls.iter().filter(|action| *action == "DescribeServices").count() - 1;
    assert!(calls.len() - polls <= 10, "{calls:?}");
    let started = calls.iter().position(|action| action == "UpdateService").unwrap();
    assert!(started < 5, "{calls:?}");
    assert!(calls.iter().all(|action| !action.contains("Role") && !action.contains("Vpc")), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_deploy_never_takes_a_released_image_back_and_a_new_one_in_the_settings_wins() {
    let bench = deployed(EVERYTHING).await;
    region(&bench, |region| region.services.get_mut(SERVICE).unwrap().body["desiredCount"] = json!(5));
    run(&bench, &image("1.1")).await.unwrap();
    assert!(!bench.plan(EVERYTHING).await.changes());
    all_done(bench.deploy(EVERYTHING).await);
    assert_eq!(image_of(&runs(&bench)), format!("{REPOSITORY}:1.1"));
    // Another setting makes a new revision: with the image that was released.
    let bigger = EVERYTHING.replace("[compute]\n", "[compute]\nmemory = 1024\n");
    all_done(bench.deploy(&bigger).await);
    assert_eq!((image_of(&runs(&bench)), runs(&bench)["memory"].as_str()), (format!("{REPOSITORY}:1.1").as_str(), Some("1024")));
    assert!(!bench.plan(&bigger).await.changes());
    // Whoever changes the image in the settings means it.
    let newer = bigger.replace("shop/app:1.0", "shop/app:2.0");
    all_done(bench.deploy(&newer).await);
    assert_eq!(image_of(&runs(&bench)), format!("{REPOSITORY}:2.0"));
    assert!(!bench.plan(&newer).await.changes());
    assert_eq!(region(&bench, |region| region.services[SERVICE].body["desiredCount"].as_i64()), Some(5));
}

#[tokio::test(start_paused = true)]
async fn what_runs_already_is_not_released_again() {
    let bench = deployed(EVERYTHING).await;
    bench.emulator.clear_calls();
    assert!(run(&bench, &image("1.0")).await.unwrap().unchanged);
    assert_eq!(bench.changing_calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_release_before_the_first_deploy_says_what_to_do() {
    let fault = run(&Bench::new(), &image("1.1")).await.unwrap_err();
    assert!(fault.next_step().contains("deploy"), "{fault:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_brings_the_revision_before_and_a_named_one() {
    let bench = deployed(EVERYTHING).await;
    run(&bench, &image("1.1")).await.unwrap();
    run(&bench, &image("1.2")).await.unwrap();
    let back = run(&bench, &What::Revision(None)).await.unwrap();
    assert_eq!(back.image, format!("{REPOSITORY}:1.1"));
    assert_eq!(image_of(&runs(&bench)), format!("{REPOSITORY}:1.1"));
    assert_eq!(run(&bench, &What::Revision(Some(1))).await.unwrap().image, format!("{REPOSITORY}:1.0"));
    assert!(run(&bench, &What::Revision(Some(77))).await.unwrap_err().message.contains("77"));
    assert!(!bench.plan(EVERYTHING).await.changes());
    assert_eq!(active(&bench), 1);
    all_done(bench.destroy().await);
    assert_eq!(bench.tagged(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_fails_says_why_at_the_first_repeated_cause_and_goes_back() {
    let bench = deployed(EVERYTHING).await;
    let started = tokio::time::Instant::now();
    let fault = run(&bench, &image("broken")).await.unwrap_err();
    assert!(fault.message.contains("CannotPullContainerError"), "{}", fault.message);
    assert!(started.elapsed().as_secs() < 300, "{:?}", started.elapsed());
    assert_eq!((image_of(&runs(&bench)), active(&bench)), (format!("{REPOSITORY}:1.0").as_str(), 1));
    assert!(!bench.plan(EVERYTHING).await.changes());
    assert!(!bench.ledgers[&LayerName::Compute].folded().doors_stale);
    run(&bench, &image("1.1")).await.unwrap();
    assert!(!bench.plan(EVERYTHING).await.changes());
}

#[tokio::test(start_paused = true)]
async fn a_release_whose_answers_are_lost_or_that_dies_is_finished_by_the_next_one_or_by_a_deploy() {
    for lost in 0..3 {
        let bench = deployed(EVERYTHING).await;
        bench.emulator.weather(Weather::on_change(Fault::CommittedThenLost, lost, 1));
        run(&bench, &image("1.1")).await.ok();
        bench.emulator.weather(Weather::default());
        run(&bench, &image("1.1")).await.unwrap();
        all_done(bench.deploy(EVERYTHING).await);
        assert_eq!((image_of(&runs(&bench)), active(&bench)), (format!("{REPOSITORY}:1.1").as_str(), 1), "answer {lost} lost");
    }
    // A release has 13 events; `SWEEP=full` dies before and after each.
    let step = if full() { 1 } else { 4 };
    for death in (0..26).step_by(step) {
        for again in [true, false] {
            let bench = deployed(EVERYTHING).await;
            let fate = Death::at(death / 2, death % 2 == 1);
            bench.emulator.death(Some(fate.clone()));
            let mortal = Mortal { inner: bench.ledgers[&LayerName::Compute].clone(), death: fate.clone() };
            let wanted = image("1.1");
            tokio::select! {
                biased;
                () = fate.struck() => {}
                ended = with(&bench, &mortal, &wanted) => drop(ended),
            }
            bench.emulator.death(None);
            if again {
                run(&bench, &image("1.1")).await.unwrap();
                assert_eq!(image_of(&runs(&bench)), format!("{REPOSITORY}:1.1"), "death {death}");
            }
            all_done(bench.deploy(EVERYTHING).await);
            assert!(!bench.plan(EVERYTHING).await.changes(), "death {death}");
            assert_eq!(active(&bench), 1, "death {death}");
            let rows = bench.ledgers[&LayerName::Compute].folded().rows;
            assert_eq!(rows.keys().filter(|(at, _)| at.name == "task-definition").count(), 1, "death {death}");
        }
    }
    let entries = deployed(EVERYTHING).await.ledgers[&LayerName::Compute].entries();
    assert!(entries.iter().any(|entry| matches!(entry, Entry::Outputs { .. })));
}
