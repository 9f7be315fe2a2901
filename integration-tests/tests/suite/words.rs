//! What a plan says: real plans of the whole stack as people read them. Variable ids and names stand as `…`.

use cli::render::{markdown, plan};
use engine::plan::{Plan, Verb};
use integration_tests::{EVERYTHING, deployed, region};

/// The text without colours, with generated ids as `…`.
fn text(shown: &str) -> String {
    let mut plain = String::new();
    let mut rest = shown;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain += before;
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain += rest;
    let generated = |word: &str| {
        let hex = word.rsplit(['-', '/']).next().unwrap_or_default();
        hex.len() >= 8 && hex.chars().all(|c| c.is_ascii_hexdigit()) && word.contains(['-', '/'])
    };
    let words = |line: &str| line.split(' ').map(|word| if generated(word) { "…" } else { word }).collect::<Vec<_>>().join(" ");
    plain.lines().map(|line| words(line).trim_end().to_owned() + "\n").collect()
}

/// The lines that stand below `address`'s name.
fn only(plan: &Plan, names: &[&str]) -> Plan {
    let steps = plan.steps.iter().filter(|(_, step)| step.verb == Verb::Keep || names.contains(&step.address().to_string().as_str()));
    Plan { steps: steps.map(|(id, step)| (id.clone(), step.clone())).collect(), ..plan.clone() }
}

#[tokio::test(start_paused = true)]
async fn a_change_in_each_layer() {
    let bench = deployed(EVERYTHING).await;
    let changed = EVERYTHING
        .replace("LOG_LEVEL = \"info\"", "LOG_LEVEL = \"debug\"\nREGION = \"north\"")
        .replace("length = 50", "length = 60\n[secrets.app.SALT]\nlength = 32")
        .replace("interface_endpoints = [\"logs\", \"ssm\"]", "interface_endpoints = [\"logs\", \"kms\"]")
        .replace("exec = true", "exec = false");
    let made = bench.plan(&changed).await;
    insta::assert_snapshot!("change", text(&plan(&made, None)));
    insta::assert_snapshot!("change_markdown", text(&markdown(&made)));
    let narrow = text(&plan(&made, Some(80)));
    let long: Vec<&str> = narrow.lines().filter(|line| line.starts_with("      ") && line.chars().count() > 80).collect();
    assert!(long.is_empty(), "wider than 80: {long:#?}");
    assert!(narrow.contains('…'), "nothing was long");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_lost_is_loud() {
    let bench = deployed(EVERYTHING).await;
    let moved = EVERYTHING.replace("final_snapshot = false", "final_snapshot = false\nname = \"other\"");
    let made = bench.plan(&moved).await;
    insta::assert_snapshot!("loss", text(&plan(&made, None)));
    let said = text(&markdown(&made));
    assert!(said.starts_with("**DATA WILL BE LOST in database/instance. Plan: 2 to replace, "), "{said}");
    assert!(said.contains("<details open><summary>database"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_was_edited_by_hand_is_shown_by_key() {
    let bench = deployed(EVERYTHING).await;
    bench.emulator.with_world(|world| {
        let role = world.account.roles.values_mut().find(|role| role.str("RoleName").ends_with("-task")).unwrap();
        let policies = role.inside["policies"].as_object_mut().unwrap();
        for policy in policies.values_mut() {
            *policy = serde_json::Value::String(policy.as_str().unwrap().replace("ssmmessages%3AOpenDataChannel", "iam%3APassRole"));
            *policy = serde_json::Value::String(policy.as_str().unwrap().replace("ssmmessages:OpenDataChannel", "iam:PassRole"));
        }
    });
    let group = region(&bench, |region| region.ec2.security_groups.keys().next().unwrap().clone());
    assert!(group.starts_with("sg-"));
    let made = bench.plan(EVERYTHING).await;
    insta::assert_snapshot!("drift", text(&plan(&only(&made, &["compute/task-role"]), None)));
}
