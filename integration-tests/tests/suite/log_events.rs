//! CloudWatch Logs in the embedded AWS behaves as it is documented: streams, pages, patterns, queries, exports.

use aws::Aws;
use aws_sdk_cloudwatchlogs::config::retry::RetryConfig;
use aws_sdk_cloudwatchlogs::types::{ExportTaskStatusCode, InputLogEvent, QueryStatus};
use integration_tests::{Bench, EVERYTHING, deployed, region};
use serde_json::json;
use std::time::Duration;

const APP: &str = "/ecs/shop-test/app";

async fn stack() -> (Bench, Aws) {
    let bench = deployed(EVERYTHING).await;
    let aws = bench.aws().await;
    (bench, aws)
}

/// Writes lines into a stream of their own, a second apart from each other, the last one now; the time of the first.
async fn write(aws: &Aws, stream: &str, lines: &[&str]) -> i64 {
    let call = aws.logs.create_log_stream().log_group_name(APP).log_stream_name(stream);
    call.send().await.unwrap();
    let now = aws.logs.describe_log_streams().log_group_name(APP).log_stream_name_prefix(stream).send().await.unwrap();
    let first = now.log_streams()[0].creation_time().unwrap() - 1000 * (lines.len() as i64 - 1);
    let event = |(at, line): (usize, &&str)| InputLogEvent::builder().timestamp(first + 1000 * at as i64).message(*line).build().unwrap();
    let events = lines.iter().enumerate().map(event).collect();
    let call = aws.logs.put_log_events().log_group_name(APP).log_stream_name(stream).set_log_events(Some(events));
    call.send().await.unwrap();
    first
}

#[tokio::test(start_paused = true)]
async fn each_task_has_a_stream_that_goes_on_until_it_ends() {
    let (bench, aws) = stack().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let streams = aws.logs.describe_log_streams().log_group_name(APP).send().await.unwrap().log_streams.unwrap();
    let tasks = region(&bench, |region| region.tasks.keys().map(|arn| arn.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>());
    let names: Vec<String> = streams.iter().map(|stream| stream.log_stream_name().unwrap().to_owned()).collect();
    assert_eq!(names, tasks.iter().map(|task| format!("app/app/{task}")).collect::<Vec<_>>());
    let read = async |stream: &str| {
        let call = aws.logs.get_log_events().log_group_name(APP).log_stream_name(stream).start_from_head(true);
        call.send().await.unwrap().events.unwrap().into_iter().map(|event| event.message.unwrap()).collect::<Vec<_>>()
    };
    let before = read(&names[0]).await;
    assert!(before[0].contains("Starting gunicorn") && before.last().unwrap().contains("\"status\":200"), "{before:#?}");
    tokio::time::sleep(Duration::from_secs(30)).await;
    let after = read(&names[0]).await;
    assert_eq!((&after[..before.len()], after.len()), (&before[..], before.len() + 3));
    aws.ecs.stop_task().cluster("shop-test").task(&tasks[0]).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(5000)).await;
    let ended = read(&names[0]).await;
    assert!(ended.last().unwrap().contains("Shutting down: Master") && ended.len() <= after.len() + 3, "{ended:#?}");
}

#[tokio::test(start_paused = true)]
async fn one_stream_is_read_in_pages_in_both_directions() {
    let (_bench, aws) = stack().await;
    let first = write(&aws, "pages", &["a", "b", "c", "d", "e"]).await;
    let get = || aws.logs.get_log_events().log_group_name(APP).log_stream_name("pages").limit(2);
    let text = |events: &[aws_sdk_cloudwatchlogs::types::OutputLogEvent]| events.iter().map(|it| it.message().unwrap()).collect::<String>();
    let last = get().send().await.unwrap();
    assert_eq!(text(last.events()), "de");
    let before = get().next_token(last.next_backward_token().unwrap()).send().await.unwrap();
    assert_eq!(text(before.events()), "bc");
    let (mut all, mut token) = (String::new(), None);
    loop {
        let page = get().start_from_head(true).set_next_token(token.clone()).send().await.unwrap();
        all += &text(page.events());
        // The end is where the same token comes back.
        if page.next_forward_token.is_none() || page.next_forward_token == token {
            break;
        }
        token = page.next_forward_token;
    }
    assert_eq!(all, "abcde");
    let within = get().limit(10).start_time(first + 1000).end_time(first + 3000).send().await.unwrap();
    assert_eq!(text(within.events()), "bc");
    let lost = get().log_stream_name("nowhere").send().await.unwrap_err().into_service_error();
    assert!(lost.is_resource_not_found_exception(), "{lost}");
}

