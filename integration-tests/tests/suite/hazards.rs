//! What real AWS does to a tool like this one: each hazard of the list in a test that carries its number, in a test elsewhere, or
//! with a line that says why the embedded AWS cannot show it.

mod api;
mod database;
mod ecs;
mod identity;
mod load_balancer;
mod logs;
mod names;
mod network;
mod parameters;
mod process;

use emulator::CallRecord;
use emulator::world::Region;
use integration_tests::script::Script;
use integration_tests::{Bench, EVERYTHING, deployed as deployed_with};
use std::path::Path;

/// Where a hazard is shown.
enum Line {
    /// A test function.
    Test(&'static str),
    /// Nowhere, and why.
    Not(&'static str),
}
use Line::{Not, Test};

/// How many hazards each letter has.
const HAZARDS: [(&str, usize); 11] =
    [("I", 5), ("V", 8), ("E", 11), ("L", 7), ("D", 10), ("S", 5), ("K", 2), ("G", 2), ("T", 4), ("P", 4), ("N", 3)];

const LINES: &[(&str, Line)] = &[
    ("I1", Test("i1_a_role_that_ecs_cannot_take_yet_is_waited_for_and_nothing_else_is")),
    ("I2", Test("i2_the_role_of_ecs_itself_is_made_when_it_is_missing")),
    ("I3", Test("the_service_goes_before_what_its_tasks_use")),
    ("I4", Test("the_launch_waits_until_ec2_knows_the_profile")),
    ("I5", Test("credentials_that_end_too_early_are_said_and_others_are_not")),
    ("I5", Test("i5_credentials_that_end_in_the_middle_stop_the_run_and_the_next_continues")),
    ("V1", Test("v1_the_internet_gateway_stays_while_an_address_is_mapped")),
    ("V2", Test("v2_an_address_is_released_after_its_gateway_is_gone")),
    ("V3", Test("v3_a_gateway_has_a_token_and_a_deleted_one_is_no_gateway")),
    ("V4", Test("v4_interfaces_that_linger_are_waited_for")),
    ("V5", Test("v5_rules_that_name_each_others_groups_go_before_the_groups")),
    ("V6", Test("v6_a_network_goes_in_the_order_that_aws_wants")),
    ("V7", Test("a_deploy_ends_well_however_late_reads_show_it")),
    ("V8", Test("v8_another_range_of_the_network_is_stopped_at_the_plan")),
    ("E1", Test("a_service_comes_back_while_its_predecessor_still_drains")),
    ("E2", Test("a_service_that_drains_already_is_no_obstacle_to_a_destroy")),
    ("E3", Test("e3_a_delete_that_must_wait_is_repeated")),
    ("E4", Test("e4_a_service_comes_after_the_listener_and_waits_for_it")),
    ("E5", Test("e5_a_service_is_made_once_whatever_is_lost")),
    ("E6", Test("e6_a_rollout_that_fails_alike_twice_is_told_before_the_breaker_opens_at_three")),
    (
        "E7",
        Not(
            "alarms that already ring are not watched during a rollout: no deployment alarms are declared, the circuit breaker alone judges",
        ),
    ),
    ("E7", Test("e7_a_rollout_is_judged_by_the_breaker_alone")),
    ("E8", Test("the_desired_count_belongs_to_autoscaling")),
    ("E9", Test("a_new_image_is_a_new_revision_and_the_old_one_goes_last")),
    ("E10", Test("e10_what_ecs_manages_itself_is_neither_drift_nor_ours")),
    ("E11", Test("e11_a_rollout_cannot_block_itself")),
    ("L1", Test("l1_a_name_that_a_balancer_cannot_have_is_refused_first")),
    ("L2", Test("a_load_balancer_of_that_name_that_is_not_ours_is_refused")),
    ("L3", Test("l3_only_attributes_that_every_partition_knows_are_set")),
    ("L4", Test("l4_a_protected_balancer_is_unlocked_before_it_goes")),
    ("L5", Test("a_target_group_that_a_listener_still_holds_is_deleted_when_it_is_free")),
    ("L5", Test("l5_another_port_replaces_the_group_without_a_gap")),
    ("L6", Test("l6_after_a_balancer_its_interfaces_are_waited_for")),
    ("L7", Test("l7_targets_leave_as_fast_as_configured")),
    ("D1", Test("d1_a_taken_name_of_a_last_snapshot_is_no_obstacle")),
    ("D2", Test("a_destroy_clears_the_protection_and_leaves_a_snapshot")),
    ("D3", Test("d3_a_change_waits_until_the_instance_takes_it")),
    ("D4", Test("d4_the_subnet_group_goes_after_the_instance_and_has_two_zones")),
    ("D5", Test("d5_log_groups_that_rds_makes_again_do_not_stay")),
    ("D6", Test("d6_a_version_that_is_not_offered_is_refused_at_the_plan")),
    ("D7", Test("what_waits_for_the_maintenance_window_is_not_drift")),
    ("D8", Test("d8_a_static_parameter_waits_for_a_restart_and_is_not_drift")),
    ("D9", Test("d9_an_instance_that_changes_again_after_its_create_is_waited_for")),
    ("D10", Test("d10_an_hour_for_a_create_is_not_too_long")),
    ("S1", Test("s1_many_secrets_are_written_as_slowly_as_aws_takes_them")),
    ("S2", Test("s2_too_many_updates_are_waited_out")),
    ("S3", Test("s3_a_secret_fits_the_standard_tier")),
    ("S4", Test("s4_a_secret_gets_another_key_without_losing_tags_or_value")),
    ("S5", Test("s5_a_key_that_waits_for_its_deletion_does_not_end_the_plan")),
    ("K1", Test("k1_after_a_destroy_the_key_and_its_alias_come_back")),
    ("K2", Test("s4_a_secret_gets_another_key_without_losing_tags_or_value")),
    ("G1", Test("g1_a_log_group_that_a_writer_makes_again_does_not_stay")),
    ("G2", Test("a_log_group_that_a_service_made_is_taken_over")),
    ("T1", Test("a_storm_of_throttles_over_the_whole_run")),
    ("T2", Test("t2_throttles_do_not_use_up_the_retries_of_a_long_run")),
    ("T3", Test("a_lost_create_that_aws_would_repeat_is_found")),
    ("T4", Test("t4_a_read_that_fails_is_never_nothing")),
    ("P1", Test("sigterm_ends_in_flight_work_and_the_next_run_finishes")),
    ("P2", Test("p2_a_run_that_is_cancelled_records_what_was_in_flight")),
    ("P3", Test("without_its_bucket_the_next_step_is_init")),
    ("P4", Test("of_processes_that_start_together_one_enters_at_a_time")),
    ("N1", Test("n1_balancers_and_target_groups_have_32_characters")),
    ("N2", Test("n2_roles_and_profiles_have_names_that_iam_takes")),
    ("N3", Test("n3_what_a_service_refuses_is_refused_first_with_its_key")),
];

fn read_all(dir: &Path, text: &mut String) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
            read_all(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_hazard_has_its_line() {
    let wanted: Vec<String> = HAZARDS.iter().flat_map(|(letter, count)| (1..=*count).map(move |it| format!("{letter}{it}"))).collect();
    let mut lines: Vec<&str> = LINES.iter().map(|(id, _)| *id).collect();
    lines.dedup();
    assert_eq!(lines, wanted);
    let mut sources = String::new();
    read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut sources);
    for (id, line) in LINES {
        match line {
            Test(name) => {
                let (before, _) = sources.split_once(&format!("fn {name}(")).unwrap_or_else(|| panic!("{id}: there is no test {name}"));
                let last = before.lines().rev().take(3).collect::<String>();
                assert!(last.contains("test]") || last.contains("test("), "{id}: {name} is no test");
            }
            Not(why) => assert!(why.len() > 40, "{id}: say why"),
        }
    }
}

/// The settings that reach every kind, deployed.
async fn deployed() -> Bench {
    deployed_with(EVERYTHING).await
}

/// A stack whose AWS refuses what the script says.
fn scripted(script: &Script) -> Bench {
    Bench { script: Some(script.clone()), ..Bench::new() }
}

fn region<T>(bench: &Bench, look: impl FnOnce(&mut Region) -> T) -> T {
    bench.emulator.with_world(|world| look(world.regions.get_mut("eu-north-1").unwrap()))
}

/// The calls to `action` since the calls were cleared.
fn calls(bench: &Bench, action: &str) -> Vec<CallRecord> {
    bench.emulator.calls().into_iter().filter(|call| call.action == action).collect()
}

/// The places of the successful calls to `action` among all that changed something.
fn places(bench: &Bench, action: &str) -> Vec<usize> {
    let changed: Vec<CallRecord> = bench.emulator.calls().into_iter().filter(|call| call.changing && call.error.is_none()).collect();
    changed.iter().enumerate().filter(|(_, call)| call.action == action).map(|(place, _)| place).collect()
}

/// EVERYTHING with `from` replaced, which must be there.
fn with(from: &str, to: &str) -> String {
    let changed = EVERYTHING.replacen(from, to, 1);
    assert_ne!(changed, EVERYTHING, "{from}");
    changed
}

/// What is left of the stack.
fn nothing_left(bench: &Bench) {
    assert_eq!(bench.emulator.tagged("orchestrator:stack", "shop"), Vec::<String>::new());
}
