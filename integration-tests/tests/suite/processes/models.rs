//! Every request that the suites send is checked against AWS's own models, by the world that it reaches or by a gate before it; one that
//! does not fit is refused, so that the suite that sent it fails. This one shows that the check is there, and how far it reaches.

use integration_tests::process::{command, said};
use integration_tests::{Bench, EVERYTHING, all_done, client, gate, models};

#[tokio::test(start_paused = true)]
async fn every_request_of_a_stacks_life_fits_awss_models() {
    let bench = Bench::new();
    if models::checked().is_none() {
        integration_tests::process::skipped("no python3 with botocore on the PATH (pip install boto3)");
        return;
    }
    all_done(bench.deploy(EVERYTHING).await);
    assert!(!bench.plan(EVERYTHING).await.changes());
    let changed = EVERYTHING.replace("[edge]", "[edge]\nidle_timeout = 90").replace("[database]", "[database]\nbackup_days = 9");
    all_done(bench.deploy(&changed).await);
    crate::rotate::rotate(&bench).await.unwrap();
    let used: std::collections::BTreeSet<String> = bench.emulator.calls().into_iter().map(|call| call.action).collect();
    all_done(bench.destroy().await);
    let checked = models::checked().unwrap();
    let known: std::collections::BTreeSet<&str> = checked.operations.iter().filter_map(|it| it.split(':').nth(1)).collect();
    let missed: Vec<&String> = used.iter().filter(|action| !known.contains(action.as_str())).collect();
    assert!(missed.is_empty(), "not checked: {missed:?}");
    assert!(checked.requests > 500 && checked.operations.len() > 100, "{} requests, {:?}", checked.requests, checked.operations);
    integration_tests::told!(
        "{} requests of {} operations were checked; patterns that look around were not: {:?}",
        checked.requests,
        checked.operations.len(),
        checked.unread
    );

    let aws = bench.aws().await;
    for name in ["x".repeat(513), "what is this".to_owned()] {
        let refused = aws.logs.create_log_group().log_group_name(&name).send().await.unwrap_err().into_service_error();
        assert!(format!("{refused:?}").contains("does not fit AWS's model"), "{refused:?}");
    }
}

#[test]
fn what_the_binary_sends_to_its_own_world_is_checked() {
    if models::checked().is_none() {
        integration_tests::process::skipped("no python3 with botocore on the PATH (pip install boto3)");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("base.toml"), "stack = \"shop\"\nregion = \"eu-north-1\"\n").unwrap();
    std::fs::write(dir.path().join("own.toml"), "embedded = true\nspeed = 6000.0\n").unwrap();
    let notes = dir.path().join("notes");
    for args in [&["deploy", "--yes"][..], &["status"], &["destroy", "--yes", "--allow-destroy", "all"]] {
        let mut command = command(dir.path(), args);
        models::noted(&mut command, &notes);
        let output = command.args(["--env", "own", "--config", "."]).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", said(&output));
    }
    let notes = std::fs::read_to_string(notes).unwrap();
    let counts: Vec<(usize, &str)> =
        notes.lines().filter_map(|line| line.split_once(' ')).map(|(n, bad)| (n.parse().unwrap(), bad)).collect();
    integration_tests::told!("requests that were checked by a deploy, a status and a destroy in their own process: {counts:?}");
    assert!(counts.len() == 3 && counts.iter().all(|(requests, bad)| *requests > 30 && bad.is_empty()), "{notes}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_before_another_emulator_refuses_what_does_not_fit() {
    if models::checked().is_none() {
        return;
    }
    let emulator = integration_tests::account(1.0, 3);
    let (behind, server) = gate::serve(emulator.clone(), integration_tests::processes::Gate::open()).await;
    let aws = client(&gate::judged(behind.trim_start_matches("http://")).await, "eu-north-1").await;
    aws.logs.create_log_group().log_group_name("fits").send().await.unwrap();
    let refused = aws.ec2.create_vpc().cidr_block("10.0.0.0/16").instance_tenancy("elsewhere".into()).send().await.unwrap_err();
    assert!(format!("{refused:?}").contains("ValidationException"), "{refused:?}");
    let arrived: Vec<String> = emulator.calls().into_iter().map(|call| call.action).collect();
    assert_eq!(arrived, ["CreateLogGroup"]);
    server.abort();
}
