//! Rollouts of the service: new revisions, failures, interruptions, and whose the number of tasks is.

use emulator::weather::{Fault, Weather};
use engine::plan::Verb;
use integration_tests::{Bench, EVERYTHING, all_done, calm, deployed, region};
use serde_json::json;

const SERVICE: &str = "shop-test/app";

/// The settings with another tag of the image; the embedded AWS cannot pull `broken`.
fn image(tag: &str) -> String {
    let settings = EVERYTHING.replace("shop/app:1.0", &format!("shop/app:{tag}"));
    assert_ne!(settings, EVERYTHING);
    settings
}

/// The names of the active revisions, `family:revision`.
fn revisions(bench: &Bench) -> Vec<String> {
    region(bench, |region| {
        let active = region.task_definitions.iter().filter(|(_, it)| it.str("status") == "ACTIVE");
        active.map(|(name, _)| name.clone()).collect()
    })
}

/// Which revision the service runs.
fn runs(bench: &Bench) -> String {
    region(bench, |region| region.services[SERVICE].str("taskDefinition").rsplit('/').next().unwrap().to_owned())
}

#[tokio::test(start_paused = true)]
async fn the_desired_count_belongs_to_autoscaling() {
    let bench = deployed(EVERYTHING).await;
    region(&bench, |region| region.services.get_mut(SERVICE).unwrap().body["desiredCount"] = json!(5));
    assert!(!bench.plan(EVERYTHING).await.changes());
    all_done(bench.deploy(&image("1.1")).await);
    assert_eq!(region(&bench, |region| region.services[SERVICE].body["desiredCount"].as_i64()), Some(5));
    let off = image("1.1").replace("[compute.autoscaling]\n", "[compute.autoscaling]\nenabled = false\n");
    let off = off.replace("[compute]\n", "[compute]\ndesired_count = 3\n");
    all_done(bench.deploy(&off).await);
    region(&bench, |region| {
        assert_eq!(region.services[SERVICE].body["desiredCount"].as_i64(), Some(3));
        assert!(region.scalable_targets.is_empty() && region.scaling_policies.is_empty());
    });
    assert!(!bench.plan(&off).await.changes());
    all_done(bench.deploy(EVERYTHING).await);
    assert!(!bench.plan(EVERYTHING).await.changes());
}

