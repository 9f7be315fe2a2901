//! The process dies before or after every call and ledger write of a rotation, and every call fails once.

use super::{PASSWORD, agree, deploy, die, rotate, version};
use emulator::weather::{Death, Fault, Of, Weather};
use engine::Class;
use integration_tests::{Bench, EVERYTHING, deployed};

/// Three calls and four ledger writes.
const EVENTS: usize = 7;

#[tokio::test(start_paused = true)]
async fn every_death_ends_in_one_password_by_the_same_command_or_by_a_deploy() {
    let calm = Death::at(usize::MAX, false);
    assert!(!die(&deployed(EVERYTHING).await, &calm).await);
    assert_eq!(calm.events(), EVENTS);
    for death in 0..2 * EVENTS {
        for by_deploy in [false, true] {
            let (at, after) = (death / 2, death % 2 == 1);
            let what =
                format!("dies {} event {at}, then {}", if after { "after" } else { "before" }, if by_deploy { "deploy" } else { "rotate" });
            let bench = deployed(EVERYTHING).await;
            assert!(die(&bench, &Death::at(at, after)).await, "{what}: it lives");
            if by_deploy {
                deploy(&bench).await;
            } else {
                rotate(&bench).await.unwrap();
            }
            agree(&bench, &what);
            // Nothing was begun before the first entry, and everything was done after the last.
            let wanted = match (death, by_deploy) {
                (0, true) => 1,
                (13, false) => 3,
                _ => 2,
            };
            assert_eq!(version(&bench, PASSWORD), wanted, "{what}");
            assert_eq!(bench.unsettled(EVERYTHING).await, Vec::<String>::new(), "{what}");
            rotate(&bench).await.unwrap();
            agree(&bench, &what);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_resume_that_dies_as_well_is_resumed() {
    for first in 0..2 * EVENTS {
        for second in [0, 1, 2, 3, 5, 8] {
            let what = format!("dies at {first}/2, its resume at {second}/2");
            let bench = deployed(EVERYTHING).await;
            die(&bench, &Death::at(first / 2, first % 2 == 1)).await;
            die(&bench, &Death::at(second / 2, second % 2 == 1)).await;
            rotate(&bench).await.unwrap();
            agree(&bench, &what);
        }
    }
}

async fn calls() -> usize {
    let bench = deployed(EVERYTHING).await;
    bench.emulator.clear_calls();
    rotate(&bench).await.unwrap();
    bench.emulator.calls().len()
}

async fn hit(fault: Fault, at: usize) -> (Bench, Result<cli::app::SecretChanged, engine::Fault>) {
    let bench = deployed(EVERYTHING).await;
    bench.emulator.weather(Weather::hitting(fault, Of::All, at, 1));
    let changed = rotate(&bench).await;
    bench.emulator.weather(Weather::calm());
    (bench, changed)
}

#[tokio::test(start_paused = true)]
async fn each_call_fails_once_and_the_rotation_ends_unaided() {
    let calls = calls().await;
    for fault in [Fault::Throttle, Fault::Http500, Fault::CommittedThenLost, Fault::TruncatedBody] {
        for at in 0..calls {
            let what = format!("{}: call {at}", fault.name());
            let (bench, changed) = hit(fault, at).await;
            assert_eq!(changed.unwrap_or_else(|fault| panic!("{what}: {fault}")).version, 2, "{what}");
            agree(&bench, &what);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_denied_once_stops_it_and_is_finished_by_the_same_command() {
    for at in 0..calls().await {
        let (bench, changed) = hit(Fault::AccessDenied, at).await;
        assert_eq!(changed.map_err(|fault| fault.class), Err(Class::Denied), "call {at}");
        rotate(&bench).await.unwrap();
        agree(&bench, &format!("denied at call {at}"));
        assert_eq!(version(&bench, PASSWORD), 2, "call {at}");
    }
}
