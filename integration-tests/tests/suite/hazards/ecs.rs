//! E: services that drain, rollouts that fail, and whose the tasks are.

use super::{calls, deployed, nothing_left, places, region, scripted, with};
use emulator::table::Item;
use emulator::weather::{Fault, Weather};
use integration_tests::script::Script;
use integration_tests::{Bench, EVERYTHING, all_done, calm};
use serde_json::json;

const SERVICE: &str = "shop-test/app";

#[tokio::test(start_paused = true)]
async fn e3_a_delete_that_must_wait_is_repeated() {
    let script = Script::default()
        .refuse("ecs:DeleteService", 2, "InvalidParameterException", "The service cannot be stopped while deployments are active.")
        .refuse("ecs:DeleteService", 2, "InvalidParameterException", "DependencyViolation: resource has a dependent object");
    let bench = scripted(&script);
    all_done(bench.deploy(EVERYTHING).await);
    all_done(bench.destroy().await);
    assert_eq!(script.count("ecs:DeleteService"), 5);
    nothing_left(&bench);
}

#[tokio::test(start_paused = true)]
async fn e4_a_service_comes_after_the_listener_and_waits_for_it() {
    let message = "The target group with targetGroupArn arn:aws:x does not have an associated load balancer.";
    let script = Script::default().refuse("ecs:CreateService", 3, "InvalidParameterException", message);
    let bench = scripted(&script);
    all_done(bench.deploy(EVERYTHING).await);
    assert_eq!(script.count("ecs:CreateService"), 4);
    assert!(places(&bench, "CreateListener").last() < places(&bench, "CreateService").first());
    // The embedded AWS says so itself.
    let bench = deployed().await;
    region(&bench, |region| {
        region.listeners.clear();
        region.services.clear();
    });
    let refused = again(&bench, "t-1").await.unwrap_err();
    assert!(refused.contains("does not have an associated load balancer"), "{refused}");
}

/// Makes the service once more, with this token, as the product does.
async fn again(bench: &Bench, token: &str) -> Result<(), String> {
    let (group, definition) = region(bench, |region| {
        let group = region.target_groups.keys().next().unwrap().clone();
        (group, region.task_definitions.keys().next_back().unwrap().clone())
    });
    let (subnet, security) = region(bench, |region| {
        let subnet = region.ec2.subnets.iter().find(|(_, it)| it.tags["orchestrator:address"].contains("private")).unwrap().0.clone();
        (subnet, region.ec2.security_groups.iter().find(|(_, it)| it.name.ends_with("-app")).unwrap().0.clone())
    });
    use aws_sdk_ecs::types::{AwsVpcConfiguration, LaunchType, LoadBalancer, NetworkConfiguration};
    let network = AwsVpcConfiguration::builder().subnets(subnet).security_groups(security).build().unwrap();
    let balancer = LoadBalancer::builder().target_group_arn(group).container_name("app").container_port(8000).build();
    let aws = bench.aws().await;
    let call = aws.ecs.create_service().cluster("shop-test").service_name("app").client_token(token).task_definition(definition);
    let call = call.desired_count(1).launch_type(LaunchType::Fargate).load_balancers(balancer);
    let call = call.network_configuration(NetworkConfiguration::builder().awsvpc_configuration(network).build());
    call.send().await.map(|_| ()).map_err(|error| format!("{error:?}"))
}

#[tokio::test(start_paused = true)]
async fn e5_a_service_is_made_once_whatever_is_lost() {
    let bench = deployed().await;
    let refused = again(&bench, "another-token").await.unwrap_err();
    assert!(refused.contains("Creation of service was not idempotent"), "{refused}");
    let at = calm(EVERYTHING).await.changing().iter().position(|action| action == "CreateService").unwrap();
    let lossy = Bench::new();
    lossy.emulator.weather(Weather::on_change(Fault::CommittedThenLost, at, 1));
    lossy.deploy(EVERYTHING).await.unwrap();
    all_done(lossy.deploy(EVERYTHING).await);
    assert_eq!(region(&lossy, |region| region.services.len()), 1);
    assert!(!lossy.plan(EVERYTHING).await.changes());
}

#[tokio::test(start_paused = true)]
async fn e6_a_rollout_that_fails_alike_twice_is_told_before_the_breaker_opens_at_three() {
    let bench = deployed().await;
    let outcome = bench.deploy(&with("shop/app:1.0", "shop/app:broken")).await.unwrap();
    let fault = &outcome.failed.iter().find(|(at, _)| at.name == "service").unwrap().1;
    assert!(fault.message.contains("twice for one reason: CannotPullContainerError"), "{}", fault.message);
    // What AWS's breaker does a little later: back to the revision that ran.
    tokio::time::sleep(std::time::Duration::from_secs(900)).await;
    let failed = region(&bench, |region| {
        let broken = |it: &&Item| it.str("stoppedReason").contains("CannotPullContainerError");
        region.tasks.values().filter(broken).count()
    });
    // Half of two desired tasks is one, and AWS counts to three at least; two fail at a time.
    assert_eq!(failed, 4);
}

#[tokio::test(start_paused = true)]
async fn e7_a_rollout_is_judged_by_the_breaker_alone() {
    let bench = deployed().await;
    let settings = region(&bench, |region| region.services[SERVICE].body["deploymentConfiguration"].clone());
    assert_eq!(settings["deploymentCircuitBreaker"], json!({"enable": true, "rollback": true}));
    assert!(settings.get("alarms").is_none(), "{settings}");
}

#[tokio::test(start_paused = true)]
async fn e10_what_ecs_manages_itself_is_neither_drift_nor_ours() {
    let bench = deployed().await;
    let managed = || [("AmazonECSManaged".to_owned(), "true".to_owned())].into();
    region(&bench, |region| {
        let arn = "arn:aws:elasticloadbalancing:eu-north-1:123456789012:targetgroup/ecs-express/0123456789abcdef";
        let group = json!({"TargetGroupArn": arn, "TargetGroupName": "ecs-express", "VpcId": "vpc-1", "Port": "80", "TargetType": "ip"});
        region.target_groups.insert(arn.into(), Item { inside: json!({"attributes": {}, "targets": []}), ..Item::new(group, managed()) });
        // AWS tags objects of ours as well.
        region.services.get_mut(SERVICE).unwrap().tags.insert("AmazonECSManaged".into(), "true".into());
    });
    assert!(!bench.plan(EVERYTHING).await.changes());
    all_done(bench.destroy().await);
    assert_eq!(region(&bench, |region| region.target_groups.len()), 1, "it is not ours to delete");
}

#[tokio::test(start_paused = true)]
async fn e11_a_rollout_cannot_block_itself() {
    let bench = deployed().await;
    let settings = region(&bench, |region| region.services[SERVICE].body["deploymentConfiguration"].clone());
    let percent = |name: &str| settings[name].as_i64().unwrap();
    // Room for a new task beside every old one, and an end when the new ones do not come up.
    assert!(percent("maximumPercent") > percent("minimumHealthyPercent") && settings["deploymentCircuitBreaker"]["enable"] == true);
    all_done(bench.deploy(&with("shop/app:1.0", "shop/app:1.1")).await);
    assert_eq!(calls(&bench, "UpdateService").iter().filter(|call| call.error.is_some()).count(), 0);
}
