//! I: roles that are not known yet, AWS's own roles, credentials that end.

use super::{calls, scripted};
use engine::Class;
use integration_tests::script::Script;
use integration_tests::{Bench, EVERYTHING, all_done};

#[tokio::test(start_paused = true)]
async fn i1_a_role_that_ecs_cannot_take_yet_is_waited_for_and_nothing_else_is() {
    for (message, waits) in [
        (
            "Unable to assume role and validate the specified targetGroupArn. Please verify that the ECS service role being passed has the proper permissions.",
            true,
        ),
        ("The container app does not exist in the task definition.", false),
    ] {
        let script = Script::default().refuse("ecs:CreateService", 4, "InvalidParameterException", message);
        let bench = scripted(&script);
        let outcome = bench.deploy(EVERYTHING).await.unwrap();
        assert_eq!((outcome.ok(), script.count("ecs:CreateService")), if waits { (true, 5) } else { (false, 1) }, "{message}");
    }
    // The wait has an end, and AWS's own words are told.
    let script = Script::default().refuse("ecs:CreateService", usize::MAX, "InvalidParameterException", "Unable to assume role");
    let bench = scripted(&script);
    let outcome = bench.deploy(EVERYTHING).await.unwrap();
    assert!(outcome.failed.iter().any(|(at, fault)| at.name == "service" && fault.message.contains("Unable to assume role")));
}

#[tokio::test(start_paused = true)]
async fn i2_the_role_of_ecs_itself_is_made_when_it_is_missing() {
    let missing = "Unable to assume the service linked role. Please verify that the ECS service linked role exists.";
    let script = Script::default().refuse("ecs:CreateCluster", 2, "InvalidParameterException", missing);
    let bench = scripted(&script);
    all_done(bench.deploy(EVERYTHING).await);
    assert!(bench.emulator.with_world(|world| world.account.roles.contains_key("AWSServiceRoleForECS")));
    // The second attempt finds it there, which AWS calls an error.
    let made: Vec<Option<String>> = calls(&bench, "CreateServiceLinkedRole").into_iter().map(|call| call.error).collect();
    assert_eq!(made, [None, Some("InvalidInput".to_owned())]);
    all_done(bench.destroy().await);
    assert!(bench.emulator.with_world(|world| world.account.roles.contains_key("AWSServiceRoleForECS")), "it is AWS's own");
}

#[tokio::test(start_paused = true)]
async fn i5_credentials_that_end_in_the_middle_stop_the_run_and_the_next_continues() {
    let script = Script::default().refuse(
        "rds:CreateDBSubnetGroup",
        usize::MAX,
        "ExpiredToken",
        "The security token included in the request is expired",
    );
    let bench = scripted(&script);
    let outcome = bench.deploy(EVERYTHING).await.unwrap();
    assert!(outcome.failed.iter().any(|(_, fault)| fault.class == Class::Denied && fault.next_step().contains("get new credentials")));
    assert!(outcome.skipped > 0, "the run went on");
    let before = bench.tagged();
    let fresh = Bench { script: None, ..bench };
    all_done(fresh.deploy(EVERYTHING).await);
    assert!(before > 0 && fresh.tagged() > before && !fresh.plan(EVERYTHING).await.changes());
}
