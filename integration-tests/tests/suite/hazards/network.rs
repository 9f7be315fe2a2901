//! V: what holds a network while it goes, and what a change of it would break.

use super::{calls, deployed, nothing_left, places, region, with};
use integration_tests::{EVERYTHING, all_done, settings};
use orchestrator::stack;

#[tokio::test(start_paused = true)]
async fn v1_the_internet_gateway_stays_while_an_address_is_mapped() {
    let bench = deployed().await;
    let aws = bench.aws().await;
    let (gateway, vpc) = region(&bench, |region| {
        let (id, it) = region.ec2.internet_gateways.iter().next().unwrap();
        (id.clone(), it.vpc.clone().unwrap())
    });
    let detach = || async { aws.ec2.detach_internet_gateway().internet_gateway_id(&gateway).vpc_id(&vpc).send().await };
    assert!(format!("{:?}", detach().await.unwrap_err()).contains("mapped public address"));
    // The host's address alone is enough.
    region(&bench, |region| {
        region.ec2.nat_gateways.values_mut().for_each(|nat| nat.state = "deleted".into());
        region.ec2.interfaces.retain(|_, it| !it.str("description").starts_with("ELB"));
    });
    assert!(format!("{:?}", detach().await.unwrap_err()).contains("mapped public address"));
    let bench = deployed().await;
    bench.emulator.clear_calls();
    all_done(bench.destroy().await);
    nothing_left(&bench);
    assert!(places(&bench, "DeleteNatGateway").last() < places(&bench, "DetachInternetGateway").first());
}

#[tokio::test(start_paused = true)]
async fn v2_an_address_is_released_after_its_gateway_is_gone() {
    let bench = deployed().await;
    let aws = bench.aws().await;
    let (nat, allocation) = region(&bench, |region| {
        let (id, it) = region.ec2.nat_gateways.iter().next().unwrap();
        (id.clone(), it.allocation.clone())
    });
    aws.ec2.delete_nat_gateway().nat_gateway_id(&nat).send().await.unwrap();
    let early = aws.ec2.release_address().allocation_id(&allocation).send().await.unwrap_err();
    assert!(format!("{early:?}").contains("AuthFailure"));
    bench.emulator.clear_calls();
    all_done(bench.destroy().await);
    let released = calls(&bench, "ReleaseAddress");
    assert!(released.len() == 2 && released.iter().all(|call| call.error.is_none()), "{released:#?}");
}

#[tokio::test(start_paused = true)]
async fn v3_a_gateway_has_a_token_and_a_deleted_one_is_no_gateway() {
    let bench = deployed().await;
    let aws = bench.aws().await;
    let (id, it) = region(&bench, |region| region.ec2.nat_gateways.iter().next().map(|(id, it)| (id.clone(), it.clone())).unwrap());
    let again = aws.ec2.create_nat_gateway().subnet_id(&it.subnet).allocation_id(&it.allocation).client_token(it.token.unwrap());
    assert_eq!(again.send().await.unwrap().nat_gateway.unwrap().nat_gateway_id.unwrap(), id);
    all_done(bench.deploy(&with("per_az", "none")).await);
    let described = region(&bench, |region| region.ec2.nat_gateways.values().filter(|nat| nat.state == "deleted").count());
    assert_eq!(described, 2, "AWS forgot them too early for this test");
    all_done(bench.deploy(EVERYTHING).await);
    assert_eq!(region(&bench, |region| region.ec2.nat_gateways.values().filter(|nat| nat.lives()).count()), 2);
    assert!(!bench.plan(EVERYTHING).await.changes());
}

#[tokio::test(start_paused = true)]
async fn v4_interfaces_that_linger_are_waited_for() {
    let bench = deployed().await;
    let lingering = region(&bench, |region| region.ec2.interfaces.len());
    assert!(lingering > 5, "{lingering}");
    bench.emulator.clear_calls();
    all_done(bench.destroy().await);
    nothing_left(&bench);
    let held: Vec<String> =
        bench.emulator.calls().into_iter().filter(|it| it.error.as_deref() == Some("DependencyViolation")).map(|it| it.action).collect();
    assert!(held.iter().any(|action| action == "DeleteSecurityGroup"), "nothing lingered: {held:?}");
    assert!(region(&bench, |region| region.ec2.interfaces.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn v5_rules_that_name_each_others_groups_go_before_the_groups() {
    let bench = deployed().await;
    let aws = bench.aws().await;
    let app = region(&bench, |region| region.ec2.security_groups.iter().find(|(_, it)| it.name.ends_with("-app")).unwrap().0.clone());
    let held = aws.ec2.delete_security_group().group_id(&app).send().await.unwrap_err();
    assert!(format!("{held:?}").contains("DependencyViolation"));
    bench.emulator.clear_calls();
    all_done(bench.destroy().await);
    let groups = places(&bench, "DeleteSecurityGroup");
    let rules = [places(&bench, "RevokeSecurityGroupIngress"), places(&bench, "RevokeSecurityGroupEgress")].concat();
    assert!(groups.len() == 5 && rules.len() > 8, "{groups:?} {rules:?}");
    let bastion_first = groups[0];
    assert!(rules.iter().filter(|rule| **rule > bastion_first).count() < rules.len());
    assert!(rules.iter().all(|rule| rule < groups.last().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn v6_a_network_goes_in_the_order_that_aws_wants() {
    let bench = deployed().await;
    bench.emulator.clear_calls();
    all_done(bench.destroy().await);
    // Hosts, gateways, associations, tables, groups, subnets, the network.
    let last = |action: &str| *places(&bench, action).last().unwrap_or_else(|| panic!("no {action}"));
    let vpc = last("DeleteVpc");
    for action in [
        "TerminateInstances",
        "DeleteNatGateway",
        "DetachInternetGateway",
        "DeleteInternetGateway",
        "DisassociateRouteTable",
        "DeleteRouteTable",
        "DeleteSecurityGroup",
        "DeleteSubnet",
        "DeleteVpcEndpoints",
    ] {
        assert!(last(action) < vpc, "{action}");
    }
    assert!(last("TerminateInstances") < last("DeleteSubnet") && last("DisassociateRouteTable") < last("DeleteRouteTable"));
    assert!(last("DeleteNatGateway") < last("DeleteInternetGateway"));
    assert_eq!(calls(&bench, "DeleteVpc").iter().filter(|call| call.error.is_some()).count(), 0, "it was tried too early");
}

#[tokio::test(start_paused = true)]
async fn v8_another_range_of_the_network_is_stopped_at_the_plan() {
    let bench = deployed().await;
    let settings = settings(&with("[network]", "[network]\ncidr = \"10.1.0.0/16\""));
    let configs = stack::Configs::read(&settings).unwrap();
    bench.emulator.clear_calls();
    let plan = bench.plan_of(&settings, &configs).await.unwrap();
    assert!(plan.stops.iter().any(|stop| stop.address.to_string() == "database/instance"), "{:#?}", plan.stops);
    assert_eq!(bench.changing_calls(), 0);
}