#[tokio::test(start_paused = true)]
async fn many_streams_are_filtered_into_one_in_the_order_of_time() {
    let (_bench, aws) = stack().await;
    let first = write(&aws, "one", &["GET /a", "ERROR in a", "WARN in a"]).await;
    write(&aws, "two", &["ERROR in b", "GET /b", "ERROR in c, handled"]).await;
    let find = async |pattern: &str| {
        let call = aws.logs.filter_log_events().log_group_name(APP).log_stream_names("one").log_stream_names("two");
        let mut pages = call.filter_pattern(pattern).limit(1).into_paginator().send();
        let (mut found, mut count) = (Vec::new(), 0);
        while let Some(page) = pages.next().await {
            let events = page.unwrap().events.unwrap();
            assert!(events.len() <= 1);
            count += 1;
            found.extend(events.into_iter().map(|it| (it.timestamp.unwrap(), it.message.unwrap())));
        }
        assert!(count >= found.len() && found.is_sorted_by_key(|it| it.0), "{pattern}: {found:?}");
        found.into_iter().map(|it| it.1).collect::<Vec<_>>()
    };
    assert_eq!(find("ERROR").await, ["ERROR in b", "ERROR in a", "ERROR in c, handled"]);
    assert_eq!(find("ERROR -handled").await, ["ERROR in b", "ERROR in a"]);
    assert_eq!(find("?WARN ?handled").await, ["WARN in a", "ERROR in c, handled"]);
    assert_eq!(find("\"in a\"").await, ["ERROR in a", "WARN in a"]);
    assert_eq!(find("").await.len(), 6);
    let call = aws.logs.filter_log_events().log_group_name(APP).log_stream_name_prefix("one").start_time(first + 1000);
    assert_eq!(call.end_time(first + 1000).send().await.unwrap().events().len(), 1);
    let wrong = aws.logs.filter_log_events().log_group_name(APP).filter_pattern("not-quoted").send().await.unwrap_err();
    assert!(wrong.into_service_error().is_invalid_parameter_exception());
}

