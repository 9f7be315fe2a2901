//! D: an instance that is slow to come, to change and to go, and what it leaves.

use super::{calls, deployed, deployed_with, nothing_left, places, region, with};
use emulator::table::Item;
use integration_tests::{Bench, EVERYTHING, all_done};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn instance(bench: &Bench) -> Item {
    region(bench, |region| region.db_instances["shop-test"].clone())
}

/// Lets the instance be in `state` for so long.
fn busy(bench: &Bench, state: &str, seconds: u64) {
    bench.emulator.with_world(|world| {
        let end = world.clock.after(Duration::from_secs(seconds));
        let it = world.regions.get_mut("eu-north-1").unwrap().db_instances.get_mut("shop-test").unwrap();
        it.set(json!({"DBInstanceStatus": state}));
        it.later(end, json!({"DBInstanceStatus": "available"}));
    });
}

#[tokio::test(start_paused = true)]
async fn d1_a_taken_name_of_a_last_snapshot_is_no_obstacle() {
    let keeps = with("final_snapshot = false", "final_snapshot = true");
    let bench = deployed_with(&keeps).await;
    // Every name that the clock could give within the next two minutes.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    region(&bench, |region| {
        for second in now - 60..now + 120 {
            let name = format!("shop-test-final-{second}");
            region.db_snapshots.insert(name.clone(), Item::new(json!({"DBSnapshotIdentifier": name}), Default::default()));
        }
    });
    all_done(bench.destroy().await);
    region(&bench, |region| {
        assert!(region.db_instances.is_empty());
        assert_eq!(region.db_snapshots.len(), 181, "one more than there were");
    });
}

#[tokio::test(start_paused = true)]
async fn d3_a_change_waits_until_the_instance_takes_it() {
    let bench = deployed().await;
    for state in ["backing-up", "modifying", "rebooting", "upgrading", "configuring-enhanced-monitoring", "storage-optimization"] {
        busy(&bench, state, 300);
        let call = bench.aws().await.rds.modify_db_instance().db_instance_identifier("shop-test").backup_retention_period(3).send().await;
        assert!(format!("{:?}", call.unwrap_err()).contains("InvalidDBInstanceState"), "{state}");
        let days = 10 + state.len() % 20;
        all_done(bench.deploy(&with("[database]", &format!("[database]\nbackup_days = {days}"))).await);
        assert_eq!(instance(&bench).str("BackupRetentionPeriod"), days.to_string(), "{state}");
    }
    busy(&bench, "backing-up", 300);
    all_done(bench.destroy().await);
    nothing_left(&bench);
}

#[tokio::test(start_paused = true)]
async fn d4_the_subnet_group_goes_after_the_instance_and_has_two_zones() {
    let bench = deployed().await;
    let aws = bench.aws().await;
    let held = aws.rds.delete_db_subnet_group().db_subnet_group_name("shop-test").send().await.unwrap_err();
    assert!(format!("{held:?}").contains("InvalidDBSubnetGroupStateFault"));
    let zones = region(&bench, |region| {
        let group = &region.db_subnet_groups["shop-test"].body["Subnets"];
        group
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["SubnetAvailabilityZone"]["Name"].to_string())
            .collect::<std::collections::BTreeSet<_>>()
    });
    assert_eq!(zones.len(), 2);
    // A third zone is added to the group in place: the instance stays where it is.
    let before = instance(&bench).str("DbiResourceId").to_owned();
    all_done(bench.deploy(&with("zones = 2", "zones = 3")).await);
    assert_eq!(instance(&bench).str("DbiResourceId"), before);
    bench.emulator.clear_calls();
    all_done(bench.destroy().await);
    assert!(places(&bench, "DeleteDBInstance") < places(&bench, "DeleteDBSubnetGroup"));
    assert!(calls(&bench, "DeleteDBSubnetGroup").iter().all(|call| call.error.is_none()));
}

