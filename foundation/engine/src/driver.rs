//! How a kind is observed, ensured and deleted. No split between create and update: `ensure` brings what is there to what is wanted.

use crate::Address;
use crate::event::Ticks;
use crate::fault::{Class, Fault};
use crate::pass::{Pass, Shared};
use crate::resource::{Identity, Kind, Replace, Resource, Scope};
use crate::scan::Tagged;
use crate::settle::Settle;
use serde_json::Value;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// One question of a batched observation.
#[derive(Clone, Debug)]
pub struct Ask<R: Resource> {
    /// Who is asked for.
    pub who: Identity,
    /// What is wanted there, or was last applied: a driver copies fields that AWS does not give back from here.
    pub want: R,
    /// What the ledger remembers: ids.
    pub last: Option<R::Output>,
}

/// What AWS holds for one identity.
#[derive(Clone, Debug)]
pub struct Seen<R: Resource> {
    /// The live settings in the shape of the declaration. Fields that are not ours right now equal the wanted ones.
    pub live: R,
    /// What readers may use.
    pub output: R::Output,
    /// Whether the object carries our identity (or, where AWS has no tags, matches what the ledger remembers).
    pub ours: bool,
    /// Its tags; `None` for kinds that AWS gives none.
    pub tags: Option<BTreeMap<String, String>>,
}

/// The answers of a batched observation: an address that is missing has nothing in AWS.
pub type Found<R> = BTreeMap<Address, Seen<R>>;

/// A trail to an object that nobody asked for by its address: enough to observe it.
#[derive(Clone, Debug)]
pub struct Lead<R: Resource> {
    /// Its settings as far as they are known: a name, a place. What AWS does not give back must be safe for a delete.
    pub want: R,
    /// Its id, where that is what AWS knows it by.
    pub last: Option<R::Output>,
}

/// Does the work for one kind.
///
/// A read that failed or was throttled is an `Err`, never "nothing there".
pub trait Driver<R: Resource>: Send + Sync + 'static {
    /// One batched read for all objects of the kind.
    fn observe(&self, asks: &[Ask<R>]) -> impl Future<Output = Result<Found<R>, Fault>> + Send;

    /// Brings the object to `want` and waits until it is usable. `seen` is what the plan saw; after a lost response the
    /// driver looks by the identity before it creates, so that calling it twice makes one object.
    fn ensure(
        &self,
        who: &Identity,
        want: &R,
        seen: Option<Seen<R>>,
        ticks: &Ticks,
    ) -> impl Future<Output = Result<R::Output, Fault>> + Send;

    /// Deletes the object and waits until it is gone. Something that is already gone is a success. `spec` is what was last
    /// applied, `last` what it gave back (`None` after a lost create response: look by identity).
    fn delete(&self, who: &Identity, spec: &R, last: Option<&R::Output>, ticks: &Ticks) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Leads to every object that may carry the tags of this stack and environment (they are compared afterwards); `None` for a
    /// kind that AWS gives no tags, which is found through its declaration only.
    fn list(&self, _scope: &Scope) -> impl Future<Output = Result<Option<Vec<Lead<R>>>, Fault>> + Send {
        async { Ok(None) }
    }
}

/// What a driver does, without its type.
pub type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// [`Seen`] without its type.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenValue {
    /// The live settings.
    pub live: Value,
    /// The live output.
    pub output: Value,
    /// Whether it is ours.
    pub ours: bool,
    /// Its tags, where AWS has any.
    pub tags: Option<BTreeMap<String, String>>,
}

/// [`Ask`] without its type.
#[derive(Clone, Debug)]
pub struct AskValue {
    /// Who is asked for.
    pub who: Identity,
    /// Wanted or last applied.
    pub want: Value,
    /// The remembered output.
    pub last: Option<Value>,
}

/// The rules of a kind, from its [`Resource`] constants.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The kind's name.
    pub kind: Kind,
    /// See [`Resource::REPLACE_ON`].
    pub replace_on: &'static [&'static str],
    /// See [`Resource::REPLACE`].
    pub replace: Replace,
    /// See [`Resource::PROTECTED`].
    pub protected: bool,
    /// See [`Resource::TYPICAL`].
    pub typical: Duration,
    /// See [`Resource::SETS`].
    pub sets: &'static [&'static str],
    /// See [`Resource::NOT_ADOPTED`].
    pub not_adopted: Option<&'static str>,
}

