//! Several plans that look at once: who gets which answer, and that nobody waits for somebody who will never ask.
#![allow(clippy::unwrap_used)]

use engine::driver::AskValue;
use engine::resource::{Identity, IdentityBy, Kind, Resource, Scope};
use engine::{Address, Ask, Class, Driver, Fault, Found, Gather, Kinds, LayerName, Seat, Seen, Ticks};
use futures::future::join_all;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Thing {
    name: String,
}

impl Resource for Thing {
    const KIND: Kind = "thing";
    type Output = String;
    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Name(self.name.clone())
    }
    fn placeholder(&self, _: &Address) -> String {
        String::new()
    }
}

/// Answers after a while with the name of who asked; one who asks for `bad` is refused with all others.
#[derive(Clone, Default)]
struct Far {
    batches: Arc<Mutex<Vec<usize>>>,
    class: Option<Class>,
}

impl Driver<Thing> for Far {
    async fn observe(&self, asks: &[Ask<Thing>]) -> Result<Found<Thing>, Fault> {
        self.batches.lock().unwrap().push(asks.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
        if let Some(class) = self.class.filter(|_| asks.iter().any(|ask| ask.want.name.ends_with("bad"))) {
            return Err(Fault::new(class, "refused"));
        }
        let seen = |ask: &Ask<Thing>| Seen { live: ask.want.clone(), output: ask.who.token.clone(), ours: true, tags: None };
        Ok(asks.iter().filter(|ask| !ask.want.name.ends_with("gone")).map(|ask| (ask.who.address.clone(), seen(ask))).collect())
    }
    async fn ensure(&self, _: &Identity, _: &Thing, _: Option<Seen<Thing>>, _: &Ticks) -> Result<String, Fault> {
        Ok(String::new())
    }
    async fn delete(&self, _: &Identity, _: &Thing, _: Option<&String>, _: &Ticks) -> Result<(), Fault> {
        Ok(())
    }
}

fn ask(env: &str, name: &str) -> AskValue {
    let at = Address::new(LayerName::Network, name);
    let scope = Scope { stack: "shop".into(), env: env.into(), tags: BTreeMap::new() };
    let want = serde_json::to_value(Thing { name: format!("{env}-{name}") }).unwrap();
    AskValue { who: scope.identity(&at, 1, IdentityBy::Name(name.into())), want, last: None }
}

async fn look(kinds: &Kinds, seat: &Arc<Seat>, asks: &[AskValue]) -> Result<BTreeMap<Address, serde_json::Value>, Fault> {
    let found = kinds.clone().gathered(seat).get("thing")?.observe(asks).await?;
    Ok(found.into_iter().map(|(at, seen)| (at, seen.live["name"].clone())).collect())
}

fn seats(gather: &Gather, count: usize) -> Vec<Arc<Seat>> {
    (0..count).map(|_| Arc::new(gather.seat())).collect()
}

fn kinds(far: &Far) -> Kinds {
    Kinds::new().with::<Thing>(far.clone())
}

#[tokio::test(start_paused = true)]
async fn a_hundred_plans_ask_in_few_batches_and_each_gets_its_own() {
    let (far, gather, began) = (Far::default(), Gather::new(), Instant::now());
    let (kinds, seats) = (kinds(&far), seats(&gather, 100));
    let looks = seats.iter().enumerate().map(|(number, seat)| {
        let kinds = &kinds;
        async move {
            // Their look-ups take different times.
            tokio::time::sleep(Duration::from_millis(number as u64)).await;
            let env = format!("env-{number}");
            (env.clone(), look(kinds, seat, &[ask(&env, "vpc"), ask(&env, "gone")]).await.unwrap())
        }
    });
    for (env, found) in join_all(looks).await {
        let vpc = Address::new(LayerName::Network, "vpc");
        assert_eq!(found, BTreeMap::from([(vpc, format!("{env}-vpc").into())]), "{env}");
    }
    // Twenty plans of two questions each are a batch.
    assert_eq!(*far.batches.lock().unwrap(), [40; 5]);
    assert_eq!(began.elapsed().as_millis(), 99 + 50);
}

#[tokio::test(start_paused = true)]
async fn while_others_are_to_come_only_full_batches_leave() {
    let (far, gather, began) = (Far::default(), Gather::new(), Instant::now());
    let (kinds, seats) = (kinds(&far), seats(&gather, 50));
    let looks = seats.iter().enumerate().map(|(number, seat)| {
        let kinds = &kinds;
        async move {
            // Thirty ask at once, the others after them.
            tokio::time::sleep(Duration::from_millis(if number < 30 { 10 } else { 100 })).await;
            let found = look(kinds, seat, &[ask(&format!("env-{number}"), "vpc")]).await.unwrap();
            seat.leave();
            found.len()
        }
    });
    assert_eq!(join_all(looks).await, [1; 50]);
    assert_eq!(*far.batches.lock().unwrap(), [20, 30]);
    assert_eq!(began.elapsed().as_millis(), 100 + 50);
}

#[tokio::test(start_paused = true)]
async fn a_driver_never_gets_more_than_it_takes() {
    let (far, gather) = (Far::default(), Gather::new());
    let (kinds, one, other) = (kinds(&far), Arc::new(gather.seat()), Arc::new(gather.seat()));
    let many = |env: &str| (0..250).map(|number| ask(env, &format!("rule-{number}"))).collect::<Vec<_>>();
    let (asks, others) = (many("prod"), many("dev"));
    let (a, b) = tokio::join!(look(&kinds, &one, &asks), look(&kinds, &other, &others));
    assert_eq!((a.unwrap().len(), b.unwrap().len()), (250, 250));
    assert_eq!(*far.batches.lock().unwrap(), [200, 200, 100]);
}

#[tokio::test(start_paused = true)]
async fn a_fault_reaches_everybody_and_what_one_has_spoilt_only_him() {
    for (class, well) in [(Class::Throttled, false), (Class::Unavailable, false), (Class::Invalid, true), (Class::Denied, true)] {
        let (far, gather) = (Far { class: Some(class), ..Far::default() }, Gather::new());
        let (kinds, one, other) = (kinds(&far), Arc::new(gather.seat()), Arc::new(gather.seat()));
        let (asks, others) = ([ask("prod", "vpc")], [ask("dev", "bad")]);
        let (good, bad) = tokio::join!(look(&kinds, &one, &asks), look(&kinds, &other, &others));
        assert_eq!(bad.unwrap_err().class, class);
        assert_eq!(good.is_ok(), well, "{class:?}: {good:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_one_who_left_and_not_for_ever_for_one_who_is_slow() {
    let (far, gather, began) = (Far::default(), Gather::new(), Instant::now());
    let (kinds, one, failed, slow) = (kinds(&far), Arc::new(gather.seat()), gather.seat(), Arc::new(gather.seat()));
    let asks = [ask("prod", "vpc")];
    let fails = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        drop(failed);
    };
    let late = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        look(&kinds, &slow, &asks).await
    };
    let own = async {
        look(&kinds, &one, &asks).await.unwrap();
        one.leave();
        began.elapsed()
    };
    let (took, (), late) = tokio::join!(own, fails, late);
    assert_eq!(took, engine::gather::PATIENCE + Duration::from_millis(50));
    assert_eq!((late.unwrap().len(), began.elapsed()), (1, Duration::from_millis(60_050)));
}

#[tokio::test(start_paused = true)]
async fn who_is_dropped_while_he_asks_for_all_takes_nobody_with_him() {
    let (far, gather) = (Far::default(), Gather::new());
    let (kinds, seats) = (kinds(&far), [Arc::new(gather.seat()), Arc::new(gather.seat())]);
    let (asks, others) = ([ask("prod", "vpc")], [ask("dev", "vpc")]);
    let dropped = tokio::time::timeout(Duration::from_millis(20), look(&kinds, &seats[0], &asks));
    let (dropped, other) = tokio::join!(dropped, look(&kinds, &seats[1], &others));
    assert!(dropped.is_err());
    assert_eq!(other.unwrap().len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Plans that begin at any time, ask any number of times, and end or fail wherever they like: everyone who asks is answered, with his own.
    #[test]
    fn everybody_is_answered(plans in proptest::collection::vec((0u64..5_000, proptest::collection::vec((1usize..30, 0u64..200), 0..4), any::<bool>()), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (far, gather) = (Far::default(), Gather::new());
        let (kinds, seats) = (kinds(&far), seats(&gather, plans.len()));
        let all = plans.iter().zip(seats).enumerate().map(|(number, ((begins, rounds, leaves), seat))| {
            let kinds = &kinds;
            async move {
                tokio::time::sleep(Duration::from_millis(*begins)).await;
                let env = format!("env-{number}");
                for (count, pause) in rounds {
                    let asks: Vec<AskValue> = (0..*count).map(|number| ask(&env, &format!("thing-{number}"))).collect();
                    let found = look(kinds, &seat, &asks).await.unwrap();
                    assert_eq!(found.len(), *count);
                    assert!(found.iter().all(|(at, name)| *name == format!("{env}-{}", at.name)), "{found:?}");
                    tokio::time::sleep(Duration::from_millis(*pause)).await;
                }
                if *leaves { seat.leave() }
            }
        });
        runtime.block_on(join_all(all));
    }
}
