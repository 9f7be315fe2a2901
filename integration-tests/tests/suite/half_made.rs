//! A create of several calls that stops between them is made whole in the same run.

use emulator::weather::{Fault, Weather};
use integration_tests::{Bench, EVERYTHING, all_done, deployed};

#[tokio::test(start_paused = true)]
async fn a_role_whose_policy_call_was_lost_has_its_policy() {
    let calm = Bench::new();
    all_done(calm.deploy(EVERYTHING).await);
    let changing: Vec<String> =
        calm.emulator.calls().into_iter().filter(|call| call.changing).map(|call| format!("{}:{}", call.service, call.action)).collect();
    let policies: Vec<usize> = (0..changing.len()).filter(|at| changing[*at] == "iam:PutRolePolicy").collect();
    assert!(policies.len() > 2, "{changing:?}");
    for at in policies {
        let bench = Bench::new();
        bench.emulator.weather(Weather::on_change(Fault::ResetBefore, at, 1));
        let first = bench.deploy(EVERYTHING).await.unwrap();
        // A run that says that all is done has done it all.
        assert!(!first.ok() || !bench.plan(EVERYTHING).await.changes(), "call {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_host_of_the_vpc_reaches_an_interface_endpoint() {
    let bench = deployed(EVERYTHING).await;
    bench.emulator.with_world(|world| {
        let ec2 = &world.regions["eu-north-1"].ec2;
        let cidr = ec2.vpcs.values().next().unwrap().cidr.to_string();
        let group = ec2.security_groups.iter().find(|(_, group)| group.name.ends_with("-endpoints")).unwrap().0;
        let rules: Vec<_> = ec2.rules.values().filter(|rule| &rule.group == group).collect();
        assert_eq!(rules.len(), 1);
        assert_eq!((rules[0].from, rules[0].peer.as_str(), rules[0].egress), (443, cidr.as_str(), false));
    });
}
