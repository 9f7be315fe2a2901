//! The benchmark: see `integration_tests::bench`.

use clap::Parser;
use integration_tests::bench;
use std::time::Duration;

#[derive(Parser)]
#[command(about = "Measures this tool and Terraform, and writes benches/RESULTS.md")]
struct Args {
    /// How often each step is done
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// What each request takes on its way, in milliseconds
    #[arg(long, value_delimiter = ',', default_values_t = [0, 50, 150])]
    latency: Vec<u64>,
    /// Be the emulator, with so many milliseconds of latency
    #[arg(long, hide = true)]
    serve: Option<u64>,
    /// Be the engine with so many resources
    #[arg(long, hide = true)]
    scale: Option<usize>,
    /// Look at so many environments at once, and nothing else
    #[arg(long)]
    many: Option<usize>,
    /// Do a piece of the engine's work, so often: for callgrind
    #[arg(long, hide = true, num_args = 2, value_names = ["PIECE", "TIMES"])]
    work: Vec<String>,
    /// Measure only what needs no Terraform: the rest of the page stays as it is
    #[arg(long)]
    alone: bool,
    /// Show the page and write nothing
    #[arg(long)]
    dry: bool,
}

fn main() {
    let args = Args::parse();
    if let [piece, times] = args.work.as_slice() {
        return bench::work::work(piece, times.parse().expect("a number"));
    }
    let threads = || tokio::runtime::Builder::new_multi_thread().enable_all().build();
    if let Some(count) = args.many {
        let runtime = threads().expect("a runtime");
        args.latency.iter().for_each(|ms| drop(runtime.block_on(bench::many::look(count, Duration::from_millis(*ms), args.rounds))));
        return;
    }
    match (args.serve, args.scale) {
        (Some(latency), _) => threads().expect("a runtime").block_on(bench::serve(Duration::from_millis(latency))),
        (None, Some(resources)) => bench::scale::tell(resources),
        (None, None) => {
            let size = bench::Size { rounds: args.rounds, latencies: args.latency };
            bench::write(&threads().expect("a runtime"), &size, args.alone, args.dry);
        }
    }
}