#[tokio::test(start_paused = true)]
async fn a_new_image_is_a_new_revision_and_the_old_one_goes_last() {
    let bench = deployed(EVERYTHING).await;
    bench.emulator.clear_calls();
    let plan = bench.plan(&image("1.1")).await;
    let verb = |name: &str| plan.steps.values().find(|step| step.address().name == name && step.verb != Verb::Delete).unwrap().verb;
    assert_eq!((verb("task-definition"), verb("service")), (Verb::Replace, Verb::Update));
    all_done(bench.deploy(&image("1.1")).await);
    assert_eq!((revisions(&bench), runs(&bench)), (vec!["shop-test-app:2".to_owned()], "shop-test-app:2".to_owned()));
    let made: Vec<String> = bench.emulator.calls().into_iter().filter(|call| call.changing).map(|call| call.action).collect();
    assert_eq!(made, ["RegisterTaskDefinition", "UpdateService", "DeregisterTaskDefinition"]);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_fails_says_why_and_the_old_revision_runs_on() {
    let bench = deployed(EVERYTHING).await;
    let outcome = bench.deploy(&image("broken")).await.unwrap();
    let fault = &outcome.failed.iter().find(|(at, _)| at.name == "service").unwrap().1;
    assert!(fault.message.contains("twice for one reason: CannotPullContainerError"), "{}", fault.message);
    assert!(fault.hint.is_some());
    // AWS's own circuit breaker comes to the same end a little later.
    tokio::time::sleep(std::time::Duration::from_secs(900)).await;
    assert_eq!((runs(&bench), revisions(&bench).len()), ("shop-test-app:1".to_owned(), 2));
    all_done(bench.deploy(&image("1.1")).await);
    assert_eq!((revisions(&bench), runs(&bench)), (vec!["shop-test-app:3".to_owned()], "shop-test-app:3".to_owned()));
    assert!(!bench.plan(&image("1.1")).await.changes());
}

#[tokio::test(start_paused = true)]
async fn a_first_rollout_that_failed_is_not_taken_for_done() {
    let bench = Bench::new();
    for run in 1..=2 {
        let outcome = bench.deploy(&image("broken")).await.unwrap();
        assert!(outcome.failed.iter().any(|(at, _)| at.name == "service"), "run {run}: {:#?}", outcome.failed);
    }
    all_done(bench.deploy(EVERYTHING).await);
    assert!(!bench.plan(EVERYTHING).await.changes());
    all_done(bench.destroy().await);
    assert_eq!(bench.tagged(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_goes_on_is_waited_for_without_a_call() {
    let bench = deployed(EVERYTHING).await;
    // As an interrupted run leaves it.
    region(&bench, |region| {
        let service = region.services.get_mut(SERVICE).unwrap();
        service.body["deployments"][0]["rolloutState"] = json!("IN_PROGRESS");
        let now = service.body["deployments"][0]["createdAt"].as_f64().unwrap();
        service.inside["ready"] = json!(now + 1e4);
        service.inside["wake"] = json!(now + 1e4);
    });
    bench.emulator.clear_calls();
    let plan = bench.plan(EVERYTHING).await;
    let step = plan.steps.values().find(|step| step.address().name == "service").unwrap();
    assert_eq!((step.verb, step.changes.len(), step.changes[0].field.as_str()), (Verb::Update, 1, "rollout"));
    region(&bench, |region| {
        let service = region.services.get_mut(SERVICE).unwrap();
        let soon = service.body["deployments"][0]["createdAt"].as_f64().unwrap() + 600.0;
        service.inside["ready"] = json!(soon);
        service.inside["wake"] = json!(soon);
    });
    all_done(bench.deploy(EVERYTHING).await);
    assert_eq!(bench.changing_calls(), 0);
    assert!(!bench.plan(EVERYTHING).await.changes());
}

#[tokio::test(start_paused = true)]
async fn a_service_comes_back_while_its_predecessor_still_drains() {
    let bench = deployed(EVERYTHING).await;
    // Long enough after the deploy that what is not shown is gone, and not merely not shown yet.
    tokio::time::sleep(std::time::Duration::from_secs(600)).await;
    let aws = bench.aws().await;
    aws.ecs.delete_service().cluster("shop-test").service("app").force(true).send().await.unwrap();
    assert_eq!(region(&bench, |region| region.services[SERVICE].str("status").to_owned()), "DRAINING");
    bench.emulator.clear_calls();
    all_done(bench.deploy(EVERYTHING).await);
    let refused = bench.emulator.calls().into_iter().filter(|call| call.action == "CreateService" && call.error.is_some()).count();
    assert!(refused > 0, "it was not draining any more");
    assert_eq!(region(&bench, |region| region.services[SERVICE].str("status").to_owned()), "ACTIVE");
    assert!(!bench.plan(EVERYTHING).await.changes());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_drains_already_is_no_obstacle_to_a_destroy() {
    let bench = deployed(EVERYTHING).await;
    let aws = bench.aws().await;
    aws.ecs.delete_service().cluster("shop-test").service("app").force(true).send().await.unwrap();
    all_done(bench.destroy().await);
    assert_eq!(bench.tagged(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_service_goes_before_what_its_tasks_use() {
    let bench = deployed(EVERYTHING).await;
    bench.emulator.clear_calls();
    all_done(bench.destroy().await);
    let calls = bench.emulator.calls().into_iter().filter(|call| call.changing && call.error.is_none());
    let calls: Vec<String> = calls.map(|call| call.action).collect();
    let at = |action: &str| calls.iter().position(|it| it == action).unwrap();
    assert!(at("DeregisterScalableTarget") < at("DeleteService"));
    assert!(at("DeleteService") < at("DeregisterTaskDefinition"));
    assert!(at("DeleteService") < at("DeleteCluster"));
    // The execution role and the task role are the last two.
    let roles = calls.iter().enumerate().filter(|(index, it)| *it == "DeleteRole" && *index > at("DeregisterTaskDefinition")).count();
    assert!(roles >= 2, "{calls:#?}");
    assert_eq!(revisions(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_revision_whose_answer_was_lost_is_not_registered_again() {
    let at = calm(EVERYTHING).await.changing().iter().position(|action| action == "RegisterTaskDefinition").unwrap();
    let bench = Bench::new();
    bench.emulator.weather(Weather::on_change(Fault::CommittedThenLost, at, 1));
    bench.deploy(EVERYTHING).await.unwrap();
    all_done(bench.deploy(EVERYTHING).await);
    assert_eq!(region(&bench, |region| region.task_definitions.keys().cloned().collect::<Vec<_>>()), ["shop-test-app:1"]);
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_service_in_our_place_is_refused() {
    let bench = deployed(EVERYTHING).await;
    region(&bench, |region| region.services.get_mut(SERVICE).unwrap().tags.clear());
    let plan = bench.plan(EVERYTHING).await;
    assert!(plan.stops.iter().any(|stop| stop.address.name == "service"), "{:#?}", plan.stops);
}
