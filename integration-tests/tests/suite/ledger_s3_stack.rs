//! The whole stack with its ledgers in a bucket: its life, two runs at once, a bucket that goes away in the middle, deaths.

use aws::ledger::init::{LEDGER_TAG, init};
use aws::ledger::{Place, Shared};
use emulator::services::s3::Bucket;
use emulator::weather::{Death, Fault, Weather};
use engine::ledger::{LedgerError, Store};
use engine::{Class, LayerName};
use integration_tests::shared::{BUCKET, SharedBench, holder, over_s3};
use integration_tests::{Bench, EVERYTHING};
use std::collections::BTreeMap;

/// How many deaths a usual run of the suite tries; `SWEEP=full` tries every one.
const SAMPLE: usize = 3;

async fn done(bench: &SharedBench, env: Option<&str>) -> Vec<String> {
    let (outcome, said) = bench.run(env).await.unwrap();
    assert!(outcome.ok(), "{:#?}", outcome.failed);
    said
}

#[tokio::test(start_paused = true)]
async fn a_stack_lives_and_goes_with_its_ledger_in_a_bucket() {
    let bench = SharedBench::new().await;
    assert_eq!(done(&bench, Some(EVERYTHING)).await, Vec::<String>::new());
    let entries: u64 = bench.memory().await.unwrap().values().map(|folded| folded.sequence).sum();
    let objects = bench.keys("entries/").len();
    assert!(objects < entries as usize, "{entries} entries in {objects} objects");
    assert_eq!(bench.keys("lock.json"), Vec::<String>::new());
    bench.emulator.clear_calls();
    assert!(!bench.plan(EVERYTHING).await.changes());
    assert_eq!(bench.emulator.calls().iter().filter(|call| call.changing).count(), 0, "a plan writes");
    done(&bench, None).await;
    assert_eq!(bench.tagged(), 0);
    assert!(bench.emulator.with_world(|world| world.account.buckets.contains_key(BUCKET)), "the bucket went with the stack");
}

#[tokio::test(start_paused = true)]
async fn of_two_runs_at_once_one_enters() {
    let bench = SharedBench::new().await;
    let (one, other) = tokio::join!(bench.run(Some(EVERYTHING)), bench.run(Some(EVERYTHING)));
    let (mut entered, mut refused) = (0, Vec::new());
    for run in [one, other] {
        match run {
            Ok((outcome, _)) => entered += usize::from(outcome.ok()),
            Err(said) => refused.push(said),
        }
    }
    assert_eq!(entered, 1, "{refused:?}");
    assert!(refused.len() == 1 && refused[0].contains("network is locked by ada on laptop"), "{refused:?}");
    let calm = SharedBench::new().await;
    done(&calm, Some(EVERYTHING)).await;
    assert_eq!(bench.census().await, calm.census().await);
    assert!(!bench.plan(EVERYTHING).await.changes());
}

/// The bucket goes away in the middle: what is in flight ends and is kept here; the next run takes it in.
#[tokio::test(start_paused = true)]
async fn a_bucket_that_goes_away_costs_nothing() {
    let calm = SharedBench::new().await;
    calm.emulator.clear_calls();
    done(&calm, Some(EVERYTHING)).await;
    let wanted = calm.census().await;
    let calls = calm.emulator.calls().iter().filter(|call| call.service == "s3").count();
    for (fault, at) in [(Fault::ResetBefore, 2), (Fault::Http500, 3), (Fault::CommittedThenLost, 3), (Fault::ResetBefore, 4)] {
        let what = format!("{fault:?} from call {at}/8 of {calls} on");
        let bench = SharedBench::new().await;
        bench.emulator.weather(over_s3(fault, calls * at / 8, usize::MAX));
        let ended = bench.run(Some(EVERYTHING)).await.err().unwrap();
        assert!(ended.contains("cannot be") && ended.contains("rescue") && ended.contains("ledger push"), "{what}: {ended}");
        assert!(!bench.rescues().is_empty(), "{what}");
        bench.emulator.weather(Weather::default());
        let said = done(&bench, Some(EVERYTHING)).await;
        assert_eq!(bench.census().await, wanted, "{what}: {said:?}");
        assert_eq!(bench.tagged(), wanted.values().sum::<usize>(), "{what}");
        assert_eq!(bench.rescues(), Vec::<std::path::PathBuf>::new(), "{what}: {said:?}");
        assert!(said.iter().any(|line| line.contains("were taken in from")), "{what}: {said:?}");
        assert!(!bench.plan(EVERYTHING).await.changes(), "{what}");
        done(&bench, None).await;
        assert_eq!(bench.tagged(), 0, "{what}");
    }
}

