//! release and rollback: the compute layer's lock, one change, its rollout.

use super::context::Context;
use super::run::{Ending, Run};
use crate::app::{App, Release, Released, Releasing};
use crate::args::ServiceCommand;
use crate::out::{note, tell};
use crate::problem::Problem;
use engine::LayerName;
use std::time::Duration;

/// Runs one of these commands.
pub(super) async fn run(at: &Context<'_, impl App>, command: &ServiceCommand) -> Result<(), Problem> {
    match command {
        ServiceCommand::Release { image, detach } => release(at, "release", &Release::Image(image.clone()), *detach).await,
        ServiceCommand::Rollback { to, detach } => release(at, "rollback", &Release::Revision(*to), *detach).await,
    }
}

/// Gives the service what it is to run and follows its rollout.
async fn release(at: &Context<'_, impl App>, command: &'static str, what: &Release, detach: bool) -> Result<(), Problem> {
    check(what)?;
    let run = Run::begin(at, &[LayerName::Compute], command, Duration::ZERO).await?;
    let released = under_lock(at, &run, what, detach).await;
    match &released {
        Ok(released) if !at.json() => told(released),
        Ok(_) => {}
        Err(_) => unfinished(at).await,
    }
    run.end(released).await.map(drop)
}

/// After a release that failed: new tasks take the newest values of secrets, and one that was not finished the database may not have yet.
async fn unfinished(at: &Context<'_, impl App>) {
    let Ok(secrets) = at.store.read(LayerName::Secrets).await else { return };
    let names = secrets.underway.keys().cloned().collect::<Vec<_>>().join(", ");
    if !names.is_empty() {
        note!("hint: a change of {names} was not finished, and new tasks have its new value: finish it first (`secrets list` tells how)");
    }
}

async fn under_lock(at: &Context<'_, impl App>, run: &Run, what: &Release, detach: bool) -> Result<Released, Problem> {
    let Some(ledger) = run.ledgers.get(&LayerName::Compute) else {
        return Err(Problem::Config("this binary does not know the compute layer".into()));
    };
    let (settings, endpoint_url, guard) = (at.settings, at.endpoint_url(), &run.guard);
    let work = |sink: engine::Sink| async move {
        let asked = Releasing { settings, endpoint_url, what, detach, ledger: ledger.as_ref(), guard, sink: &sink };
        let interrupted = async {
            run.stop.cancel.cancelled().await;
            sink.warn(
                "interrupted: waiting for the rollout, which AWS goes on with (again to leave at once; the next `deploy` finishes it)",
            );
            std::future::pending().await
        };
        // What is in flight is never dropped: the other branch has no end.
        tokio::select! {
            released = at.app.release(asked) => released,
            released = interrupted => released,
        }
    };
    let ending = |released: &Result<Released, Problem>| {
        let (ok, done) = (released.is_ok(), usize::from(released.as_ref().is_ok_and(|it| !it.unchanged)));
        let summary = match released {
            Ok(it) => format!("{} as {} (before: {})", it.image, it.revision, it.before),
            Err(problem) => problem.to_string(),
        };
        Some(Ending { ok, done, failed: usize::from(!ok), skipped: 0, summary, noted: true })
    };
    run.carry_out(at, false, work, ending).await
}

/// An image that AWS would refuse is refused here, before anything is locked.
fn check(what: &Release) -> Result<(), Problem> {
    let Release::Image(image) = what else { return Ok(()) };
    // What a reference is made of: https://pkg.go.dev/github.com/distribution/reference
    let fits = |it: char| it.is_ascii_alphanumeric() || "-._/:@".contains(it);
    if image.is_empty() || image.len() > 255 || !image.chars().all(fits) {
        return Err(Problem::Config(format!("--image {image}: not a reference of an image (repository:tag or repository@sha256:…)")));
    }
    Ok(())
}

fn told(released: &Released) {
    let Released { revision, image, before, unchanged } = released;
    if *unchanged {
        tell!("{image} runs already ({revision}): nothing to do");
    } else {
        tell!("{image} runs as {revision} (before: {before})");
        note!("hint: `rollback` brings {before} back");
    }
}
