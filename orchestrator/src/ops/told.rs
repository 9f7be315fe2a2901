//! A step that no plan has, told as the steps of a plan are.

use engine::event::Fact;
use engine::plan::Verb;
use engine::{Address, Fault, Sink};
use std::future::Future;
use std::time::Instant;

/// Who is told of what.
pub(super) struct Told<'a> {
    /// What is changed.
    pub at: &'a Address,
    /// Its kind.
    pub kind: &'a str,
    /// Who hears of it.
    pub sink: &'a Sink,
}

impl Told<'_> {
    /// Carries out a change in place and tells its begin and its end.
    pub(super) async fn of<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let (address, kind, verb, started) = (self.at.clone(), self.kind.to_owned(), Verb::Update, Instant::now());
        self.sink.fact(Fact::StepStarted { address: address.clone(), kind: kind.clone(), verb });
        let result = work.await;
        let seconds = started.elapsed().as_secs_f64();
        self.sink.fact(match &result {
            Ok(_) => Fact::StepFinished { address, kind, verb, seconds },
            Err(fault) => Fact::StepFailed { address, kind, verb, seconds, fault: fault.clone() },
        });
        result
    }
}
