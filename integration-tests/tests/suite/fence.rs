//! The fence in front of changing calls: a run that was superseded reads, and changes nothing, whatever the service and its protocol.

use aws::{Aws, Connection};
use emulator::Emulator;
use engine::apply::Apply;
use engine::ledger::{Entry, Folded, Guard, Ledger, LedgerError, MemoryLedger};
use engine::planner::{Allow, Request};
use engine::{Class, Fault, Graph, LayerName, Sink};
use futures::future::BoxFuture;
use integration_tests::{EVERYTHING, deployed, settings};
use orchestrator::stack;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A ledger that still takes entries, as one that is far away may for a moment, and knows that another run took over.
struct Lost {
    inner: MemoryLedger,
    asked: Arc<AtomicUsize>,
}

impl Ledger for Lost {
    fn layer(&self) -> LayerName {
        self.inner.layer()
    }
    fn folded(&self) -> Folded {
        self.inner.folded()
    }
    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.inner.append(entry)
    }
    fn check(&self) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let superseded = LedgerError::Superseded { layer: self.layer(), problem: "run 02 took over".into() };
        Box::pin(std::future::ready(Err(superseded)))
    }
    fn trust(&self) -> Duration {
        Duration::ZERO
    }
}

async fn aws(emulator: &Emulator, guard: Guard) -> Aws {
    let embedded = Some(emulator.connector());
    Aws::connect(&Connection { region: "eu-north-1".into(), embedded, speed: 1.0, guard, ..Connection::default() }).await
}

/// Destroys what the bench has deployed, in a run that was superseded: each kind's delete is a changing call of its service.
#[tokio::test(start_paused = true)]
async fn no_changing_call_of_any_kind_passes() {
    let bench = deployed(EVERYTHING).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let lost = |ledger: &MemoryLedger| Arc::new(Lost { inner: ledger.clone(), asked: asked.clone() }) as Arc<dyn Ledger>;
    let ledgers: BTreeMap<LayerName, Arc<dyn Ledger>> = bench.ledgers.iter().map(|(layer, ledger)| (*layer, lost(ledger))).collect();
    let aws = aws(&bench.emulator, Guard::new(ledgers.values().cloned().collect())).await;
    let (settings, kinds, graph) = (settings(EVERYTHING), stack::kinds(&aws), Graph::new());
    let memory = bench.ledgers.iter().map(|(layer, ledger)| (*layer, ledger.folded())).collect();
    let scope = settings.scope();
    bench.emulator.clear_calls();
    let request = Request { scope: &scope, graph: &graph, kinds: &kinds, memory: &memory, layers: stack::LAYERS, allow: &Allow::All };
    let plan = engine::planner::plan(&request).await.unwrap();
    assert!(asked.load(Ordering::SeqCst) == 0 && !bench.emulator.calls().is_empty(), "reading asks nobody");
    // One by one: the first refusal would stop a usual run.
    let steps: Vec<String> = plan.steps.keys().cloned().collect();
    let mut refused = 0;
    for id in &steps {
        let mut one = plan.clone();
        one.steps.retain(|other, _| other == id);
        let (sink, cancel, doors) = (Sink::none(), CancellationToken::new(), BTreeMap::new());
        let looked = tokio::time::Instant::now();
        let (graph, kinds, ledgers) = (graph.clone(), kinds.clone(), ledgers.clone());
        let apply = Apply { graph, kinds, ledgers, doors, looked, sink, cancel };
        let outcome = apply.run(one).await.unwrap();
        for (address, fault) in outcome.failed {
            assert_eq!((fault.class, fault.code.as_str()), (Class::Stale, Fault::SUPERSEDED), "{address}: {fault:?}");
            refused += 1;
        }
    }
    let changed: Vec<String> = bench.emulator.calls().into_iter().filter(|call| call.changing).map(|call| call.action).collect();
    assert_eq!(changed, Vec::<String>::new());
    assert!(refused > 70 && refused <= steps.len(), "{refused} of {} steps were refused", steps.len());
}

/// The guard that agrees costs nothing: the run ends as one without a guard.
#[tokio::test(start_paused = true)]
async fn a_run_that_holds_its_locks_passes() {
    let emulator = integration_tests::account(1.0, 7);
    let aws = aws(&emulator, Guard::new(vec![Arc::new(MemoryLedger::new(LayerName::Network))])).await;
    aws.ec2.create_vpc().cidr_block("10.0.0.0/16").send().await.unwrap();
    assert_eq!(emulator.calls().iter().filter(|call| call.changing).count(), 1);
}
