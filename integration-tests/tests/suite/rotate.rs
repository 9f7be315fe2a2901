//! Another value for a secret: afterwards SSM, the database and every running task have the same one, whatever happens on the way.

mod sweep;

use cli::app::SecretChanged;
use contract::Names;
use emulator::Lag;
use emulator::weather::Death;
use engine::ledger::{Ledger, MemoryLedger};
use engine::{Class, Fault, LayerName, Sink};
use integration_tests::mortal::Mortal;
use integration_tests::{Bench, EVERYTHING, all_done, deployed, region, settings};
use orchestrator::ops::rotate::{Next, Rotation};
use secrecy::SecretString;
use secrets::{Known, Values};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const SERVICE: &str = "shop-test/app";
const PASSWORD: &str = "/shop/test/database-password";
const KEY: &str = "/shop/test/flask-secret-key";

fn known(name: &str) -> Known {
    let config = settings(EVERYTHING).table("secrets").unwrap();
    let names = Names::new("shop", "test").unwrap();
    secrets::known(&config, &names).into_iter().find(|it| it.is_called(name)).unwrap()
}

type Ledgers = BTreeMap<LayerName, Arc<dyn Ledger>>;

fn ledgers(bench: &Bench, of: impl Fn(&MemoryLedger) -> Arc<dyn Ledger>) -> Ledgers {
    bench.ledgers.iter().map(|(layer, ledger)| (*layer, of(ledger))).collect()
}

async fn with(bench: &Bench, ledgers: &Ledgers, name: &str, next: Next) -> Result<SecretChanged, Fault> {
    let (aws, secret) = (bench.aws().await, known(name));
    Rotation { aws: &aws, secret: &secret, ledgers, sink: &Sink::none(), run: "01" }.change(next).await
}

async fn change(bench: &Bench, name: &str, next: Next) -> Result<SecretChanged, Fault> {
    with(bench, &ledgers(bench, |ledger| Arc::new(ledger.clone())), name, next).await
}

pub(crate) async fn rotate(bench: &Bench) -> Result<SecretChanged, Fault> {
    change(bench, "database", Next::Generated).await
}

/// A rotation by a process that dies; whether it did.
async fn die(bench: &Bench, death: &Death) -> bool {
    let mortal = ledgers(bench, |ledger| Arc::new(Mortal { inner: ledger.clone(), death: death.clone() }));
    bench.emulator.death(Some(death.clone()));
    let died = tokio::select! {
        biased;
        () = death.struck() => true,
        ended = with(bench, &mortal, "database", Next::Generated) => ended.is_err(),
    };
    bench.emulator.death(None);
    died
}

/// A deploy as the command makes it: what an earlier run began is finished around it.
async fn deploy(bench: &Bench) {
    let (aws, secret, ledgers) = (bench.aws().await, known("database"), ledgers(bench, |ledger| Arc::new(ledger.clone())));
    let rotation = Rotation { aws: &aws, secret: &secret, ledgers: &ledgers, sink: &Sink::none(), run: "02" };
    rotation.apply_begun().await.unwrap();
    all_done(bench.deploy(EVERYTHING).await);
    rotation.change(Next::Begun).await.unwrap();
}

fn version(bench: &Bench, parameter: &str) -> i64 {
    region(bench, |region| region.parameters[parameter].body["Version"].as_i64().unwrap())
}

fn value(bench: &Bench, parameter: &str) -> String {
    region(bench, |region| region.parameters[parameter].inside["value"].as_str().unwrap().to_owned())
}

/// The versions of a variable that running tasks were started with.
fn injected(bench: &Bench, variable: &str) -> BTreeSet<i64> {
    region(bench, |region| {
        let runs = region.tasks.values().filter(|it| it.str("desiredStatus") == "RUNNING" && it.str("lastStatus") == "RUNNING");
        runs.map(|it| it.inside["secrets"][variable]["version"].as_i64().unwrap()).collect()
    })
}

