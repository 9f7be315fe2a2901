//! release and rollback: the compute layer's lock, one change, its rollout.

use super::change::note;
use super::stop::Stop;
use crate::app::{App, Release, Released, Releasing};
use crate::args::{Common, Format};
use crate::config::Settings;
use crate::problem::Problem;
use crate::render;
use crate::store::{self, Ledgers, Queue};
use engine::event::Fact;
use engine::ledger::{Entry, Guard, Store};
use engine::{LayerName, Sink};
use std::time::{Duration, Instant};

/// Gives the service what it is to run and follows its rollout.
pub(super) async fn release(
    app: &impl App,
    common: &Common,
    settings: &Settings,
    store: &dyn Store,
    what: &Release,
    detach: bool,
) -> Result<(), Problem> {
    check(what)?;
    let run = ulid::Ulid::generate().to_string();
    let command = if matches!(what, Release::Image(_)) { "release" } else { "rollback" };
    let holder = store::holder(&run, command);
    let stop = Stop::listen()?;
    let queue = Queue { wait: Duration::ZERO, cancel: &stop.cancel };
    let (ledgers, warnings) = store::open(store, &[LayerName::Compute], &holder, queue).await?;
    for warning in warnings {
        anstream::eprintln!("warning: {warning}");
    }
    let released = under_lock(app, common, settings, &ledgers, (&run, command), (what, detach), &stop).await;
    let closed = store::close(&ledgers).await;
    told(common, &released?);
    closed
}

async fn under_lock(
    app: &impl App,
    common: &Common,
    settings: &Settings,
    ledgers: &Ledgers,
    (run, command): (&str, &str),
    (what, detach): (&Release, bool),
    stop: &Stop,
) -> Result<Released, Problem> {
    let Some(ledger) = ledgers.get(&LayerName::Compute) else {
        return Err(Problem::Config("this binary does not know the compute layer".into()));
    };
    let started = Instant::now();
    let (sink, events) = Sink::channel();
    let consumer = tokio::spawn(render::consume(events, common.format));
    let at = || jiff::Timestamp::now().to_string();
    let (tool, who) = (env!("CARGO_PKG_VERSION").to_owned(), store::who());
    note(ledgers, &Entry::RunStarted { run: run.into(), command: command.into(), who, at: at(), tool }).await?;
    let (stack, env) = (settings.top.stack.clone(), settings.env.clone());
    sink.fact(Fact::RunStarted { run: run.into(), command: command.into(), stack, env });
    let endpoint_url = common.endpoint_url.as_deref();
    let guard = Guard::new(vec![ledger.clone()]);
    let asked = Releasing { settings, endpoint_url, what, detach, ledger: ledger.as_ref(), guard: &guard, sink: &sink };
    stop.holds(ledgers, &guard);
    let interrupted = async {
        stop.cancel.cancelled().await;
        sink.warn("interrupted: waiting for the rollout, which AWS goes on with (again to leave at once; the next `deploy` finishes it)");
        std::future::pending().await
    };
    // What is in flight is never dropped: the other branch has no end.
    let released = tokio::select! {
        released = app.release(asked) => released,
        released = interrupted => released,
    };
    let (ok, done) = (released.is_ok(), usize::from(released.as_ref().is_ok_and(|it| !it.unchanged)));
    let summary = match &released {
        Ok(it) => format!("{} as {} (before: {})", it.image, it.revision, it.before),
        Err(problem) => problem.to_string(),
    };
    let noted = note(ledgers, &Entry::RunFinished { run: run.into(), ok, at: at(), summary }).await;
    let (failed, seconds) = (usize::from(!ok), started.elapsed().as_secs_f64());
    sink.fact(Fact::RunFinished { run: run.into(), ok, done, failed, skipped: 0, seconds });
    drop(sink);
    consumer.await.map_err(|error| Problem::Io(error.to_string()))?;
    // Why the release failed is worth more than that its end could not be noted.
    let released = released?;
    noted.map(|()| released)
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

fn told(common: &Common, released: &Released) {
    if common.format == Format::Json {
        return;
    }
    let Released { revision, image, before, unchanged } = released;
    if *unchanged {
        anstream::println!("{image} runs already ({revision}): nothing to do");
    } else {
        anstream::println!("{image} runs as {revision} (before: {before})");
        anstream::eprintln!("hint: `rollback` brings {before} back");
    }
}
