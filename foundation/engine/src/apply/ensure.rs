//! Making one object, whatever happens to its calls: a lost answer takes the same road as after a crash.

use super::Apply;
use crate::driver::{AnyDriver, AskValue, SeenValue};
use crate::event::Ticks;
use crate::fault::{Class, Fault};
use crate::ledger::{Row, RowState};
use crate::plan::{Step, Verb};
use crate::resource::Identity;
use crate::settle::{HIDDEN, Pauses, hidden};
use crate::{Address, IdentityBy};
use serde_json::Value;
use std::future::Future;

/// One object that is being made.
pub(super) struct Making<'a> {
    pub(super) apply: &'a Apply,
    pub(super) driver: &'a dyn AnyDriver,
    pub(super) step: &'a Step,
    pub(super) spec: &'a Value,
    /// When the intent was written.
    pub(super) at: f64,
}

/// Brings the object to what is wanted. What may have been done is looked for, until it must be visible; only then it is done again,
/// and only once.
///
/// # Errors
/// The fault that remains.
pub(super) async fn ensure(making: &Making<'_>) -> Result<Value, Fault> {
    let Making { apply, driver, step, spec, .. } = *making;
    let mut ticks = apply.sink.ticks(step.address()).settled(apply.kinds.settle);
    ticks.absent = step.absent && apply.looked.elapsed() < super::FRESH;
    let mut seen = step.seen.clone();
    let (mut doubted, mut waits, mut throttled) = (false, None::<Pauses>, None::<Pauses>);
    loop {
        let fault = match driver.ensure(&step.who, spec, seen.as_ref(), &ticks).await {
            Ok(output) => return Ok(output),
            Err(fault) => fault,
        };
        // The attempt may have made it.
        ticks.absent = false;
        match fault.class {
            Class::InDoubt if !doubted => {
                doubted = true;
                seen = making.look(&fault, &ticks).await?;
            }
            Class::Throttled => {
                ticks.say(format!("AWS throttles: {}", fault.message));
                if !throttled.get_or_insert_with(|| apply.kinds.settle.throttled()).wait().await {
                    return Err(fault);
                }
            }
            Class::NotFound if making.is_young(&fault) => {
                ticks.say(format!("AWS does not know it everywhere yet: {}", fault.message));
                if !waits.get_or_insert_with(|| apply.kinds.settle.pauses(apply.kinds.settle.window)).wait().await {
                    return Err(if fault.code == HIDDEN { hidden(&format!("{} was made", step.address())) } else { fault });
                }
            }
            _ => return Err(fault),
        }
    }
}

impl Making<'_> {
    /// Looks for what a call may have done whose answer was lost.
    async fn look(&self, fault: &Fault, ticks: &Ticks) -> Result<Option<SeenValue>, Fault> {
        let settle = self.apply.kinds.settle;
        // AWS makes no second one of what has a name, a place or a token: it is enough to look once.
        let twice = self.step.who.by == IdentityBy::Tag;
        let mut pauses = settle.pauses(if twice { settle.window } else { std::time::Duration::ZERO });
        loop {
            let seen = self.observe(&self.step.who, self.spec, self.step.last.as_ref(), self.driver).await?;
            if seen.is_some() {
                return Ok(seen);
            }
            ticks.say(format!("its answer was lost ({}); looking for it", fault.message));
            if !pauses.wait().await {
                break;
            }
        }
        match self.canary() {
            Some(row) if twice => {
                let driver = self.apply.kinds.get(&row.kind)?;
                let seen = self.observe(&row.who, &row.spec, row.output.as_ref(), driver.as_ref()).await?;
                seen.map(|_| None).ok_or_else(|| hidden(&format!("{} was made after {}", row.who.address, self.step.address())))
            }
            _ => Ok(None),
        }
    }

    async fn observe(
        &self,
        who: &Identity,
        want: &Value,
        last: Option<&Value>,
        driver: &dyn AnyDriver,
    ) -> Result<Option<SeenValue>, Fault> {
        let ask = AskValue { who: who.clone(), want: want.clone(), last: last.cloned() };
        Ok(driver.observe(std::slice::from_ref(&ask)).await?.remove(&who.address))
    }

    /// Something that was made since the intent: where it is hidden, so is what the lost call made. Best of a kind whose reads are
    /// known to be behind sometimes.
    fn canary(&self) -> Option<Row> {
        let mut since = Vec::new();
        for ledger in self.apply.ledgers.values() {
            let younger = |row: &&Row| row.state == RowState::Done && row.at.is_some_and(|at| at >= self.at);
            ledger.look(&mut |folded| since.extend(folded.rows.values().filter(younger).cloned()));
        }
        since.into_iter().min_by_key(|row| row.who.by != IdentityBy::Tag)
    }

    /// Whether something that was made in this run may not be known everywhere yet.
    fn is_young(&self, fault: &Fault) -> bool {
        let (service, operation) = fault.call.split_once(':').unwrap_or_default();
        let own = self.step.verb != Verb::Update && !service.is_empty() && !operation.starts_with("Create");
        own || fault.code == HIDDEN || self.reads_young()
    }

    fn reads_young(&self) -> bool {
        let Some(node) = self.apply.graph.nodes().get(self.step.address()) else { return false };
        let settle = self.apply.kinds.settle;
        let young = |row: &Row| row.at.is_some() && !settle.left(row.at).is_zero();
        let row = |read: &Address| self.apply.ledgers.get(&read.layer)?.current(read);
        node.reads.iter().any(|read| row(read).as_ref().is_some_and(young))
    }
}

/// Deletes again what a lost answer or a throttle left undone: a delete of something that is gone is a success.
pub(super) async fn again<F, Fut>(apply: &Apply, delete: F) -> Result<(), Fault>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<(), Fault>>,
{
    let (mut doubted, mut throttled) = (false, apply.kinds.settle.throttled());
    loop {
        match delete().await {
            Err(fault) if fault.class == Class::InDoubt && !doubted => doubted = true,
            Err(fault) if fault.class == Class::Throttled && throttled.wait().await => {}
            other => return other,
        }
    }
}