/// SSM, the database and the tasks have the same password, and nobody works on it.
fn agree(bench: &Bench, what: &str) {
    let (password, now) = (value(bench, PASSWORD), version(bench, PASSWORD));
    region(bench, |region| {
        let it = &region.db_instances["shop-test"];
        assert_eq!(it.inside["password"].as_str(), Some(password.as_str()), "{what}: the database has another one");
        assert_eq!((it.str("DBInstanceStatus"), it.inside.get("next_password")), ("available", None), "{what}");
    });
    assert_eq!(injected(bench, "DATABASE_PASSWORD"), BTreeSet::from([now]), "{what}: tasks have another one");
    let folded = bench.ledgers[&LayerName::Secrets].folded();
    assert_eq!(folded.underway, BTreeMap::new(), "{what}");
}

fn deployments(bench: &Bench) -> Value {
    region(bench, |region| region.services[SERVICE].body["deployments"].clone())
}

#[tokio::test(start_paused = true)]
async fn a_new_password_is_in_ssm_in_the_database_and_in_every_task() {
    let bench = deployed(EVERYTHING).await;
    agree(&bench, "before");
    let (before, first) = (value(&bench, PASSWORD), deployments(&bench)[0]["id"].clone());
    bench.emulator.clear_calls();
    let changed = rotate(&bench).await.unwrap();
    let wanted = SecretChanged { name: "database-password".into(), version: 2, before: 1, database: true, restarted: true, resumed: false };
    assert_eq!(changed, wanted);
    agree(&bench, "after");
    assert_ne!(value(&bench, PASSWORD), before);
    assert_eq!(value(&bench, PASSWORD).len(), 40);
    assert_ne!(deployments(&bench)[0]["id"], first, "no new deployment");
    let changing: Vec<String> = bench.emulator.calls().into_iter().filter(|it| it.changing).map(|it| it.action).collect();
    assert_eq!(changing, ["PutParameter", "ModifyDBInstance", "UpdateService"]);
    // The key and the tags stay, and the other secret.
    region(&bench, |region| {
        assert_eq!(region.parameters[PASSWORD].body["KeyId"], region.parameters[KEY].body["KeyId"]);
        assert!(region.parameters[PASSWORD].tags.contains_key("orchestrator:stack"));
    });
    assert_eq!(version(&bench, KEY), 1);
    let aws = bench.aws().await;
    let history = Values(&aws).history(PASSWORD).await.unwrap();
    assert_eq!(history.iter().map(|it| it.number).collect::<Vec<_>>(), [1, 2]);
    assert!(history.iter().all(|it| it.by.as_deref() == Some("arn:aws:iam::123456789012:user/local") && it.at.is_some()));
}

#[tokio::test(start_paused = true)]
async fn a_deploy_neither_takes_a_rotation_back_nor_calls_it_a_change() {
    let bench = deployed(EVERYTHING).await;
    for turn in 2..=3 {
        let before = value(&bench, PASSWORD);
        assert_eq!(rotate(&bench).await.unwrap().version, turn);
        let after = value(&bench, PASSWORD);
        assert_ne!(before, after);
        assert_eq!(bench.unsettled(EVERYTHING).await, Vec::<String>::new());
        all_done(bench.deploy(EVERYTHING).await);
        assert_eq!(value(&bench, PASSWORD), after);
        agree(&bench, "after a deploy");
    }
    let ended = bench.ledgers[&LayerName::Secrets].folded().ended;
    assert_eq!(ended.iter().map(|it| it.outcome["version"].as_i64().unwrap()).collect::<Vec<_>>(), [2, 3]);
    all_done(bench.destroy().await);
    assert_eq!(bench.tagged(), 0);
    assert!(bench.ledgers[&LayerName::Secrets].folded().ended.is_empty(), "the versions of another parameter");
}