/// Between the outage and the next run somebody else has written: the copy is set aside, and AWS is looked at.
#[tokio::test(start_paused = true)]
async fn a_rescue_copy_that_does_not_continue_is_set_aside() {
    let bench = SharedBench::new().await;
    let ledger = bench.store.open(LayerName::Network, &holder(1)).await.unwrap().ledger;
    bench.emulator.weather(over_s3(Fault::ResetBefore, 0, usize::MAX));
    assert!(matches!(ledger.append(crate::ledger_s3::entry(1)).await, Err(LedgerError::Remote { rescue: Some(_), .. })));
    bench.emulator.weather(Weather::default());
    assert!(bench.store.unlock(LayerName::Network, &holder(1).run).await.unwrap());
    let other = bench.elsewhere().await.open(LayerName::Network, &holder(2)).await.unwrap().ledger;
    other.append(crate::ledger_s3::entry(2)).await.unwrap();
    other.close().await.unwrap();
    let opened = bench.store.open(LayerName::Network, &holder(3)).await.unwrap();
    assert!(opened.warnings[0].contains("another run has written since"), "{:?}", opened.warnings);
    assert_eq!(opened.ledger.folded().sequence, 1);
    assert!(bench.rescues().iter().all(|path| path.to_string_lossy().ends_with(".stale")));
    // After an `unlock` alone it continues: a fence holds no entry.
    let bench = SharedBench::new().await;
    let ledger = bench.store.open(LayerName::Network, &holder(1)).await.unwrap().ledger;
    bench.emulator.weather(over_s3(Fault::ResetBefore, 0, usize::MAX));
    assert!(ledger.append(crate::ledger_s3::entry(1)).await.is_err());
    bench.emulator.weather(Weather::default());
    assert!(bench.store.unlock(LayerName::Network, &holder(1).run).await.unwrap());
    let opened = bench.store.open(LayerName::Network, &holder(2)).await.unwrap();
    assert!(opened.warnings[0].contains("1 entries of run"), "{:?}", opened.warnings);
    assert_eq!(opened.ledger.folded().sequence, 1);
}

#[tokio::test(start_paused = true)]
async fn a_death_at_any_write_is_made_up_for() {
    let calm = SharedBench::new().await;
    let death = Death::at(usize::MAX, false);
    assert!(!calm.die(Some(EVERYTHING), &death).await);
    let (wanted, events) = (calm.census().await, death.events());
    let step = if integration_tests::sweep::full() { 1 } else { (2 * events).div_ceil(SAMPLE) };
    let deaths: Vec<usize> = (0..2 * events).step_by(step).collect();
    integration_tests::told!("create with a ledger in a bucket: {} of {} deaths (SWEEP=full for all)", deaths.len(), 2 * events);
    for death in deaths {
        let what = format!("dies {} event {}", if death % 2 == 1 { "after" } else { "before" }, death / 2);
        let bench = SharedBench::new().await;
        assert!(bench.die(Some(EVERYTHING), &Death::at(death / 2, death % 2 == 1)).await, "{what}: it lives");
        let named: usize = bench.census().await.values().sum();
        assert_eq!(named, bench.tagged(), "{what}: an object exists that the ledger does not name");
        done(&bench, Some(EVERYTHING)).await;
        assert_eq!(bench.census().await, wanted, "{what}");
        assert_eq!(bench.tagged(), wanted.values().sum::<usize>(), "{what}");
        done(&bench, None).await;
        assert_eq!(bench.tagged(), 0, "{what}");
    }
}

fn shared(kms_key: Option<&str>) -> Shared {
    let place = Place::parse(&format!("s3://{BUCKET}/x")).unwrap();
    Shared {
        place,
        stack: "shop".into(),
        env: "test".into(),
        kms_key: kms_key.map(str::to_owned),
        rescue: "rescue".into(),
        gone: |_| false,
    }
}

