//! Every damage to a ledger in a bucket is found before anything is called, with the entry and the way to repair it.

use crate::ledger_s3::entry;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use emulator::services::s3::Bucket;
use engine::LayerName;
use engine::ledger::{LedgerError, Store};
use integration_tests::shared::{SharedBench, holder};

const LAYER: LayerName = LayerName::Network;

fn key(number: usize) -> String {
    format!("teams/blue/test/network/entries/{number:08}.json")
}

/// Five objects of one entry each.
async fn five() -> SharedBench {
    let bench = SharedBench::new().await;
    let ledger = bench.store.open(LAYER, &holder(1)).await.unwrap().ledger;
    for number in 1..=5 {
        ledger.append(entry(number)).await.unwrap();
    }
    ledger.close().await.unwrap();
    bench
}

/// What damages object `at` of five, and what it is called.
type Damage = (&'static str, fn(&mut Bucket, usize));

fn edit(bucket: &mut Bucket, at: usize, change: impl FnOnce(&mut Vec<u8>)) {
    let object = bucket.objects.get_mut(&key(at)).unwrap();
    let mut body = object.text().into_bytes();
    change(&mut body);
    object.body = STANDARD.encode(body);
}

const DAMAGES: [Damage; 8] = [
    ("emptied", |bucket, at| edit(bucket, at, Vec::clear)),
    ("torn", |bucket, at| edit(bucket, at, |body| body.truncate(body.len() / 2))),
    ("a bit flipped", |bucket, at| edit(bucket, at, |body| body[200] ^= 4)),
    ("written by hand", |bucket, at| edit(bucket, at, |body| *body = b"{\"v\":1,\"entries\":[]}".to_vec())),
    ("taken away", |bucket, at| drop(bucket.objects.remove(&key(at)))),
    ("swapped with the next", |bucket, at| {
        let (one, other) = (bucket.objects[&key(at)].clone(), bucket.objects[&key(at + 1)].clone());
        bucket.objects.insert(key(at), other);
        bucket.objects.insert(key(at + 1), one);
    }),
    ("a copy of the next", |bucket, at| {
        let next = bucket.objects[&key(at + 1)].clone();
        bucket.objects.insert(key(at), next);
    }),
    ("a copy of the one before", |bucket, at| {
        let before = bucket.objects[&key(if at == 1 { 5 } else { at - 1 })].clone();
        bucket.objects.insert(key(at), before);
    }),
];

#[tokio::test(start_paused = true)]
async fn damage_is_refused_with_its_entry_and_nothing_is_called() {
    for (what, damage) in DAMAGES {
        for at in 1..=4 {
            let bench = five().await;
            bench.bucket(|bucket| damage(bucket, at));
            let before = bench.keys("");
            let refused = bench.store.open(LAYER, &holder(2)).await.err().unwrap();
            let LedgerError::Damaged { path, number, problem } = &refused else { panic!("{what} {at}: {refused}") };
            assert_eq!((path.display().to_string(), *number), (format!("s3://shop-ledger/{}", key(at)), at), "{what}: {refused}");
            assert!(problem.contains("aws s3api list-object-versions --bucket shop-ledger --prefix teams/blue/test/network"), "{problem}");
            assert!(matches!(bench.store.read(LAYER).await, Err(LedgerError::Damaged { .. })), "{what} {at}");
            assert_eq!(bench.keys(""), before, "{what} {at}: something was written, or the lock stays");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_bit_of_an_object_counts() {
    let bench = five().await;
    let length = bench.bucket(|bucket| bucket.objects[&key(3)].text().len());
    for bit in (0..length * 8).step_by(7) {
        bench.bucket(|bucket| edit(bucket, 3, |body| body[bit / 8] ^= 1 << (bit % 8)));
        let refused = bench.store.read(LAYER).await.unwrap_err();
        assert!(matches!(refused, LedgerError::Damaged { number: 3, .. } | LedgerError::Newer { .. }), "bit {bit}: {refused}");
        // `text` reads as UTF-8: the flipped byte is put back in the raw body.
        let object = bench.bucket(|bucket| bucket.objects[&key(3)].clone());
        let mut raw = STANDARD.decode(&object.body).unwrap();
        raw[bit / 8] ^= 1 << (bit % 8);
        bench.bucket(|bucket| bucket.objects.get_mut(&key(3)).unwrap().body = STANDARD.encode(raw));
    }
    assert_eq!(bench.store.read(LAYER).await.unwrap().sequence, 5);
}

#[tokio::test(start_paused = true)]
async fn a_newer_ledger_and_another_stacks_are_refused() {
    let bench = five().await;
    bench.bucket(|bucket| {
        edit(bucket, 5, |body| *body = String::from_utf8_lossy(body).replace("\"v\":1", "\"v\":2").into_bytes());
    });
    let refused = bench.store.open(LAYER, &holder(2)).await.err().unwrap();
    assert!(matches!(refused, LedgerError::Newer { found: 2, .. }), "{refused}");
    // The network's objects in the place of the secrets' ones.
    let bench = five().await;
    bench.bucket(|bucket| {
        let own: Vec<_> = bucket.objects.iter().map(|(key, object)| (key.replace("/network/", "/secrets/"), object.clone())).collect();
        bucket.objects.extend(own);
    });
    let refused = bench.store.read(LayerName::Secrets).await.unwrap_err();
    assert!(refused.to_string().contains("it belongs to shop/test/network"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_snapshot_is_made_up_for_by_the_one_before() {
    let bench = SharedBench::new().await;
    for run in 1..=7 {
        let ledger = bench.store.open(LAYER, &holder(run)).await.unwrap().ledger;
        for number in 0..60 {
            ledger.append(entry(100 * run + number)).await.unwrap();
        }
        ledger.close().await.unwrap();
    }
    let whole = bench.store.read(LAYER).await.unwrap();
    let newest = bench.keys("snapshots/").pop().unwrap();
    bench.bucket(|bucket| {
        let object = bucket.objects.get_mut(&newest).unwrap();
        object.body = STANDARD.encode(object.text().replace("deploy", "destroy"));
    });
    let refused = bench.store.read(LAYER).await.unwrap_err();
    assert!(matches!(&refused, LedgerError::Damaged { path, .. } if path.ends_with(&newest)), "{refused}");
    bench.bucket(|bucket| drop(bucket.objects.remove(&newest)));
    assert_eq!(bench.store.read(LAYER).await.unwrap(), whole);
}
