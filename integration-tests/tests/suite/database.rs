//! The database layer, read back from the world.

use engine::plan::Verb;
use integration_tests::{Bench, EVERYTHING, all_done, deployed, region};
use serde_json::{Value, json};

fn instance(bench: &Bench) -> Value {
    region(bench, |region| region.db_instances["shop-test"].body.clone())
}

#[tokio::test(start_paused = true)]
async fn the_instance_is_what_was_asked_for() {
    let bench = deployed(EVERYTHING).await;
    let it = instance(&bench);
    let wanted = json!({
        "EngineVersion": "16.3", "AutoMinorVersionUpgrade": "false", "AllocatedStorage": "20", "MaxAllocatedStorage": "100",
        "StorageType": "gp3", "StorageEncrypted": "true", "PubliclyAccessible": "false", "MultiAZ": "false", "BackupRetentionPeriod": "7",
        "PreferredBackupWindow": "03:00-04:00", "PreferredMaintenanceWindow": "sun:04:00-sun:05:00", "DeletionProtection": "true",
        "DBInstanceStatus": "available", "PerformanceInsightsEnabled": "true", "IAMDatabaseAuthenticationEnabled": "true",
    });
    for (field, value) in wanted.as_object().unwrap() {
        assert_eq!(&it[field], value, "{field}");
    }
    assert_eq!(it["EnabledCloudwatchLogsExports"], json!(["postgresql", "upgrade"]));
    region(&bench, |region| {
        assert_eq!(it["KmsKeyId"], region.keys.values().next().unwrap().str("Arn"));
        let parameters = &region.db_parameter_groups["shop-test-pg16"].inside;
        assert_eq!(
            (&parameters["rds.force_ssl"]["value"], &parameters["log_min_duration_statement"]["value"]),
            (&json!("1"), &json!("500"))
        );
        let group = &region.ec2.security_groups[it["VpcSecurityGroups"][0]["VpcSecurityGroupId"].as_str().unwrap()];
        assert!(group.name.ends_with("-data"));
        let subnets = it["DBSubnetGroup"]["Subnets"].as_array().unwrap();
        let is_data = |subnet: &Value| {
            let tags = &region.ec2.subnets[subnet["SubnetIdentifier"].as_str().unwrap()].tags;
            tags["orchestrator:address"].contains("subnet-data")
        };
        assert!(subnets.len() == 2 && subnets.iter().all(is_data));
        for alarm in ["cpu", "storage", "connections"] {
            let alarm = &region.alarms[&format!("shop-test-database-{alarm}")];
            assert_eq!(alarm.body["Dimensions"], json!([{"Name": "DBInstanceIdentifier", "Value": "shop-test"}]));
        }
    });
}

#[tokio::test(start_paused = true)]
async fn its_password_is_the_secret_and_is_nowhere_else() {
    let bench = deployed(EVERYTHING).await;
    let (password, secret) = region(&bench, |region| {
        let secret = region.parameters["/shop/test/database-password"].inside["value"].as_str().unwrap().to_owned();
        (region.db_instances["shop-test"].inside["password"].as_str().unwrap().to_owned(), secret)
    });
    assert_eq!(password, secret);
    let said = format!("{:?}{}", bench.ledgers, serde_json::to_string(&bench.plan(EVERYTHING).await).unwrap());
    assert!(!said.contains(&password));
}

#[tokio::test(start_paused = true)]
async fn a_major_takes_the_newest_minor_and_then_leaves_minors_to_rds() {
    let major = EVERYTHING.replace("engine_version = \"16.3\"", "engine_version = \"16\"");
    let bench = deployed(&major).await;
    assert_eq!(
        (instance(&bench)["EngineVersion"].as_str(), instance(&bench)["AutoMinorVersionUpgrade"].as_str()),
        (Some("16.9"), Some("true"))
    );
    region(&bench, |region| region.db_instances.get_mut("shop-test").unwrap().set(json!({"EngineVersion": "16.10"})));
    assert!(!bench.plan(&major).await.changes());
    let back = major.replace("engine_version = \"16\"", "engine_version = \"15\"");
    assert!(bench.deploy(&back).await.unwrap_err().contains("cannot go back"));
}

#[tokio::test(start_paused = true)]
async fn settings_change_in_place_and_state_is_never_replaced_unasked() {
    let bench = deployed(EVERYTHING).await;
    let changed = EVERYTHING.replace("[database]", "[database]\nbackup_days = 14\nclass = \"db.t4g.small\"");
    let plan = bench.plan(&changed).await;
    let touched: Vec<&str> = plan.steps.values().filter(|step| step.verb != Verb::Keep).map(|step| step.address().name.as_str()).collect();
    assert_eq!(touched, ["instance"]);
    all_done(bench.deploy(&changed).await);
    let it = instance(&bench);
    assert_eq!((it["BackupRetentionPeriod"].as_str(), it["DBInstanceClass"].as_str()), (Some("14"), Some("db.t4g.small")));
    assert!(!bench.plan(&changed).await.changes());
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_the_maintenance_window_is_not_drift() {
    let waits = EVERYTHING.replace("[database]", "[database]\napply_immediately = false");
    let bench = deployed(&waits).await;
    let changed = waits.replace("[database]", "[database]\nclass = \"db.t4g.small\"");
    all_done(bench.deploy(&changed).await);
    assert_eq!(instance(&bench)["PendingModifiedValues"], json!({"DBInstanceClass": "db.t4g.small"}));
    assert!(!bench.plan(&changed).await.changes());
}

#[tokio::test(start_paused = true)]
async fn a_destroy_clears_the_protection_and_leaves_a_snapshot() {
    let keeps = EVERYTHING.replace("final_snapshot = false", "final_snapshot = true");
    let bench = deployed(&keeps).await;
    all_done(bench.destroy().await);
    region(&bench, |region| {
        assert!(region.db_instances.is_empty());
        assert!(region.db_snapshots.keys().all(|name| name.starts_with("shop-test-final-")) && region.db_snapshots.len() == 1);
    });
}
