//! Deploy, look again, change, destroy.

use engine::plan::Verb;
use integration_tests::{Bench, EVERYTHING, all_done, deployed};

#[tokio::test(start_paused = true)]
async fn a_second_deploy_changes_nothing() {
    let bench = deployed(EVERYTHING).await;
    bench.emulator.clear_calls();
    let plan = bench.plan(EVERYTHING).await;
    assert!(!plan.changes(), "{:#?}", plan.steps.values().filter(|step| step.verb != Verb::Keep).collect::<Vec<_>>());
    all_done(bench.deploy(EVERYTHING).await);
    assert_eq!(bench.changing_calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn destroy_leaves_nothing_with_our_tags() {
    let bench = deployed(EVERYTHING).await;
    assert!(bench.tagged() > 30);
    all_done(bench.destroy().await);
    assert_eq!(bench.emulator.tagged("orchestrator:stack", "shop"), Vec::<String>::new());
    assert!(bench.emulator.with_world(|world| world.regions["eu-north-1"].ec2.vpcs.is_empty()));
}

/// A setting of each layer, the steps that it must show, and nothing else.
const CHANGES: [(&str, &str, &[&str]); 9] = [
    (
        "[network]",
        "[network]\ningress_cidrs = [\"198.51.100.0/24\"]",
        &["rule-edge-in-443-0-0-0-0-0", "rule-edge-in-443-198-51-100-0-24", "rule-edge-in-80-0-0-0-0-0", "rule-edge-in-80-198-51-100-0-24"],
    ),
    ("length = 50", "length = 60", &["secret-flask-secret-key"]),
    ("[observability]", "[observability]\nerror_threshold = 9", &["alarm-errors"]),
    ("[database]", "[database]\nbackup_days = 9", &["instance"]),
    ("[database]", "[database]\nslow_query_ms = 100", &["parameter-group"]),
    ("[edge]", "[edge]\nidle_timeout = 90", &["load-balancer"]),
    ("LOG_LEVEL = \"info\"", "LOG_LEVEL = \"debug\"", &["service", "task-definition", "task-definition"]),
    ("requests_per_target = 500.0", "requests_per_target = 600.0", &["scaling-requests"]),
    ("198.51.100.0/24\"]", "203.0.113.0/24\"]", &["rule-in-22-198-51-100-0-24", "rule-in-22-203-0-113-0-24"]),
];

#[tokio::test(start_paused = true)]
async fn one_setting_shows_exactly_its_change() {
    let bench = deployed(EVERYTHING).await;
    for (from, to, wanted) in CHANGES {
        let changed = EVERYTHING.replacen(from, to, 1);
        assert_ne!(changed, EVERYTHING, "{from}");
        let plan = bench.plan(&changed).await;
        let mut touched: Vec<&str> =
            plan.steps.values().filter(|step| step.verb != Verb::Keep).map(|step| step.address().name.as_str()).collect();
        touched.sort_unstable();
        assert_eq!(touched, wanted, "{to}");
        all_done(bench.deploy(&changed).await);
        assert!(!bench.plan(&changed).await.changes(), "{to}");
        all_done(bench.deploy(EVERYTHING).await);
    }
}

#[tokio::test(start_paused = true)]
async fn nat_gateways_follow_the_setting() {
    let bench = Bench::new();
    let nats = |bench: &Bench| {
        bench.emulator.with_world(|world| world.regions["eu-north-1"].ec2.nat_gateways.values().filter(|nat| nat.lives()).count())
    };
    for (setting, count) in [("per_az", 2), ("single", 1), ("none", 0), ("per_az", 2)] {
        all_done(bench.deploy(&EVERYTHING.replace("per_az", setting)).await);
        assert_eq!(nats(&bench), count, "{setting}");
        assert!(!bench.plan(&EVERYTHING.replace("per_az", setting)).await.changes());
    }
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_someone_took_away_is_shown_and_put_back() {
    let bench = deployed(EVERYTHING).await;
    bench.emulator.with_world(|world| {
        let ec2 = &mut world.regions.get_mut("eu-north-1").unwrap().ec2;
        ec2.vpcs.values_mut().for_each(|vpc| vpc.tags.clear());
    });
    let plan = bench.plan(EVERYTHING).await;
    let vpc = &plan.steps["network/vpc#1"];
    assert_eq!((vpc.verb, vpc.changes.iter().all(|change| change.drift)), (Verb::Update, true));
    all_done(bench.deploy(EVERYTHING).await);
    assert!(!bench.plan(EVERYTHING).await.changes());
}

#[tokio::test(start_paused = true)]
async fn a_tag_of_the_configuration_comes_and_goes() {
    let bench = Bench::new();
    let more = format!("{EVERYTHING}\n[tags]\ncost = \"web\"\n");
    // Tasks that run keep the copies that they were started with.
    let tagged = |bench: &Bench| bench.emulator.tagged("cost", "web").iter().filter(|id| !id.contains(":task/")).count();
    all_done(bench.deploy(&more).await);
    assert_eq!(tagged(&bench), bench.objects());
    all_done(bench.deploy(EVERYTHING).await);
    assert_eq!(tagged(&bench), 0);
    assert!(!bench.plan(EVERYTHING).await.changes());
}

#[tokio::test(start_paused = true)]
async fn the_network_is_what_was_asked_for() {
    let bench = deployed(EVERYTHING).await;
    bench.emulator.with_world(|world| {
        let ec2 = &world.regions["eu-north-1"].ec2;
        let vpc = ec2.vpcs.values().next().unwrap();
        assert!(vpc.dns_support && vpc.dns_hostnames);
        assert_eq!(vpc.tags["team"], "blue");
        assert_eq!(ec2.subnets.len(), 6);
        let default = ec2.security_groups.iter().find(|(_, group)| group.name == "default").unwrap().0;
        assert!(!ec2.rules.values().any(|rule| &rule.group == default), "the default group has rules");
        assert!(ec2.rules.values().all(|rule| !rule.description.is_empty() && rule.protocol != "-1"));
        let of = |what: &str| ec2.security_groups.iter().find(|(_, group)| group.name.ends_with(what)).unwrap().0.clone();
        let into_data: Vec<_> = ec2.rules.values().filter(|rule| rule.group == of("-data") && !rule.egress).collect();
        // The application and the bastion.
        assert_eq!(into_data.len(), 2);
        assert!(into_data.iter().all(|rule| (rule.from, rule.to) == (5432, 5432)));
        assert!(into_data.iter().any(|rule| rule.peer == of("-app")) && into_data.iter().any(|rule| rule.peer == of("-bastion")));
        let data_subnets: Vec<&String> =
            ec2.subnets.iter().filter(|(_, it)| it.tags["orchestrator:address"].contains("data")).map(|(id, _)| id).collect();
        let leads_out = |table: &&emulator::services::ec2::RouteTable| !table.routes.is_empty();
        let holds = |table: &&emulator::services::ec2::RouteTable| {
            table.associations.values().any(|it| it.subnet.as_ref().is_some_and(|id| data_subnets.contains(&id)))
        };
        assert!(!ec2.route_tables.values().filter(holds).any(|table| leads_out(&table)), "a data subnet leads to the internet");
        assert_eq!(ec2.route_tables.values().filter(|table| !table.main).flat_map(|table| table.associations.values()).count(), 6);
    });
}
