//! Every request that the suites of this process send is checked against AWS's own models; one that does not fit is refused, so that the
//! suite that sent it fails. This one shows that the check is there, and how far it reaches.

use integration_tests::{Bench, EVERYTHING, all_done, models};

#[tokio::test(start_paused = true)]
#[allow(clippy::disallowed_macros)]
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
    println!(
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
