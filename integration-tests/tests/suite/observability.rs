//! The observability layer, read back from the world.

use emulator::table::Item;
use integration_tests::{EVERYTHING, all_done, deployed, region};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn log_groups_have_a_retention_and_our_key() {
    let bench = deployed(EVERYTHING).await;
    region(&bench, |region| {
        let names: Vec<&String> = region.log_groups.keys().collect();
        let wanted = [
            "/aws/rds/instance/shop-test/postgresql",
            "/aws/rds/instance/shop-test/upgrade",
            "/ecs/shop-test/app",
            "/ecs/shop-test/exec",
            "/vpc/shop-test",
        ];
        assert_eq!(names, wanted);
        let key = region.keys.values().next().unwrap().str("Arn").to_owned();
        assert!(region.log_groups.values().all(|group| group.body["retentionInDays"] == 30 && group.str("kmsKeyId") == key));
    });
}

#[tokio::test(start_paused = true)]
async fn a_log_group_that_a_service_made_is_taken_over() {
    let bench = deployed(EVERYTHING).await;
    all_done(bench.destroy().await);
    region(&bench, |region| {
        let body = json!({"logGroupName": "/ecs/shop-test/app", "arn": "arn:aws:logs:eu-north-1:123456789012:log-group:/ecs/shop-test/app:*",
            "logGroupArn": "arn:aws:logs:eu-north-1:123456789012:log-group:/ecs/shop-test/app"});
        region.log_groups.insert("/ecs/shop-test/app".into(), Item::new(body, Default::default()));
    });
    all_done(bench.deploy(EVERYTHING).await);
    region(&bench, |region| {
        let group = &region.log_groups["/ecs/shop-test/app"];
        assert_eq!((group.body["retentionInDays"].as_i64(), group.tags["orchestrator:env"].as_str()), (Some(30), "test"));
    });
    assert!(!bench.plan(EVERYTHING).await.changes());
}

#[tokio::test(start_paused = true)]
async fn alarms_tell_the_encrypted_topic_and_people_hear_of_it() {
    let bench = deployed(EVERYTHING).await;
    region(&bench, |region| {
        let (arn, topic) = region.topics.iter().next().unwrap();
        assert!(topic.body.to_string().contains(region.keys.values().next().unwrap().str("Arn")), "{}", topic.body);
        assert!(!region.alarms.is_empty());
        assert!(region.alarms.values().all(|alarm| alarm.body["AlarmActions"] == json!([arn]) && alarm.body["OKActions"] == json!([arn])));
        assert!(region.subscriptions.values().any(|it| it.str("Endpoint") == "ops@example.com"));
    });
}

#[tokio::test(start_paused = true)]
async fn errors_in_the_log_become_a_metric_and_an_alarm() {
    let bench = deployed(EVERYTHING).await;
    region(&bench, |region| {
        let filter = region.metric_filters.values().next().unwrap();
        assert_eq!(filter.str("filterPattern"), "{ $.level = \"ERROR\" }");
        let metric = &filter.body["metricTransformations"][0];
        let alarm = &region.alarms["shop-test-errors"];
        assert_eq!((&metric["metricName"], &metric["metricNamespace"]), (&alarm.body["MetricName"], &alarm.body["Namespace"]));
        assert_eq!(region.saved_queries.len(), 4);
        assert!(region.saved_queries.values().all(|query| query.body["logGroupNames"] == json!(["/ecs/shop-test/app"])));
        assert!(region.dashboards["shop-test"].body.to_string().contains("RunningTaskCount"));
    });
}

#[tokio::test(start_paused = true)]
async fn the_vpc_logs_its_traffic_with_a_role_that_can_do_nothing_else() {
    let bench = deployed(EVERYTHING).await;
    region(&bench, |region| {
        let log = region.ec2.flow_logs.values().next().unwrap();
        assert_eq!((log.str("logGroupName"), log.str("trafficType")), ("/vpc/shop-test", "ALL"));
    });
    let policy = bench.emulator.with_world(|world| world.account.roles["shop-test-flow-logs"].inside.to_string());
    assert!(policy.contains("log-group:/vpc/shop-test:*") && !policy.contains("iam:"), "{policy}");
}