#[tokio::test(start_paused = true)]
async fn init_makes_the_bucket_once_and_completes_one_that_is_half_made() {
    let tags = BTreeMap::from([("team".to_owned(), "blue".to_owned())]);
    let bench = Bench::new();
    let aws = bench.aws().await;
    let said = init(&aws, &shared(Some("alias/ledger")), &tags).await.unwrap();
    assert!(said[0].contains("made the bucket shop-ledger in eu-north-1"), "{said:?}");
    let whole = bench.emulator.with_world(|world| world.account.buckets[BUCKET].clone());
    let (settings, of) = (&whole.settings, |name: &str| whole.settings[name].to_string());
    assert_eq!(settings["BucketVersioning"]["Status"], "Enabled");
    assert!(of("BucketEncryption").contains("aws:kms") && of("BucketEncryption").contains("alias/ledger"));
    assert_eq!(of("PublicAccessBlock").matches("\"true\"").count(), 4);
    assert!(of("BucketPolicy").contains("aws:SecureTransport") && of("BucketPolicy").contains("Deny"));
    assert!(of("BucketLifecycleConfiguration").contains("NoncurrentDays"));
    assert_eq!((whole.tags[LEDGER_TAG].as_str(), whole.tags["team"].as_str()), ("shop", "blue"));
    bench.emulator.clear_calls();
    assert_eq!(init(&aws, &shared(Some("alias/ledger")), &tags).await.unwrap(), Vec::<String>::new());
    assert_eq!(bench.changing_calls(), 0);
    // Each of its calls is lost once: the next time it ends where it should.
    for lost in 0..6 {
        let bench = Bench::new();
        let aws = bench.aws().await;
        bench.emulator.weather(Weather::on_change(Fault::CommittedThenLost, lost, 8));
        init(&aws, &shared(Some("alias/ledger")), &tags).await.unwrap_err();
        bench.emulator.weather(Weather::default());
        init(&aws, &shared(Some("alias/ledger")), &tags).await.unwrap();
        let again = bench.emulator.with_world(|world| world.account.buckets[BUCKET].clone());
        assert_eq!((&again.settings, &again.tags), (&whole.settings, &whole.tags), "call {lost} was lost");
    }
}

#[tokio::test(start_paused = true)]
async fn init_leaves_the_bucket_of_others_alone() {
    let bench = Bench::new();
    let aws = bench.aws().await;
    let put = |bucket: Bucket| bench.emulator.with_world(|world| drop(world.account.buckets.insert(BUCKET.into(), bucket)));
    put(Bucket { foreign: true, ..Bucket::default() });
    let refused = init(&aws, &shared(None), &BTreeMap::new()).await.unwrap_err();
    assert_eq!(refused.class, Class::Foreign, "{refused:?}");
    let objects = BTreeMap::from([("photo.jpg".to_owned(), Default::default())]);
    put(Bucket { region: "eu-north-1".into(), objects, ..Bucket::default() });
    let refused = init(&aws, &shared(None), &BTreeMap::new()).await.unwrap_err();
    assert!(refused.class == Class::Foreign && refused.next_step().contains(LEDGER_TAG), "{refused:?}");
    assert_eq!(bench.changing_calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn objects_are_encrypted_with_the_key_of_the_settings() {
    let bench = SharedBench::new().await;
    let aws = Bench { emulator: bench.emulator.clone(), ledgers: BTreeMap::new(), script: None, polls: 1.0 }.aws().await;
    for (key, named) in [("alias/ledger", Some("alias/ledger")), ("alias/aws/s3", None)] {
        let store = aws::ledger::S3Store::new(&aws, shared(Some(key)));
        let ledger = store.open(LayerName::Edge, &holder(1)).await.unwrap().ledger;
        ledger.append(crate::ledger_s3::entry(1)).await.unwrap();
        ledger.close().await.unwrap();
        let written = bench.keys("x/test/edge/entries/").pop().unwrap();
        let headers = bench.bucket(|bucket| bucket.objects[&written].headers.clone());
        assert_eq!(headers["x-amz-server-side-encryption"], "aws:kms");
        assert_eq!(headers.get("x-amz-server-side-encryption-aws-kms-key-id").map(String::as_str), named);
    }
}
