//! A rollout that fails says why: how the tasks ended, which check failed, what the container said last. No secret is in it.

use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use compute::release::{Release, Released, What};
use engine::apply::Outcome;
use engine::event::{Event, Fact};
use engine::{Fault, LayerName, Sink};
use integration_tests::{Bench, EVERYTHING, all_done, deployed, region, settings};
use std::time::Duration;

const REPOSITORY: &str = "123456789012.dkr.ecr.eu-north-1.amazonaws.com/shop/app";

fn image(tag: &str) -> String {
    EVERYTHING.replace("shop/app:1.0", &format!("shop/app:{tag}"))
}

async fn release(bench: &Bench, tag: &str, sink: &Sink) -> Result<Released, Fault> {
    let (aws, scope, ledger) = (bench.aws().await, settings(EVERYTHING).scope(), &bench.ledgers[&LayerName::Compute]);
    let what = What::Image(format!("{REPOSITORY}:{tag}"));
    Release { aws: &aws, scope: &scope, ledger, sink, detach: false }.run(&what).await
}

fn of_service(outcome: Outcome) -> Fault {
    outcome.failed.into_iter().find(|(at, _)| at.name == "service").unwrap().1
}

/// Image tag, what the sentence says, what the detail says, what the hint says.
const ENDS: [(&str, &[&str], &[&str], &str); 5] = [
    ("broken", &["CannotPullContainerError", "shop/app:broken: not found"], &["container app"], "registry"),
    (
        "exits",
        &["Essential container in task exited; app exited with 1"],
        &["container app, exit code 1", "app | ValueError: not set: PAYMENT_URL", "Worker failed to boot"],
        "the container's log and correct the image",
    ),
    (
        "out-of-memory",
        &["Essential container in task exited", "OutOfMemoryError: Container killed due to memory usage (exit code 137)"],
        &["exit code 137", "Perhaps out of memory?"],
        "compute.memory",
    ),
    (
        "unhealthy",
        &["Task failed ELB health checks in (target-group arn:", "its health check: Health checks failed with these codes: [503]"],
        &["not ready: OperationalError"],
        "compute.grace_period",
    ),
    ("sick", &["Task failed container health checks", "its health check: `CMD python -c"], &["\"status\":500"], "compute.health_check"),
];

fn says_why(fault: &Fault, (tag, sentence, detail, hint): &(&str, &[&str], &[&str], &str)) {
    let told = fault.detail.join("\n");
    assert!(sentence.iter().all(|part| fault.message.contains(part)), "{tag}: {}", fault.message);
    assert!(fault.message.contains("twice for one reason"), "{tag}: {}", fault.message);
    assert!(detail.iter().all(|part| told.contains(part)), "{tag}: {told}");
    assert!(fault.next_step().contains(hint), "{tag}: {}", fault.next_step());
    // One line for the task, ten of its log.
    assert!(fault.detail.len() <= 11, "{tag}: {told}");
}

