//! G: log groups that a buffered writer makes again.

use super::{deployed, region};
use integration_tests::all_done;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn g1_a_log_group_that_a_writer_makes_again_does_not_stay() {
    let bench = deployed().await;
    let aws = bench.aws().await;
    // The embedded AWS does as AWS: a flow log writes what it holds after its end.
    let (log, vpc) = region(&bench, |region| {
        region.ec2.flow_logs.iter().next().map(|(id, it)| (id.clone(), it.str("logGroupName").to_owned())).unwrap()
    });
    aws.ec2.delete_flow_logs().flow_log_ids(&log).send().await.unwrap();
    aws.logs.delete_log_group().log_group_name(&vpc).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    let there = |region: &mut emulator::world::Region| region.log_groups.get(&vpc).map(|it| it.body.get("retentionInDays").is_none());
    assert_eq!(region(&bench, there), Some(true), "nothing was written after the end");
    let bench = deployed().await;
    all_done(bench.destroy().await);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let left: Vec<String> = region(&bench, |region| region.log_groups.keys().cloned().collect());
    assert_eq!(left, Vec::<String>::new());
}
