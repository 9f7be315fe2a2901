//! T: reads that fail. Storms and lost answers are in the suite `weather`.

use super::{deployed, region, scripted};
use emulator::weather::{Fault, Of, Weather};
use integration_tests::script::Script;
use integration_tests::{Bench, EVERYTHING, all_done, settings};
use orchestrator::stack;

/// A read of every service that the plan makes.
const READS: [&str; 12] = [
    "ec2:DescribeVpcs",
    "ec2:DescribeSubnets",
    "ec2:DescribeSecurityGroups",
    "ecs:DescribeServices",
    "elasticloadbalancing:DescribeLoadBalancers",
    "iam:GetRole",
    "kms:DescribeKey",
    "logs:DescribeLogGroups",
    "monitoring:DescribeAlarms",
    "rds:DescribeDBInstances",
    "ssm:DescribeParameters",
    "sns:GetTopicAttributes",
];

#[tokio::test(start_paused = true)]
async fn t4_a_read_that_fails_is_never_nothing() {
    let bench = deployed().await;
    let settings = settings(EVERYTHING);
    let configs = stack::Configs::read(&settings).unwrap();
    let mut bench = bench;
    for (call, code) in READS.iter().flat_map(|call| [(call, "ThrottlingException"), (call, "AccessDenied")]) {
        let script = Script::default().refuse(call, usize::MAX, code, "Rate exceeded, or not allowed");
        bench = Bench { script: Some(script.clone()), ..bench };
        bench.emulator.clear_calls();
        let said = bench.plan_of(&settings, &configs).await.unwrap_err();
        assert!(script.count(call) > 0, "{call} is not made by a plan");
        assert!(said.contains("Rate exceeded") && said.contains("hint:"), "{call} {code}: {said}");
        assert_eq!(bench.changing_calls(), 0);
    }
    bench = Bench { script: None, ..bench };
    assert!(!bench.plan(EVERYTHING).await.changes());
    // A storm that ends is waited out.
    let script = Script::default().refuse("ec2:DescribeVpcs", 5, "RequestLimitExceeded", "Request limit exceeded.");
    let calm = scripted(&script);
    all_done(calm.deploy(EVERYTHING).await);
    assert_eq!(region(&calm, |region| region.ec2.vpcs.len()), 1);
}

/// The SDK gives each service a number of retries for the whole process, and ends them all when they are used up.
#[tokio::test(start_paused = true)]
async fn t2_throttles_do_not_use_up_the_retries_of_a_long_run() {
    let bench = Bench::new();
    let aws = bench.aws().await;
    for call in 0..300 {
        bench.emulator.weather(Weather::hitting(Fault::Throttle, Of::Operation("DescribeVpcs".into()), 0, 3));
        let answer = aws.ec2.describe_vpcs().send().await;
        assert!(answer.is_ok(), "call {call}: {answer:?}");
    }
}