impl Rules {
    /// The rules of `R`.
    pub fn of<R: Resource>() -> Rules {
        Rules {
            kind: R::KIND,
            replace_on: R::REPLACE_ON,
            replace: R::REPLACE,
            protected: R::PROTECTED,
            typical: R::TYPICAL,
            sets: R::SETS,
            not_adopted: R::NOT_ADOPTED,
        }
    }
}

/// A driver without its type: what the planner and the walk hold.
pub trait AnyDriver: Send + Sync {
    /// The kind's rules.
    fn rules(&self) -> Rules;
    /// The identity that `spec` has in `generation`.
    ///
    /// # Errors
    /// When the spec does not have the shape of the kind (a ledger written by another version).
    fn identity(&self, spec: &Value, generation: u32) -> Result<crate::IdentityBy, Fault>;
    /// See [`Driver::observe`].
    fn observe<'a>(&'a self, asks: &'a [AskValue]) -> Work<'a, BTreeMap<Address, SeenValue>>;
    /// See [`Driver::ensure`].
    fn ensure<'a>(&'a self, who: &'a Identity, want: &'a Value, seen: Option<&'a SeenValue>, ticks: &'a Ticks) -> Work<'a, Value>;
    /// See [`Driver::delete`].
    fn delete<'a>(&'a self, who: &'a Identity, spec: &'a Value, last: Option<&'a Value>, ticks: &'a Ticks) -> Work<'a, ()>;
    /// Every object that carries the tags of this stack and environment; `None` for a kind without tags. See [`Driver::list`].
    fn list<'a>(&'a self, scope: &'a Scope) -> Work<'a, Option<Vec<Tagged>>>;
}

struct Typed<R, D> {
    driver: D,
    kind: std::marker::PhantomData<fn() -> R>,
}

fn read<T: serde::de::DeserializeOwned>(kind: Kind, value: &Value) -> Result<T, Fault> {
    T::deserialize(value).map_err(|error| {
        Fault::new(Class::Bug, format!("a remembered {kind} does not have the shape that this version knows: {error}"))
            .hint("use the version that wrote the ledger, or rebuild the ledger from the tags")
    })
}

fn write<T: serde::Serialize>(kind: Kind, value: &T) -> Result<Value, Fault> {
    serde_json::to_value(value).map_err(|error| Fault::new(Class::Bug, format!("a {kind} cannot be written as JSON: {error}")))
}

impl<R: Resource, D: Driver<R>> AnyDriver for Typed<R, D> {
    fn rules(&self) -> Rules {
        Rules::of::<R>()
    }

    fn identity(&self, spec: &Value, generation: u32) -> Result<crate::IdentityBy, Fault> {
        Ok(read::<R>(R::KIND, spec)?.identity(generation))
    }

    fn observe<'a>(&'a self, asks: &'a [AskValue]) -> Work<'a, BTreeMap<Address, SeenValue>> {
        Box::pin(async move {
            let mut typed = Vec::with_capacity(asks.len());
            for ask in asks {
                let last = ask.last.as_ref().map(|last| read::<R::Output>(R::KIND, last)).transpose()?;
                typed.push(Ask { who: ask.who.clone(), want: read::<R>(R::KIND, &ask.want)?, last });
            }
            let found = self.driver.observe(&typed).await?;
            found
                .into_iter()
                .map(|(at, seen)| {
                    let (live, output) = (write(R::KIND, &seen.live)?, write(R::KIND, &seen.output)?);
                    Ok((at, SeenValue { live, output, ours: seen.ours, tags: seen.tags }))
                })
                .collect()
        })
    }

