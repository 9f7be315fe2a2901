//! `orchestrator`, whose own embedded AWS refuses what does not fit AWS's models of its services.

#[tokio::main]
async fn main() -> std::process::ExitCode {
    integration_tests::models::enforce();
    let code = cli::commands::main(orchestrator::Orchestrator::default()).await;
    match integration_tests::models::note() {
        Ok(()) => code,
        Err(_) => std::process::ExitCode::FAILURE,
    }
}
