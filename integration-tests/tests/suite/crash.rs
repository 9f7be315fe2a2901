//! The process dies before or after a changing call or a ledger write of each kind of run: the same command, run again, ends as an
//! undisturbed one, with nothing twice, nothing unnamed, and nothing left behind. (A death at a reading call changes nothing.)

use emulator::weather::Death;
use integration_tests::sweep::full;
use integration_tests::{Bench, EVERYTHING, all_done, deployed};
use std::collections::BTreeMap;

/// How many deaths of each scenario a usual run of the suite tries; `SWEEP=full` tries every one.
const SAMPLE: usize = 3;

/// Settings after a change in every layer, with replacements, and with fewer objects.
fn changed() -> String {
    [
        ("length = 50", "length = 60"),
        ("[observability]", "[observability]\nerror_threshold = 9"),
        ("[database]", "[database]\nbackup_days = 9"),
        ("[edge]", "[edge]\nidle_timeout = 90"),
        ("LOG_LEVEL = \"info\"", "LOG_LEVEL = \"debug\""),
        ("198.51.100.0/24", "203.0.113.0/24"),
        ("\"per_az\"", "\"single\""),
        ("flow_logs = true", "flow_logs = false"),
    ]
    .into_iter()
    .fold(EVERYTHING.to_owned(), |text, (from, to)| text.replacen(from, to, 1))
}

/// One kind of run: what was there before, and what is wanted (`None` for a destroy).
struct Scenario {
    name: &'static str,
    before: Option<String>,
    wanted: Option<String>,
}

impl Scenario {
    async fn prepared(&self) -> Bench {
        match &self.before {
            Some(before) => deployed(before).await,
            None => Bench::new(),
        }
    }

    async fn run(&self, bench: &Bench) {
        all_done(match &self.wanted {
            Some(wanted) => bench.deploy(wanted).await,
            None => bench.destroy().await,
        });
    }

    /// How an undisturbed run ends, and how many events it has.
    async fn calm(&self) -> (BTreeMap<String, usize>, usize) {
        let bench = self.prepared().await;
        let death = Death::at(usize::MAX, false);
        assert!(!bench.die(self.wanted.as_deref(), &death).await);
        (bench.census(), death.events())
    }

    async fn ends_well(&self, bench: &Bench, wanted: &BTreeMap<String, usize>, what: &str) {
        let named: usize = bench.census().values().sum();
        assert_eq!(named, bench.tagged(), "{what}: an object exists that the ledger does not name");
        self.run(bench).await;
        assert_eq!(&bench.census(), wanted, "{what}");
        assert_eq!(wanted.values().sum::<usize>(), bench.tagged(), "{what}");
        if let Some(env) = &self.wanted {
            assert!(!bench.plan(env).await.changes(), "{what}");
            all_done(bench.destroy().await);
        }
        assert_eq!(bench.tagged(), 0, "{what}: something was left");
    }

    async fn sweep(&self) {
        let (wanted, events) = self.calm().await;
        let step = if full() { 1 } else { (2 * events).div_ceil(SAMPLE).max(1) };
        let deaths: Vec<usize> = (0..2 * events).step_by(step).collect();
        integration_tests::told!("{}: {} of {} deaths (SWEEP=full for all)", self.name, deaths.len(), 2 * events);
        for death in deaths {
            let (at, after) = (death / 2, death % 2 == 1);
            let what = format!("{} dies {} event {at}", self.name, if after { "after" } else { "before" });
            let bench = self.prepared().await;
            assert!(bench.die(self.wanted.as_deref(), &Death::at(at, after)).await, "{what}: it lives");
            self.ends_well(&bench, &wanted, &what).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn create() {
    Scenario { name: "create", before: None, wanted: Some(EVERYTHING.into()) }.sweep().await;
}

#[tokio::test(start_paused = true)]
async fn change_replace_and_shrink() {
    Scenario { name: "change", before: Some(EVERYTHING.into()), wanted: Some(changed()) }.sweep().await;
}

#[tokio::test(start_paused = true)]
async fn destroy() {
    Scenario { name: "destroy", before: Some(EVERYTHING.into()), wanted: None }.sweep().await;
}

/// The resume dies as well, somewhere else.
#[tokio::test(start_paused = true)]
async fn twice() {
    let scenario = Scenario { name: "create", before: None, wanted: Some(EVERYTHING.into()) };
    let (wanted, events) = scenario.calm().await;
    let pairs = if full() { 10_000 } else { SAMPLE };
    integration_tests::told!("death, resume, death, resume: {pairs} pairs (SWEEP=full for 10,000)");
    for pair in 0..pairs {
        // Steps that have no common divisor with the sizes walk over all pairs evenly.
        let (first, second) = (pair * 7919 % (2 * events), pair * 104_729 % (2 * events));
        let what = format!("create dies at {first}/2, its resume at {second}/2");
        let bench = scenario.prepared().await;
        bench.die(scenario.wanted.as_deref(), &Death::at(first / 2, first % 2 == 1)).await;
        bench.die(scenario.wanted.as_deref(), &Death::at(second / 2, second % 2 == 1)).await;
        scenario.ends_well(&bench, &wanted, &what).await;
    }
}
