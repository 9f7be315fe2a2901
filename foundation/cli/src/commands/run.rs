//! One run: its id, its locks, its right to change something, and its lines in the ledgers.

use super::context::Context;
use super::stop::Stop;
use crate::app::App;
use crate::out::note;
use crate::problem::Problem;
use crate::render;
use crate::store::{self, Ledgers, Opened, Queue};
use engine::event::Fact;
use engine::ledger::{Entry, Guard};
use engine::{LayerName, Sink};
use std::future::Future;
use std::time::{Duration, Instant};

/// A run that holds its locks.
pub(super) struct Run {
    pub id: String,
    command: &'static str,
    pub ledgers: Ledgers,
    pub guard: Guard,
    pub stop: Stop,
}

/// How the work of a run ended.
pub(super) struct Ending {
    pub ok: bool,
    pub done: usize,
    pub failed: usize,
    pub skipped: usize,
    /// What `history` says of it.
    pub summary: String,
    /// Whether the ledgers are told. One that refused a step is not asked for the end of the run: what it refused is worth more.
    pub noted: bool,
}

impl Run {
    /// Takes the locks of `layers`, and waits for them as long as `wait` says. Warnings are told.
    pub(super) async fn begin<A: App>(
        at: &Context<'_, A>,
        layers: &[LayerName],
        command: &'static str,
        wait: Duration,
    ) -> Result<Run, Problem> {
        let id = ulid::Ulid::generate().to_string();
        let stop = Stop::listen()?;
        let queue = Queue { wait, cancel: &stop.cancel };
        let opened = store::open(at.store, layers, &store::holder(&id, command), queue).await?;
        Ok(Run::holding(id, command, stop, opened))
    }

    /// As [`Run::begin`], without waiting for anybody; a damaged ledger is moved aside first.
    pub(super) async fn mending<A: App>(at: &Context<'_, A>, layers: &[LayerName], command: &'static str) -> Result<Run, Problem> {
        let (id, stop) = (ulid::Ulid::generate().to_string(), Stop::listen()?);
        let opened = store::mended(at.store, layers, &store::holder(&id, command)).await?;
        Ok(Run::holding(id, command, stop, opened))
    }

    fn holding(id: String, command: &'static str, stop: Stop, (ledgers, warnings): Opened) -> Run {
        for warning in warnings {
            note!("warning: {warning}");
        }
        let guard = Guard::new(ledgers.values().cloned().collect());
        stop.holds(&ledgers, &guard);
        Run { id, command, ledgers, guard, stop }
    }

    /// Carries out `work` and tells terminal and ledgers of its begin and its end; a `quiet` run changes nothing and stands in no ledger.
    /// Work without an [`Ending`] had not begun.
    pub(super) async fn carry_out<A, T, F>(
        &self,
        at: &Context<'_, A>,
        quiet: bool,
        work: impl FnOnce(Sink) -> F,
        ending: impl FnOnce(&Result<T, Problem>) -> Option<Ending>,
    ) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, Problem>>,
    {
        let started = Instant::now();
        let (sink, events) = Sink::channel();
        let consumer = tokio::spawn(render::consume(events, at.common.format));
        let (run, command) = (self.id.clone(), self.command.to_owned());
        if !quiet {
            self.note(&self.started()).await?;
        }
        let (stack, env) = (at.settings.top.stack.clone(), at.settings.env.clone());
        sink.fact(Fact::RunStarted { run: run.clone(), command, stack, env });
        let mut ended = work(sink.clone()).await;
        if let Some(Ending { ok, done, failed, skipped, summary, noted }) = ending(&ended) {
            let told = if quiet || !noted { Ok(()) } else { self.note(&self.finished(ok, summary)).await };
            sink.fact(Fact::RunFinished { run, ok, done, failed, skipped, seconds: started.elapsed().as_secs_f64() });
            // Why the work failed is worth more than that its end could not be noted.
            ended = ended.and_then(|value| told.map(|()| value));
        }
        // What was told is read to its end, however the run ended.
        drop(sink);
        consumer.await.map_err(|error| Problem::Io(error.to_string()))?;
        ended
    }

    fn started(&self) -> Entry {
        let (who, at, tool) = (store::who(), jiff::Timestamp::now().to_string(), env!("CARGO_PKG_VERSION").into());
        Entry::RunStarted { run: self.id.clone(), command: self.command.to_owned(), who, at, tool }
    }

    fn finished(&self, ok: bool, summary: String) -> Entry {
        Entry::RunFinished { run: self.id.clone(), ok, at: jiff::Timestamp::now().to_string(), summary }
    }

    /// Carries out `work` that has no steps to tell of; only the ledgers hear of it.
    pub(super) async fn noted<T>(
        &self,
        work: impl Future<Output = Result<T, Problem>>,
        summary: impl FnOnce(&T) -> String,
    ) -> Result<T, Problem> {
        self.note(&self.started()).await?;
        let done = work.await;
        let (ok, summary) = (done.is_ok(), done.as_ref().map_or_else(ToString::to_string, summary));
        let told = self.note(&self.finished(ok, summary)).await;
        done.and_then(|value| told.map(|()| value))
    }

    /// Writes one entry into every ledger of the run, each whatever becomes of the others; the first error.
    async fn note(&self, entry: &Entry) -> Result<(), Problem> {
        let noted = futures::future::join_all(self.ledgers.values().map(|ledger| ledger.append(entry.clone()))).await;
        noted.into_iter().collect::<Result<Vec<()>, _>>()?;
        Ok(())
    }

    /// Gives the locks back. What went wrong under them is worth more than what goes wrong with them.
    pub(super) async fn end<T>(self, done: Result<T, Problem>) -> Result<T, Problem> {
        let closed = store::close(&self.ledgers).await;
        done.and_then(|value| closed.map(|()| value))
    }
}