#[tokio::test(start_paused = true)]
async fn a_deploy_says_how_the_tasks_ended_at_the_first_repeated_cause() {
    for end in &ENDS {
        let bench = deployed(EVERYTHING).await;
        let started = tokio::time::Instant::now();
        let fault = of_service(bench.deploy(&image(end.0)).await.unwrap());
        says_why(&fault, end);
        // Long before the half hour that a rollout may take, and before a third task is lost.
        assert!(started.elapsed() < Duration::from_secs(300), "{}: {:?}", end.0, started.elapsed());
        all_done(bench.deploy(&image("1.1")).await);
        assert!(!bench.plan(&image("1.1")).await.changes(), "{}", end.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_says_it_too_and_goes_back() {
    for end in &ENDS {
        let bench = deployed(EVERYTHING).await;
        let (sink, mut events) = Sink::channel();
        says_why(&release(&bench, end.0, &sink).await.unwrap_err(), end);
        let mut failed = Vec::new();
        while let Ok(event) = events.try_recv() {
            if let Event::Fact(Fact::StepFailed { fault, .. }) = event {
                failed.push(fault);
            }
        }
        assert_eq!(failed.len(), 1, "{}", end.0);
        says_why(&failed[0], end);
        let image = region(&bench, |region| {
            let runs = region.services["shop-test/app"].str("taskDefinition").rsplit('/').next().unwrap().to_owned();
            region.task_definitions[&runs].body["containerDefinitions"][0]["image"].as_str().unwrap().to_owned()
        });
        assert_eq!(image, format!("{REPOSITORY}:1.0"), "{}", end.0);
        assert!(!bench.plan(EVERYTHING).await.changes(), "{}", end.0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_rollout_of_all_says_why_as_well() {
    let bench = Bench::new();
    says_why(&of_service(bench.deploy(&image("exits")).await.unwrap()), &ENDS[1]);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_repeats_a_secret_is_held_back() {
    let bench = deployed(EVERYTHING).await;
    let secrets = region(&bench, |region| {
        let values = region.parameters.values().map(|it| it.inside["value"].as_str().unwrap().to_owned());
        values.collect::<Vec<String>>()
    });
    assert_eq!(secrets.len(), 2);
    let (sink, mut events) = Sink::channel();
    let aws = bench.aws().await;
    // The application writes its password into the log, as some do.
    let tells = async {
        tokio::time::sleep(Duration::from_secs(27)).await;
        let now = aws.logs.describe_log_streams().log_group_name("/ecs/shop-test/app").send().await.unwrap();
        for stream in now.log_streams() {
            let at = stream.creation_time().unwrap() + 4500;
            let line = |text: String| InputLogEvent::builder().timestamp(at).message(text).build().unwrap();
            let call = aws.logs.put_log_events().log_group_name("/ecs/shop-test/app").log_stream_name(stream.log_stream_name().unwrap());
            let lines = vec![line(format!("FATAL: password={}", secrets[0])), line(format!("key {}", secrets[1])), line("the end".into())];
            call.set_log_events(Some(lines)).send().await.unwrap();
        }
    };
    let (released, ()) = tokio::join!(release(&bench, "exits", &sink), tells);
    let fault = released.unwrap_err();
    let told = fault.detail.join("\n");
    assert!(told.matches("repeats a part of a secret").count() == 2 && told.contains("app | the end"), "{told}");
    let mut all = format!("{fault:?}{:?}", bench.ledgers[&LayerName::Compute]);
    while let Ok(event) = events.try_recv() {
        all += &serde_json::to_string(&event).unwrap();
    }
    assert!(all.contains("the end"));
    assert_eq!(crate::processes::canary::found(&secrets, &all), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn lines_that_cannot_be_compared_with_the_secrets_are_not_shown() {
    let mut bench = deployed(EVERYTHING).await;
    let script = integration_tests::script::Script::default();
    bench.script = Some(script.refuse("ssm:GetParameters", 99, "AccessDeniedException", "not allowed to read parameters"));
    let fault = of_service(bench.deploy(&image("exits")).await.unwrap());
    let told = fault.detail.join("\n");
    assert!(fault.message.contains("app exited with 1"), "{}", fault.message);
    assert!(told.contains("its log is not shown") && told.contains("not allowed to read parameters"), "{told}");
    assert!(!told.contains("PAYMENT_URL"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_about_a_failure_hides_nothing_of_it() {
    for call in ["logs:GetLogEvents", "ecs:DescribeTaskDefinition"] {
        let mut bench = deployed(EVERYTHING).await;
        let refused = integration_tests::script::Script::default().refuse(call, 0, "AccessDeniedException", "no");
        bench.script = Some(refused.clone());
        let env = image("exits");
        let plan = bench.deploy(&env);
        let deny = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            drop(refused.clone().refuse(call, 99, "AccessDeniedException", "no"));
        };
        let (outcome, ()) = tokio::join!(plan, deny);
        let fault = of_service(outcome.unwrap());
        assert!(fault.message.contains("app exited with 1"), "{call}: {}", fault.message);
        assert!(fault.detail.iter().any(|line| line.contains("its log is not shown")), "{call}: {:?}", fault.detail);
    }
}
