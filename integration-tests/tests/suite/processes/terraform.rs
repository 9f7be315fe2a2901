//! Terraform's AWS provider, the strictest client there is, on the embedded AWS over HTTP: it makes the reference stack, plans clean,
//! changes a setting, destroys. What it made is what this tool makes, object by object.
//!
//! Needs `terraform` on the PATH and the provider in `/opt/tf-plugins` (or a mirror named by `TF_PLUGINS`); says `skipped` without.

use emulator::Emulator;
use integration_tests::bench::{Contender, STEPS, Step, canon, contenders};
use serde_json::Value;

/// The embedded AWS over HTTP.
async fn serve() -> (Emulator, String, tokio::task::JoinHandle<()>) {
    let emulator = integration_tests::account(1e6, 9);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = emulator.clone();
    (emulator, url, tokio::spawn(async move { served.serve(listener).await.unwrap() }))
}

fn world(emulator: &Emulator) -> Value {
    canon(&emulator.with_world(|world| serde_json::to_value(&*world).unwrap()))
}

/// Goes through these steps; the world after the first.
async fn walk(who: Contender, steps: &'static [Step]) -> (Emulator, Value) {
    let (emulator, url, server) = serve().await;
    let at = emulator.clone();
    let walked = tokio::task::spawn_blocking(move || {
        let dir = tempfile::tempdir().unwrap();
        who.prepare(dir.path());
        let mut made = None;
        for step in steps {
            let output = who.command(dir.path(), &url, *step, 0).output().unwrap();
            assert!(output.status.success(), "{} of {}: {}", step.name(), who.name(), integration_tests::process::said(&output));
            made.get_or_insert_with(|| world(&at));
        }
        made.unwrap()
    });
    let made = walked.await.unwrap();
    server.abort();
    (emulator, made)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terraform_makes_the_same_plans_clean_and_destroys() {
    let Some(terraform) = contenders().into_iter().find(|it| matches!(it, Contender::Terraform(_))) else {
        return integration_tests::process::skipped("no terraform, or no provider in /opt/tf-plugins (TF_PLUGINS names another mirror)");
    };
    let (emulator, theirs) = walk(terraform, &STEPS).await;
    assert_eq!(emulator.tagged("managed-by", "terraform"), Vec::<String>::new());
    let (_, ours) = walk(Contender::Ours { told: true }, &[Step::Deploy]).await;
    let mut differ = Vec::new();
    engine::decide::compare(&[], "", Some(&ours), Some(&theirs), &mut differ);
    assert!(differ.is_empty(), "{differ:#?}");
}