    fn ensure<'a>(&'a self, who: &'a Identity, want: &'a Value, seen: Option<&'a SeenValue>, ticks: &'a Ticks) -> Work<'a, Value> {
        Box::pin(async move {
            let want = read::<R>(R::KIND, want)?;
            let seen = match seen {
                None => None,
                Some(seen) => Some(Seen {
                    live: read::<R>(R::KIND, &seen.live)?,
                    output: read::<R::Output>(R::KIND, &seen.output)?,
                    ours: seen.ours,
                    tags: seen.tags.clone(),
                }),
            };
            let output = self.driver.ensure(who, &want, seen, ticks).await?;
            write(R::KIND, &output)
        })
    }

    fn delete<'a>(&'a self, who: &'a Identity, spec: &'a Value, last: Option<&'a Value>, ticks: &'a Ticks) -> Work<'a, ()> {
        Box::pin(async move {
            let spec = read::<R>(R::KIND, spec)?;
            let last = last.map(|last| read::<R::Output>(R::KIND, last)).transpose()?;
            self.driver.delete(who, &spec, last.as_ref(), ticks).await
        })
    }

    fn list<'a>(&'a self, scope: &'a Scope) -> Work<'a, Option<Vec<Tagged>>> {
        Box::pin(async move {
            let Some(leads) = self.driver.list(scope).await? else { return Ok(None) };
            let ask = |(number, lead): (usize, Lead<R>)| {
                // Answers are told apart by address, and what the real one is only the tags will tell.
                let at = Address::new(crate::LayerName::Network, format!("lead-{number}"));
                Ask { who: scope.identity(&at, 1, lead.want.identity(1)), want: lead.want, last: lead.last }
            };
            let asks: Vec<Ask<R>> = leads.into_iter().enumerate().map(ask).collect();
            if asks.is_empty() {
                return Ok(Some(Vec::new()));
            }
            let found = self.driver.observe(&asks).await?.into_values();
            let ours = found.filter_map(|seen| Some((seen.tags.clone().filter(|tags| scope.owns(tags))?, seen)));
            let tagged = |(tags, seen): (BTreeMap<String, String>, Seen<R>)| {
                let (spec, output) = (write(R::KIND, &seen.live)?, write(R::KIND, &seen.output)?);
                Ok(Tagged { kind: R::KIND, tags, by: seen.live.identity(1), spec, output })
            };
            ours.map(tagged).collect::<Result<_, _>>().map(Some)
        })
    }
}

/// Every kind that a set of layers ever shipped, with its driver.
#[derive(Clone, Default)]
pub struct Kinds {
    by_kind: BTreeMap<Kind, Arc<dyn AnyDriver>>,
    /// How far the reads of the drivers may be behind their writes.
    pub settle: Settle,
    shared: Option<Arc<dyn Shared>>,
}

impl Kinds {
    /// No kinds.
    pub fn new() -> Kinds {
        Kinds::default()
    }

    /// Adds the driver of `R`. Layers share kinds: adding one again changes nothing.
    pub fn with<R: Resource>(mut self, driver: impl Driver<R>) -> Kinds {
        self.by_kind.entry(R::KIND).or_insert_with(|| Arc::new(Typed { driver, kind: std::marker::PhantomData::<fn() -> R> }));
        self
    }

    /// These kinds and those.
    pub fn and(mut self, more: Kinds) -> Kinds {
        for (kind, driver) in more.by_kind {
            self.by_kind.entry(kind).or_insert(driver);
        }
        self
    }

    /// The same drivers for another end, whose reads may be behind by another time than AWS's.
    pub fn settled(self, settle: Settle) -> Kinds {
        Kinds { settle, ..self }
    }

    /// The same drivers, which share `shared` while a pass is under way.
    pub fn sharing(self, shared: Arc<dyn Shared>) -> Kinds {
        Kinds { shared: Some(shared), ..self }
    }

    /// Begins a pass over an environment.
    pub fn pass(&self, scope: &Scope) -> Pass {
        Pass::begin(self.shared.clone(), scope)
    }

    /// Each driver within another one.
    pub(crate) fn wrapped(self, wrap: impl Fn(Arc<dyn AnyDriver>) -> Arc<dyn AnyDriver>) -> Kinds {
        Kinds { by_kind: self.by_kind.into_iter().map(|(kind, driver)| (kind, wrap(driver))).collect(), ..self }
    }

    /// The driver of `kind`.
    ///
    /// # Errors
    /// [`Class::Bug`] when no layer registers it.
    pub fn get(&self, kind: &str) -> Result<&Arc<dyn AnyDriver>, Fault> {
        self.by_kind.get(kind).ok_or_else(|| {
            Fault::new(Class::Bug, format!("no layer of this version knows the kind `{kind}`"))
                .hint("use the version that wrote the ledger")
        })
    }

    /// The names of all kinds.
    pub fn names(&self) -> impl Iterator<Item = Kind> + '_ {
        self.by_kind.keys().copied()
    }
}