#[tokio::test(start_paused = true)]
async fn d5_log_groups_that_rds_makes_again_do_not_stay() {
    let bench = deployed().await;
    let name = "/aws/rds/instance/shop-test/postgresql";
    // Deleted by hand: RDS makes it again with its next line, without retention, and the next deploy takes it over.
    bench.aws().await.logs.delete_log_group().log_group_name(name).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    let retention = |bench: &Bench| region(bench, |region| region.log_groups.get(name).map(|it| it.body["retentionInDays"].clone()));
    assert_eq!(retention(&bench), Some(Value::Null), "RDS did not make it again");
    all_done(bench.deploy(EVERYTHING).await);
    assert_eq!(retention(&bench), Some(json!(30)));
    all_done(bench.destroy().await);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(retention(&bench), None, "a log group without retention was left");
}

#[tokio::test(start_paused = true)]
async fn d6_a_version_that_is_not_offered_is_refused_at_the_plan() {
    for version in ["16.99", "12.4", "99"] {
        let bench = Bench::new();
        let said = bench.deploy(&with("16.3", version)).await.unwrap_err();
        assert!(said.contains("database.engine_version") && said.contains("test.toml") && said.contains(version), "{said}");
        assert_eq!(bench.changing_calls(), 0);
    }
    // One that runs may go from what RDS offers: it is not asked for again.
    let bench = deployed().await;
    region(&bench, |region| region.db_instances.get_mut("shop-test").unwrap().set(json!({"EngineVersion": "16.1"})));
    assert!(!bench.plan(&with("16.3", "16.1")).await.changes());
}

#[tokio::test(start_paused = true)]
async fn d8_a_static_parameter_waits_for_a_restart_and_is_not_drift() {
    let bench = deployed().await;
    let changed = with("[database]", "[database.parameters]\nmax_connections = \"200\"\n[database]");
    all_done(bench.deploy(&changed).await);
    let parameter = region(&bench, |region| region.db_parameter_groups["shop-test-pg16"].inside["max_connections"].clone());
    assert_eq!(parameter, json!({"value": "200", "method": "pending-reboot"}));
    assert_eq!(instance(&bench).body["DBParameterGroups"][0]["ParameterApplyStatus"], "pending-reboot");
    assert!(!bench.plan(&changed).await.changes());
    let held = bench.aws().await.rds.delete_db_parameter_group().db_parameter_group_name("shop-test-pg16").send().await.unwrap_err();
    assert!(format!("{held:?}").contains("InvalidDBParameterGroupState"));
    bench.emulator.clear_calls();
    all_done(bench.destroy().await);
    assert!(places(&bench, "DeleteDBInstance") < places(&bench, "DeleteDBParameterGroup"));
}

#[tokio::test(start_paused = true)]
async fn d9_an_instance_that_changes_again_after_its_create_is_waited_for() {
    let standby = with("[database]", "[database]\nmulti_az = true");
    let bench = deployed_with(&standby).await;
    assert_eq!(instance(&bench).str("MultiAZ"), "true");
    // RDS goes on by itself after it said `available`, also later; a change in that time waits.
    assert!(!bench.plan(&standby).await.changes());
    busy(&bench, "modifying", 600);
    let changed = standby.replace("multi_az = true", "multi_az = true\nbackup_days = 21");
    all_done(bench.deploy(&changed).await);
    assert_eq!(instance(&bench).str("BackupRetentionPeriod"), "21");
    // Without one, it is no drift.
    busy(&bench, "modifying", 600);
    assert!(!bench.plan(&changed).await.changes());
}

#[tokio::test(start_paused = true)]
async fn d10_an_hour_for_a_create_is_not_too_long() {
    let bench = Bench::new();
    let emulator = bench.emulator.clone();
    let slow = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let held = emulator.with_world(|world| {
                let Some(region) = world.regions.get_mut("eu-north-1") else { return false };
                let Some(it) = region.db_instances.get_mut("shop-test") else { return false };
                it.next.iter_mut().for_each(|next| next.at += 3600.0);
                true
            });
            if held {
                return;
            }
        }
    });
    let started = tokio::time::Instant::now();
    all_done(bench.deploy(EVERYTHING).await);
    slow.await.unwrap();
    assert!(started.elapsed() > Duration::from_secs(3600), "{:?}", started.elapsed());
}
