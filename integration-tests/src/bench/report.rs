//! The page that the benchmark writes.

use super::contender::{STEPS, contenders};
use super::many::{self, MANY};
use super::rounds::{Figure, Figures, Size, rounds};
use super::{chart, scale, simulated};
use crate::process::{ROOT, binary};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// What is measured beside the rounds: how often the program is started.
const STARTS: usize = 30;

/// Measures everything, or only what needs no Terraform, and writes `benches/RESULTS.md` and its chart; or only prints them.
///
/// # Panics
/// When something cannot be measured or written.
pub fn write(runtime: &tokio::runtime::Runtime, size: &Size, alone: bool, dry: bool) {
    let place = Path::new(ROOT).join("benches");
    let page = place.join("RESULTS.md");
    let mut text = if alone {
        let known = std::fs::read_to_string(&page).unwrap();
        known.split_once(ALONE).expect("a page with a part of this tool alone").0.to_owned()
    } else {
        let figures = runtime.block_on(rounds(size, &contenders()));
        if !dry {
            std::fs::write(place.join("plan.svg"), chart::plan(size, &figures)).unwrap();
        }
        format!("{HEAD}\nMachine: {}. {} rounds, interleaved.\n{}\n", machine(), size.rounds, compared(size, &figures))
    };
    write!(text, "{ALONE}\nMachine: {}. This part is measured in some minutes by `… bench -- --alone`.\n", machine()).unwrap();
    text += &environments(runtime, size);
    text += &times();
    text += &starts();
    text += &scales();
    if dry {
        crate::told!("{text}");
    } else {
        std::fs::write(page, text).unwrap();
    }
}

/// The heading of what needs no Terraform.
const ALONE: &str = "# This tool alone\n";

const HEAD: &str = "# How fast\n
Written by `cargo run --release --bin bench`; a look in some minutes is `… bench -- --rounds 1 --latency 50 --dry`.
What is shipped is measured with `MEASURED_BINARY=target/lean/dist/orchestrator` before it; its memory is mostly the binary's own pages.\n
The reference stack (`envs/reference.toml`) on an embedded AWS in a process of its own whose states change at once, with so much added to
every request. Terraform makes the same objects from `benches/terraform`; after each first deploy, both worlds are compared object by
object. Terraform waits between its looks at a state as it does on AWS; so does this tool, unless it says that it was told. A destroy of
ours waits 90 s for what RDS still writes to its log groups, and deletes them once more; the next destroy begins ten seconds after one,
beside its wait.\n";

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("?", |(_, name)| name).to_owned();
    format!("{} × {name}", std::thread::available_parallelism().map_or(0, usize::from))
}

/// The one in the middle.
pub(super) fn median<T: PartialOrd + Copy>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(|one, other| one.partial_cmp(other).unwrap());
    sorted[sorted.len() / 2]
}

fn seconds(figure: &Figure) -> f64 {
    median(&figure.took).as_secs_f64()
}

fn compared(size: &Size, figures: &Figures) -> String {
    let mut text = "\n![A plan without changes](plan.svg)\n".to_owned();
    for latency in &size.latencies {
        write!(text, "\n## {latency} ms per request\n\n| | | seconds | median of | AWS calls | memory, MiB | bodies, KiB | ours |\n|---|---|---|---|---|---|---|---|\n")
            .unwrap();
        for step in STEPS {
            for ((name, _, _), figure) in figures.iter().filter(|((_, at, of), _)| at == latency && *of == step) {
                let ours = figures.get(&("orchestrator", *latency, step)).map_or(1.0, seconds);
                let ratio = seconds(figure) / ours;
                let (calls, memory, kib) = (median(&figure.calls), median(&figure.memory), median(&figure.bytes) / 1024);
                writeln!(
                    text,
                    "| {} | {name} | {:.2} | {} | {calls} | {memory:.0} | {kib} | × {ratio:.1} |",
                    step.name(),
                    seconds(figure),
                    figure.took.len()
                )
                .unwrap();
            }
            if !figures.keys().any(|(name, ..)| *name == "Terraform") {
                writeln!(text, "| {} | Terraform | not installed | | | | | |", step.name()).unwrap();
            }
        }
    }
    text
}

