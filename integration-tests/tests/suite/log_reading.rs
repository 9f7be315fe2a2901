//! How the observability layer reads logs: in the order of time, each line once, and no order of an export twice.

use ::observability::logs::export::Export;
use ::observability::logs::lines::Reading;
use ::observability::logs::{Of, groups};
use aws::Aws;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use emulator::weather::{Fault, Of as Calls, Weather};
use engine::LayerName;
use engine::ledger::Ledger;
use engine::log::Line;
use integration_tests::{Bench, EVERYTHING, deployed, region};
use std::time::Duration;
use tokio::sync::mpsc;

const APP: &str = "/ecs/shop-test/app";

/// Writes lines with these times (milliseconds from now) into a stream.
async fn write(aws: &Aws, group: &str, stream: &str, lines: &[(i64, &str)]) {
    let call = aws.logs.create_log_stream().log_group_name(group).log_stream_name(stream);
    call.send().await.ok();
    let now = now();
    let event = |(at, line): &(i64, &str)| InputLogEvent::builder().timestamp(now + at).message(*line).build().unwrap();
    let events = lines.iter().map(event).collect();
    let call = aws.logs.put_log_events().log_group_name(group).log_stream_name(stream).set_log_events(Some(events));
    call.send().await.unwrap();
}

fn now() -> i64 {
    (engine::settle::now() * 1000.0) as i64
}

fn messages(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| line.message.as_str()).collect()
}

async fn database(bench: &Bench) -> Vec<String> {
    groups(&bench.ledgers[&LayerName::Observability].folded(), Of::Database).unwrap()
}

#[tokio::test(start_paused = true)]
async fn two_groups_are_one_log_in_the_order_of_time() {
    let bench = deployed(EVERYTHING).await;
    let (aws, groups) = (bench.aws().await, database(&bench).await);
    assert_eq!(groups, ["/aws/rds/instance/shop-test/postgresql", "/aws/rds/instance/shop-test/upgrade"]);
    write(&aws, &groups[0], "a", &[(-9000, "first"), (-5000, "third"), (-1000, "last")]).await;
    write(&aws, &groups[1], "b", &[(-20_000, "too old"), (-7000, "second"), (-3000, "fourth")]).await;
    let (give, mut take) = mpsc::channel(100);
    Reading { aws: &aws, groups: &groups, from: now() - 10_000, filter: None }.once(&give).await.unwrap();
    drop(give);
    let mut lines = Vec::new();
    while let Some(line) = take.recv().await {
        lines.push(line);
    }
    assert_eq!(messages(&lines), ["first", "second", "third", "fourth", "last"]);
    assert_eq!((lines[1].group.as_str(), lines[1].stream.as_str()), (groups[1].as_str(), "b"));
}

#[tokio::test(start_paused = true)]
async fn following_takes_late_lines_once_and_outlives_a_bad_network() {
    let bench = deployed(EVERYTHING).await;
    let (aws, groups) = (bench.aws().await, database(&bench).await);
    write(&aws, &groups[0], "a", &[(-9000, "before")]).await;
    let (give, mut take) = mpsc::channel(100);
    let (reader, of) = (aws.clone(), groups.clone());
    let following =
        tokio::spawn(async move { Reading { aws: &reader, groups: &of, from: now() - 60_000, filter: None }.follow(&give).await });
    assert_eq!(take.recv().await.unwrap().message, "before");
    tokio::time::sleep(Duration::from_secs(30)).await;
    write(&aws, &groups[0], "a", &[(0, "newest")]).await;
    assert_eq!(take.recv().await.unwrap().message, "newest");
    // The log driver of another task sends what it could not send before.
    write(&aws, &groups[0], "b", &[(-20_000, "late")]).await;
    let calls = Calls::Operation("logs:FilterLogEvents".into());
    bench.emulator.weather(Weather::hitting(Fault::ResetBefore, calls, 0, 12));
    assert_eq!(take.recv().await.unwrap().message, "late");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(take.try_recv().is_err(), "nothing is told twice");
    drop(take);
    tokio::time::timeout(Duration::from_secs(10), following).await.unwrap().unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_export_waits_for_another_one_and_is_ordered_once_though_its_answer_is_lost() {
    let bench = deployed(EVERYTHING).await;
    let aws = bench.aws().await;
    let mut bucket = emulator::services::s3::Bucket { region: "eu-north-1".into(), ..Default::default() };
    let policy = r#"{"Principal": {"Service": "logs.eu-north-1.amazonaws.com"}, "Action": ["s3:GetBucketAcl", "s3:PutObject"]}"#;
    bucket.settings.insert("BucketPolicy".into(), serde_json::json!(policy));
    bench.emulator.with_world(|world| world.account.buckets.insert("shop-archive".into(), bucket));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let export = |name| Export { aws: &aws, group: APP, from: 0, to: now(), bucket: "shop-archive", prefix: "logs", name };
    let (others, ours) = (export("others"), export("ours"));
    others.begin().await.unwrap();
    let id = ours.begin().await.unwrap();
    let place = ours.ended(&id).await.unwrap();
    assert_eq!(place, format!("s3://shop-archive/logs/{id}"));
    bench.emulator.weather(Weather::hitting(Fault::CommittedThenLost, Calls::Operation("logs:CreateExportTask".into()), 0, 1));
    let third = export("third");
    let id = third.begin().await.unwrap();
    third.ended(&id).await.unwrap();
    region(&bench, |region| assert_eq!(region.logs.exports.len(), 3, "ordered twice"));
    let fourth = export("fourth");
    let id = fourth.begin().await.unwrap();
    fourth.cancel(&id).await.unwrap();
    assert!(fourth.ended(&id).await.unwrap_err().message.contains("CANCELLED"));
    fourth.cancel(&id).await.unwrap();
}