#[tokio::test(start_paused = true)]
async fn a_page_may_be_empty_and_not_the_last() {
    let (_bench, aws) = stack().await;
    write(&aws, "many", &vec!["noise"; 2500]).await;
    let call = aws.logs.filter_log_events().log_group_name(APP).log_stream_names("many").filter_pattern("signal");
    let page = call.send().await.unwrap();
    assert!(page.events().is_empty() && page.next_token().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_saved_query_runs_and_completes() {
    let (_bench, aws) = stack().await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    let lines =
        [r#"{"level":"ERROR","path":"/pay","message":"no","duration_ms":250}"#, r#"{"level":"INFO","path":"/pay","duration_ms":50}"#];
    let first = write(&aws, "app", &lines).await;
    let saved = aws.logs.describe_query_definitions().query_definition_name_prefix("shop-test/").send().await.unwrap();
    assert_eq!(saved.query_definitions().len(), 4);
    for definition in saved.query_definitions() {
        let call = aws.logs.start_query().set_log_group_names(definition.log_group_names.clone());
        let call = call.start_time(first / 1000 - 600).end_time(first / 1000 + 600).query_string(definition.query_string().unwrap());
        let id = call.send().await.unwrap().query_id.unwrap();
        let early = aws.logs.get_query_results().query_id(&id).send().await.unwrap();
        assert_eq!((early.status(), early.results().len()), (Some(&QueryStatus::Running), 0));
        tokio::time::sleep(Duration::from_secs(5)).await;
        let done = aws.logs.get_query_results().query_id(&id).send().await.unwrap();
        assert_eq!(done.status(), Some(&QueryStatus::Complete));
        let text = format!("{:?}", done.results());
        let wanted = match definition.name().unwrap() {
            "shop-test/errors" => "/pay",
            "shop-test/latency" => "pct(duration_ms, 95)",
            "shop-test/status" => "requests",
            _ => "duration_ms",
        };
        assert!(text.contains(wanted), "{}: {text}", definition.name().unwrap());
    }
    let wrong = aws.logs.start_query().log_group_name(APP).start_time(0).end_time(9).query_string("fields a | explode").send().await;
    assert!(wrong.unwrap_err().into_service_error().is_malformed_query_exception());
}

#[tokio::test(start_paused = true)]
async fn a_query_can_be_stopped() {
    let (_bench, aws) = stack().await;
    let call = aws.logs.start_query().log_group_name(APP).start_time(0).end_time(9).query_string("fields a");
    let id = call.send().await.unwrap().query_id.unwrap();
    assert!(aws.logs.stop_query().query_id(&id).send().await.unwrap().success());
    tokio::time::sleep(Duration::from_secs(60)).await;
    let ended = aws.logs.get_query_results().query_id(&id).send().await.unwrap();
    assert_eq!(ended.status(), Some(&QueryStatus::Cancelled));
    assert!(aws.logs.stop_query().query_id(&id).send().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_export_needs_the_buckets_consent_and_is_alone() {
    let (bench, aws) = stack().await;
    let first = write(&aws, "exported", &["one", "two"]).await;
    let order = || {
        let call = aws.logs.create_export_task().log_group_name(APP).destination("shop-archive").destination_prefix("logs");
        let call = call.from(first).to(first + 60_000).log_stream_name_prefix("exported");
        // The SDK takes a limit for a throttle, and would wait until the other export has ended.
        let once = aws_sdk_cloudwatchlogs::config::Builder::new().retry_config(RetryConfig::disabled());
        call.customize().config_override(once).send()
    };
    assert!(order().await.unwrap_err().into_service_error().is_invalid_parameter_exception(), "there is no bucket");
    let mut bucket = emulator::services::s3::Bucket { region: "eu-north-1".into(), ..Default::default() };
    let put = |bucket| bench.emulator.with_world(|world| world.account.buckets.insert("shop-archive".into(), bucket));
    put(bucket.clone());
    assert!(format!("{:?}", order().await.unwrap_err()).contains("GetBucketAcl"));
    let policy = json!({"Statement": [{"Effect": "Allow", "Principal": {"Service": "logs.eu-north-1.amazonaws.com"},
        "Action": ["s3:GetBucketAcl", "s3:PutObject"], "Resource": "*"}]});
    bucket.settings.insert("BucketPolicy".into(), json!(policy.to_string()));
    put(bucket);
    let id = order().await.unwrap().task_id.unwrap();
    assert!(order().await.unwrap_err().into_service_error().is_limit_exceeded_exception(), "one at a time");
    tokio::time::sleep(Duration::from_secs(90)).await;
    let task = aws.logs.describe_export_tasks().task_id(&id).send().await.unwrap().export_tasks.unwrap().remove(0);
    assert_eq!(task.status().unwrap().code(), Some(&ExportTaskStatusCode::Completed));
    let written = bench.emulator.with_world(|world| world.account.buckets["shop-archive"].objects.clone());
    let file = &written[&format!("logs/{id}/exported/000000.gz")].text();
    assert!(file.contains("Z one\n") && file.contains("Z two\n"), "{:?}", written.keys());
}

#[tokio::test(start_paused = true)]
async fn lines_older_than_the_groups_retention_are_gone() {
    let (bench, aws) = stack().await;
    write(&aws, "old", &["long ago"]).await;
    let count = async || aws.logs.get_log_events().log_group_name(APP).log_stream_name("old").send().await.unwrap().events().len();
    assert_eq!(count().await, 1);
    region(&bench, |region| region.log_groups.get_mut(APP).unwrap().body["retentionInDays"] = json!(1));
    tokio::time::sleep(Duration::from_secs(25 * 3600)).await;
    assert_eq!(count().await, 0);
    aws.logs.delete_log_group().log_group_name(APP).send().await.unwrap();
    region(&bench, |region| assert!(region.logs.streams.is_empty()));
}
