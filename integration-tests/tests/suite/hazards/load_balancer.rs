//! L: names, attributes, protection, and what stays for a while after a balancer.

use super::{calls, deployed, deployed_with, nothing_left, region, with};
use integration_tests::{EVERYTHING, all_done, settings};
use orchestrator::stack;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn l1_a_name_that_a_balancer_cannot_have_is_refused_first() {
    let bench = deployed().await;
    let aws = bench.aws().await;
    for name in ["internal-shop", "-shop", "shop-", "sh_op", "a-name-of-thirty-three-characters"] {
        let refused = aws.elb.create_load_balancer().name(name).subnets("subnet-1").send().await.unwrap_err();
        assert!(format!("{refused:?}").contains("ValidationError"), "{name}");
    }
    for stack in ["internal", "internal-shop", "a-stack-of-twenty-ch"] {
        let problem = stack::Configs::read(&settings(&format!("stack = \"{stack}\"\n"))).map(|_| ());
        let said = match problem {
            Err(problem) => problem.render(),
            // Twenty characters and a short environment are as many as fit.
            Ok(()) if stack.starts_with('a') => continue,
            Ok(()) => panic!("{stack} was accepted"),
        };
        assert!(said.contains("stack:") && said.contains("test.toml"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn l3_only_attributes_that_every_partition_knows_are_set() {
    let bench = deployed_with("embedded = true\n[edge]\nidle_timeout = 61\n[edge.access_logs]\nbucket = \"logs\"\n").await;
    let known = [
        "access_logs.s3.enabled",
        "access_logs.s3.bucket",
        "access_logs.s3.prefix",
        "deletion_protection.enabled",
        "idle_timeout.timeout_seconds",
        "routing.http.drop_invalid_header_fields.enabled",
    ];
    let fresh = region(&bench, |region| region.load_balancers.values().next().unwrap().inside["attributes"].clone());
    let defaults = json!({"idle_timeout.timeout_seconds": "60", "deletion_protection.enabled": "false", "access_logs.s3.enabled": "false",
        "access_logs.s3.bucket": "", "access_logs.s3.prefix": "", "routing.http.drop_invalid_header_fields.enabled": "false"});
    let set: Vec<&String> = fresh
        .as_object()
        .unwrap()
        .iter()
        .filter(|(key, value)| defaults.get(key.as_str()).is_some_and(|it| it != *value))
        .map(|(key, _)| key)
        .collect();
    assert!(set.len() >= 4 && set.iter().all(|key| known.contains(&key.as_str())), "{set:?}");
}

#[tokio::test(start_paused = true)]
async fn l4_a_protected_balancer_is_unlocked_before_it_goes() {
    let bench = deployed().await;
    let arn = region(&bench, |region| region.load_balancers.keys().next().unwrap().clone());
    let refused = bench.aws().await.elb.delete_load_balancer().load_balancer_arn(&arn).send().await.unwrap_err();
    assert!(format!("{refused:?}").contains("OperationNotPermitted"), "it is not protected");
    all_done(bench.destroy().await);
    nothing_left(&bench);
}

#[tokio::test(start_paused = true)]
async fn l5_another_port_replaces_the_group_without_a_gap() {
    let bench = deployed().await;
    let moved = with("[network]", "[network]\napp_port = 9000")
        .replace("[edge]", "[edge]\nport = 9000")
        .replace("[compute]\n", "[compute]\nport = 9000\n");
    bench.emulator.clear_calls();
    all_done(bench.deploy(&moved).await);
    let ports = region(&bench, |region| region.target_groups.values().map(|it| it.str("Port").to_owned()).collect::<Vec<_>>());
    assert_eq!(ports, ["9000"]);
    let order: Vec<String> =
        bench.emulator.calls().into_iter().filter(|it| it.changing && it.error.is_none()).map(|it| it.action).collect();
    let at = |action: &str| order.iter().position(|it| it == action).unwrap_or_else(|| panic!("no {action}"));
    assert!(at("CreateTargetGroup") < at("ModifyListener") && at("ModifyListener") < at("DeleteTargetGroup"));
    assert!(at("UpdateService") < at("DeleteTargetGroup"));
    assert!(!bench.plan(&moved).await.changes());
}

#[tokio::test(start_paused = true)]
async fn l6_after_a_balancer_its_interfaces_are_waited_for() {
    let bench = deployed().await;
    bench.emulator.clear_calls();
    all_done(bench.destroy().await);
    let edge = region(&bench, |region| region.ec2.interfaces.values().filter(|it| it.str("description").starts_with("ELB")).count());
    assert_eq!(edge, 0);
    let refused: Vec<String> = ["DetachInternetGateway", "DeleteSecurityGroup", "DeleteSubnet"]
        .iter()
        .flat_map(|it| calls(&bench, it))
        .filter_map(|call| call.error)
        .collect();
    assert!(!refused.is_empty() && refused.iter().all(|code| code == "DependencyViolation"), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn l7_targets_leave_as_fast_as_configured() {
    let delay = |bench: &_| {
        region(bench, |region| {
            region.target_groups.values().next().unwrap().inside["attributes"]["deregistration_delay.timeout_seconds"].clone()
        })
    };
    let bench = deployed().await;
    assert_eq!(delay(&bench), "30", "AWS's own 300 s make every rollout slow");
    all_done(bench.deploy(&with("[edge]", "[edge]\nderegistration_delay = 5")).await);
    assert_eq!(delay(&bench), "5");
    all_done(bench.deploy(EVERYTHING).await);
    assert!(!bench.plan(EVERYTHING).await.changes());
}
