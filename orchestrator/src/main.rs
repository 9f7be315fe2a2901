//! `orchestrator`: see `--help`.

#[tokio::main]
async fn main() -> std::process::ExitCode {
    cli::commands::main(orchestrator::Orchestrator::default()).await
}