#[tokio::test(start_paused = true)]
async fn a_busy_database_is_waited_for_before_anything_is_changed() {
    for state in ["modifying", "backing-up"] {
        let bench = deployed(EVERYTHING).await;
        let free = bench.emulator.with_world(|world| {
            let end = world.clock.after(Duration::from_secs(300));
            let it = world.regions.get_mut("eu-north-1").unwrap().db_instances.get_mut("shop-test").unwrap();
            it.set(json!({"DBInstanceStatus": state}));
            it.later(end, json!({"DBInstanceStatus": "available"}));
            end
        });
        rotate(&bench).await.unwrap();
        agree(&bench, state);
        let written = region(&bench, |region| region.parameters[PASSWORD].body["LastModifiedDate"].as_f64().unwrap());
        assert!(written >= free, "{state}: tasks that started would have had a password that the database had not");
    }
}

/// Lets the registry lose the image that runs, or have it again.
fn image(bench: &Bench, from: &str, to: &str) {
    region(bench, |region| {
        for it in region.task_definitions.values_mut() {
            let image = &mut it.body["containerDefinitions"][0]["image"];
            *image = json!(image.as_str().unwrap().replace(from, to));
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_fails_says_what_is_where_and_the_same_command_or_a_deploy_goes_on() {
    // At once, while the failed deployment is still the primary one; and when AWS has gone back to the one before.
    for (later, by_deploy) in [(0, false), (600, false), (0, true), (600, true)] {
        let what = format!("{later} s later, by {}", if by_deploy { "deploy" } else { "rotate" });
        let bench = deployed(EVERYTHING).await;
        image(&bench, ":1.0", ":broken");
        let fault = rotate(&bench).await.unwrap_err();
        assert_eq!(fault.class, Class::Invalid);
        for said in ["SSM and the database have version 2", "earlier one", "CannotPullContainerError"] {
            assert!(fault.message.contains(said), "{what}: {}", fault.message);
        }
        assert!(fault.next_step().contains("same command"), "{what}: {}", fault.next_step());
        assert_eq!(injected(&bench, "DATABASE_PASSWORD"), BTreeSet::from([1]), "{what}: the old tasks run on");
        tokio::time::sleep(Duration::from_secs(later)).await;
        // Again in vain, and then with what was wrong put right.
        rotate(&bench).await.unwrap_err();
        tokio::time::sleep(Duration::from_secs(later)).await;
        image(&bench, ":broken", ":1.0");
        if by_deploy {
            deploy(&bench).await
        } else {
            assert!(rotate(&bench).await.unwrap().resumed)
        }
        agree(&bench, &what);
        assert_eq!(version(&bench, PASSWORD), 2, "{what}");
        assert_eq!(bench.unsettled(EVERYTHING).await, Vec::<String>::new(), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_given_value_is_set_and_what_reads_it_is_started_with_it() {
    let bench = deployed(EVERYTHING).await;
    let given = "a value with spaces, \"quotes\" and an umlaut: ä";
    let changed = change(&bench, "FLASK_SECRET_KEY", Next::Given(SecretString::from(given))).await.unwrap();
    assert_eq!((changed.version, changed.database, changed.restarted), (2, false, true));
    assert_eq!(value(&bench, KEY), given);
    assert_eq!(injected(&bench, "FLASK_SECRET_KEY"), BTreeSet::from([2]));
    agree(&bench, "the password was not touched");
    let password = "given-password-of-the-database";
    change(&bench, "DATABASE_PASSWORD", Next::Given(SecretString::from(password))).await.unwrap();
    assert_eq!(value(&bench, PASSWORD), password);
    agree(&bench, "given");
    let rotated = change(&bench, "flask-secret-key", Next::Generated).await.unwrap();
    assert_eq!((rotated.version, value(&bench, KEY).len()), (3, 50));
    assert_eq!(injected(&bench, "FLASK_SECRET_KEY"), BTreeSet::from([3]));
    assert_eq!(bench.unsettled(EVERYTHING).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_no_task_reads_restarts_nothing() {
    let bench = deployed(EVERYTHING).await;
    region(&bench, |region| {
        for it in region.task_definitions.values_mut() {
            it.body["containerDefinitions"][0]["secrets"] = json!([]);
        }
    });
    let first = deployments(&bench);
    assert!(!change(&bench, "FLASK_SECRET_KEY", Next::Generated).await.unwrap().restarted);
    assert_eq!(deployments(&bench)[0]["id"], first[0]["id"]);
}

#[tokio::test(start_paused = true)]
async fn before_the_first_deploy_it_says_what_to_do() {
    let fault = rotate(&Bench::new()).await.unwrap_err();
    assert!(fault.class == Class::Stale && fault.next_step().contains("deploy"), "{fault:?}");
}

#[tokio::test(start_paused = true)]
async fn reads_that_are_behind_mislead_nobody() {
    for behind in [1, 5, 30, 45] {
        let bench = deployed(EVERYTHING).await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        bench.emulator.lag(Some(Lag { reads: Duration::from_secs(behind), unknown_ids: false }));
        let changed = rotate(&bench).await.unwrap();
        bench.emulator.lag(None);
        assert_eq!(changed.version, 2);
        agree(&bench, &format!("{behind} s behind"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_that_others_write_on_the_way_is_what_everybody_gets() {
    let bench = deployed(EVERYTHING).await;
    let aws = bench.aws().await;
    let others = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let call = aws.ssm.put_parameter().name(PASSWORD).value("somebody-elses-password").overwrite(true);
        let key = region(&bench, |region| region.parameters[PASSWORD].str("KeyId").to_owned());
        call.r#type(aws_sdk_ssm::types::ParameterType::SecureString).key_id(key).send().await.unwrap();
    };
    let (changed, ()) = tokio::join!(rotate(&bench), others);
    assert_eq!((changed.unwrap().version, value(&bench, PASSWORD).as_str()), (3, "somebody-elses-password"));
    agree(&bench, "the later one");
}

#[tokio::test(start_paused = true)]
async fn a_long_history_comes_in_pages_and_ends_where_aws_forgets() {
    let bench = deployed(EVERYTHING).await;
    let aws = bench.aws().await;
    for number in 2..=120 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let call = aws.ssm.put_parameter().name(KEY).value(format!("value-number-{number}")).overwrite(true);
        assert_eq!(call.send().await.unwrap().version, number);
    }
    bench.emulator.clear_calls();
    let numbers: Vec<i64> = Values(&aws).history(KEY).await.unwrap().iter().map(|it| it.number).collect();
    assert_eq!(numbers, (21..=120).collect::<Vec<i64>>());
    assert_eq!(bench.emulator.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_given_value_takes_the_place_of_a_rotation_that_was_cut_off() {
    for death in 0..14 {
        let bench = deployed(EVERYTHING).await;
        die(&bench, &Death::at(death / 2, death % 2 == 1)).await;
        let password = format!("given-after-death-number-{death}");
        let changed = change(&bench, "database", Next::Given(SecretString::from(password.clone()))).await.unwrap();
        assert!(!changed.resumed);
        assert_eq!(value(&bench, PASSWORD), password);
        agree(&bench, &password);
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_that_was_cut_off_before_its_value_was_written_is_nothing_to_finish() {
    let bench = deployed(EVERYTHING).await;
    let state = json!({"run": "01", "at": "2026-11-25T10:00:00Z", "how": "set", "from": 1, "version": 2, "phase": "wanted"});
    let entry = engine::ledger::Entry::Underway { task: "database-password".into(), state };
    bench.ledgers[&LayerName::Secrets].append(entry).await.unwrap();
    deploy(&bench).await;
    agree(&bench, "after a deploy");
    assert_eq!(version(&bench, PASSWORD), 1);
}

#[tokio::test(start_paused = true)]
async fn a_database_or_a_service_that_is_gone_is_made_with_the_new_password() {
    for gone in ["database", "service"] {
        let bench = deployed(EVERYTHING).await;
        // SSM has it, nobody else.
        die(&bench, &Death::at(2, true)).await;
        region(&bench, |region| match gone {
            "database" => drop(region.db_instances.remove("shop-test")),
            _ => {
                region.services.remove(SERVICE);
                region.tasks.clear();
            }
        });
        tokio::time::sleep(Duration::from_secs(7200)).await;
        deploy(&bench).await;
        agree(&bench, gone);
        assert_eq!(version(&bench, PASSWORD), 2, "{gone}");
    }
}