fn environments(runtime: &tokio::runtime::Runtime, size: &Size) -> String {
    let mut text = format!(
        "\n## {MANY} environments\n\n`status --all`: {MANY} reference stacks of 7 layers in one account, at AWS's own pace (`foundation/aws/src/pace/`).\n\n| ms per request | seconds | median of | AWS calls | memory, MiB |\n|---|---|---|---|---|\n"
    );
    for latency in &size.latencies {
        let looks = runtime.block_on(many::look(MANY, Duration::from_millis(*latency), size.rounds));
        let seconds = median(&looks.iter().map(|it| it.took.as_secs_f64()).collect::<Vec<_>>());
        let calls = median(&looks.iter().map(|it| it.calls).collect::<Vec<_>>());
        let memory = median(&looks.iter().map(|it| it.memory).collect::<Vec<_>>());
        writeln!(text, "| {latency} | {seconds:.1} | {} | {calls} | {memory:.0} |", looks.len()).unwrap();
    }
    text
}

fn times() -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let env = simulated::reference();
    let key = "tests/suite/bastion.pub";
    let every = crate::EVERYTHING.replace(key, &Path::new(ROOT).join("integration-tests").join(key).display().to_string());
    let mut text = "\n## In AWS's own time\n\nOn a paused clock, with the durations of the embedded AWS.\n\n| | | took | critical path | of it | layer by layer | faster |\n|---|---|---|---|---|---|---|\n".to_owned();
    for (what, env) in [("reference", env.as_str()), ("every kind", every.as_str())] {
        let (deploy, destroy) = runtime.block_on(simulated::makespans(env));
        for (run, it) in [("first deploy", deploy), ("destroy", destroy)] {
            let (over, under) = (it.over_critical(), it.under_layered());
            let [took, critical, layered] = [it.took, it.critical, it.layered].map(|time| time.as_secs_f64());
            writeln!(text, "| {what} | {run} | {took:.0} s | {critical:.0} s | × {over:.3} | {layered:.0} s | × {under:.2} |").unwrap();
        }
    }
    text
}

fn starts() -> String {
    let mut text = "\n## Start\n\n| | milliseconds |\n|---|---|\n".to_owned();
    for argument in ["--version", "--help"] {
        let took: Vec<Duration> = (0..STARTS)
            .map(|_| {
                let began = Instant::now();
                assert!(Command::new(binary()).arg(argument).output().unwrap().status.success());
                began.elapsed()
            })
            .collect();
        writeln!(text, "| `orchestrator {argument}` | {:.1} |", median(&took).as_secs_f64() * 1e3).unwrap();
    }
    text += "\n| stripped | MB |\n|---|---|\n";
    let size =
        |place: &Path| std::fs::metadata(place).map_or_else(|_| "not built".to_owned(), |it| format!("{:.1}", it.len() as f64 / 1e6));
    writeln!(text, "| what was measured here: `{}` | {} |", measured(), size(binary())).unwrap();
    for (what, place) in SHIPPED {
        writeln!(text, "| {what} | {} |", size(&Path::new(ROOT).join(place))).unwrap();
    }
    text
}

fn measured() -> String {
    let root = Path::new(ROOT).canonicalize().unwrap();
    binary().strip_prefix(root).unwrap_or(binary()).display().to_string()
}

/// What is shipped takes half an hour to build, so it is built apart, and there or not.
const SHIPPED: [(&str, &str); 2] = [
    ("shipped: `cargo build --profile dist -p orchestrator`", "target/dist/orchestrator"),
    ("shipped without the embedded AWS: `… --no-default-features --target-dir target/lean`", "target/lean/dist/orchestrator"),
];

fn scales() -> String {
    let mut text = "\n## Scale\n\nThe engine alone, in process; each resource reads three others.\n\n| resources | declare, ms | no-change plan, ms | µs a resource | create all, ms | µs a resource | peak, MiB |\n|---|---|---|---|---|---|---|\n".to_owned();
    for resources in scale::SIZES {
        let (it, memory) = scale::apart(resources);
        let [declare, plan, apply] = [it.declare, it.plan, it.apply].map(|time| time.as_secs_f64() * 1e3);
        let each = |time: f64| time * 1e3 / resources as f64;
        writeln!(text, "| {resources} | {declare:.1} | {plan:.1} | {:.1} | {apply:.1} | {:.1} | {memory:.0} |", each(plan), each(apply))
            .unwrap();
    }
    text
}
