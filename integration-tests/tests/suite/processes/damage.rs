//! A damaged ledger under the real binary: nothing is called after the damage was found; a disk that fills up; a ledger that lost
//! its last entries, which nothing on this disk can tell from a shorter one.

use engine::LayerName;
use engine::ledger::{Ledger, MemoryLedger};
use integration_tests::process::binary;
use integration_tests::processes::{Gate, Shop};
use integration_tests::sweep::full;
use integration_tests::{Bench, EVERYTHING, all_done, deployed};
use std::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_damage_was_found_nothing_is_called_and_the_way_out_is_told() {
    let shop = Shop::new(binary(), "");
    shop.must(&["deploy", "--yes"], 0, "before").await;
    let (mut refused, started) = (0, Instant::now());
    for layer in LayerName::ALL {
        let path = shop.ledger().join(format!("{layer}.jsonl"));
        let whole = std::fs::read(&path).unwrap();
        let lines: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
        for entry in [1, lines.len() / 2, lines.len()] {
            let mut damaged = whole.clone();
            damaged[lines[entry - 1] - 9] ^= 4;
            std::fs::write(&path, &damaged).unwrap();
            for args in [&["deploy", "--yes"][..], &["destroy", "--yes"]] {
                let gate = Gate::open();
                let mut run = shop.start("ada", args, &gate).await;
                let (ended, said) = (run.ended().await, run.said());
                assert_eq!((ended.code, gate.arrived().len()), (Some(1), 0), "{layer}, entry {entry}, {args:?}: {said}");
                assert!(said.contains(&format!("entry {entry} of the ledger ")) && said.contains("`doctor --rebuild`"), "{said}");
                refused += 1;
            }
            assert!(std::fs::read(&path).unwrap() == damaged, "{layer}: the damaged ledger was written");
        }
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(shop.holder().await, None, "a run that was refused keeps its locks");
    }
    integration_tests::told!("{refused} runs on a damaged ledger in {:.1} s", started.elapsed().as_secs_f64());
    shop.must(&["plan", "--detailed-exitcode"], 0, "restored").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_stops_the_run_and_with_room_again_it_is_finished() {
    let binary = binary();
    let calm = Shop::new(binary, "");
    calm.must(&["deploy", "--yes"], 0, "calm").await;
    for blocks in [16, 40] {
        let (shop, gate, what) = (Shop::new(binary, ""), Gate::open(), format!("{blocks} blocks"));
        let mut run = shop.start_cramped(blocks, &["deploy", "--yes"], &gate).await;
        let (ended, said) = (run.ended().await, run.said());
        assert_eq!(ended.code, Some(1), "{what}: {said}");
        assert!(said.contains("cannot be written") && said.contains("make the ledger writable"), "{what}: {said}");
        assert!(gate.changing() > 0 && shop.objects().len() < calm.objects().len(), "{what}: it was not in the middle: {said}");
        shop.all_named(&what);
        assert_eq!(shop.holder().await, None, "{what}");
        shop.must(&["deploy", "--yes"], 0, &what).await;
        assert_eq!(shop.objects(), calm.objects(), "{what}");
        shop.must(&["plan", "--detailed-exitcode"], 0, &what).await;
    }
}

/// How many prefixes of each journal a usual run tries; `SWEEP=full` tries every one.
const SAMPLE: usize = 3;

/// What the ledger does not name is observed by its tags (or its name) and remembered: nothing is made twice.
#[tokio::test(start_paused = true)]
async fn a_ledger_that_lost_its_last_entries_is_completed_from_what_is_there() {
    let bench = deployed(EVERYTHING).await;
    let (census, tagged) = (bench.census(), bench.tagged());
    let (mut tried, started) = (0, Instant::now());
    for layer in LayerName::ALL {
        let entries = bench.ledgers[&layer].entries();
        let step = if full() { 1 } else { entries.len().div_ceil(SAMPLE).max(1) };
        for kept in (0..entries.len()).step_by(step) {
            let what = format!("{layer} lost all but {kept} of {} entries", entries.len());
            let ledgers = bench.ledgers.iter().map(|(name, ledger)| (*name, MemoryLedger::holding(*name, ledger.entries())));
            let mut short = Bench { emulator: bench.emulator.clone(), ledgers: ledgers.collect(), script: None, polls: 1.0 };
            short.ledgers.insert(layer, MemoryLedger::holding(layer, entries[..kept].to_vec()));
            short.emulator.clear_calls();
            all_done(short.deploy(EVERYTHING).await);
            assert_eq!((short.census(), short.tagged()), (census.clone(), tagged), "{what}");
            let made: Vec<String> =
                short.emulator.calls().into_iter().filter(|call| call.action.starts_with("Create")).map(|call| call.action).collect();
            assert_eq!(made, Vec::<String>::new(), "{what}");
            assert!(!short.plan(EVERYTHING).await.changes(), "{what}");
            assert!(short.ledgers[&layer].folded().doors.is_some(), "{what}: its outputs are lost");
            tried += 1;
        }
    }
    integration_tests::told!("{tried} shorter ledgers in {:.1} s (SWEEP=full for all)", started.elapsed().as_secs_f64());
    all_done(bench.destroy().await);
    assert_eq!(bench.tagged(), 0);
}
