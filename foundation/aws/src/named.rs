//! Kinds that AWS knows by a unique name or by their place: look, create, change, remove. Most kinds are of this sort, and what
//! must never go wrong is here once: look before a create unless the plan just did, look after it where AWS may have given what was there,
//! look again after a lost answer, take nobody else's object.

use engine::settle::{HIDDEN, hidden};
use engine::{Ask, Class, Driver, Fault, Found, Identity, Lead, Resource, Scope, Seen, Ticks};
use futures::future::try_join_all;
use std::collections::BTreeMap;
use std::future::Future;

/// Tags of an object.
pub type Tags = BTreeMap<String, String>;

/// The calls of one kind. [`Named`] makes a [`Driver`] of them.
pub trait Calls<R: Resource>: Send + Sync + 'static {
    /// Whether an object has its output only when it is usable, or another one after a change: a database its endpoint.
    const OUTPUT_SETTLES: bool = false;

    /// One batched read. [`Seen::ours`] comes from [`owned`] where AWS has tags.
    fn look(&self, asks: &[Ask<R>]) -> impl Future<Output = Result<Found<R>, Fault>> + Send;

    /// Makes the object; the answer may get lost. Its output, where AWS refuses a second one of that name and tells all of it: such an
    /// object is ours and need not be looked at.
    fn create(&self, who: &Identity, want: &R) -> impl Future<Output = Result<Option<R::Output>, Fault>> + Send;

    /// Brings an object of ours from `seen` to `want`, tags included. No call is made where nothing differs.
    fn change(&self, who: &Identity, want: &R, seen: &Seen<R>) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Deletes the object; one that is already gone is a success.
    fn remove(&self, spec: &R, output: &R::Output) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Waits until a made or changed object is usable.
    fn settle(&self, _want: &R, _output: &R::Output, _ticks: &Ticks) -> impl Future<Output = Result<(), Fault>> + Send {
        async { Ok(()) }
    }

    /// The names of every object that may be this stack's and environment's, as settings of which only the name is known; `None` for
    /// a kind without tags. See [`Driver::list`].
    fn names(&self, _scope: &Scope) -> impl Future<Output = Result<Option<Vec<R>>, Fault>> + Send {
        async { Ok(None) }
    }

    /// Waits until a removed object is gone.
    fn settle_gone(&self, _who: &Identity, _spec: &R, _ticks: &Ticks) -> impl Future<Output = Result<(), Fault>> + Send {
        async { Ok(()) }
    }
}

/// Asks AWS for each by itself, for all of them at once: where it has no call that tells of several.
///
/// # Errors
/// The fault of a read.
pub async fn each<'a, R, F>(asks: &'a [Ask<R>], one: impl Fn(&'a Ask<R>) -> F) -> Result<Found<R>, Fault>
where
    R: Resource,
    F: Future<Output = Result<Option<Seen<R>>, Fault>>,
{
    let seen = try_join_all(asks.iter().map(one)).await?;
    Ok(asks.iter().zip(seen).filter_map(|(ask, seen)| Some((ask.who.address.clone(), seen?))).collect())
}

/// From so many on, what AWS tells of few names in a question and of many objects in a page is listed; one environment has fewer, and those
/// that are looked at together share the list.
pub const MANY: usize = 12;

/// Asks for objects by name, `at_once` of them in a question. `ask` has none where AWS refuses it: a name that is not there may spoil the
/// question for all, so each is then asked for by itself.
///
/// # Errors
/// The fault of a read.
pub async fn several<T, F>(names: Vec<String>, at_once: usize, ask: impl Fn(Vec<String>) -> F) -> Result<Vec<T>, Fault>
where
    F: Future<Output = Result<Option<Vec<T>>, Fault>>,
{
    let ask = &ask;
    let found = try_join_all(names.chunks(at_once).map(|some| async move {
        if let Some(found) = ask(some.to_vec()).await? {
            return Ok(found);
        }
        let alone = some.iter().filter(|_| some.len() > 1).map(|name| ask(vec![name.clone()]));
        Ok::<_, Fault>(try_join_all(alone).await?.into_iter().flatten().flatten().collect())
    }));
    Ok(found.await?.into_iter().flatten().collect())
}

/// What was seen of a tagged object.
pub fn owned<R: Resource>(who: &Identity, live: R, output: R::Output, tags: Tags) -> Seen<R> {
    Seen { live, output, ours: who.owns(&tags), tags: Some(tags) }
}

/// What was seen of an object without tags that belongs to an object of ours, or carries our mark.
pub fn untagged<R: Resource>(live: R, output: R::Output, ours: bool) -> Seen<R> {
    Seen { live, output, ours, tags: None }
}

/// The driver of a named kind.
#[derive(Clone, Debug)]
pub struct Named<T>(pub T);

/// A name that AWS says is taken: perhaps by our own create whose answer was lost. Or one that was made and is not shown yet.
fn taken(fault: &Fault) -> bool {
    let code = fault.code.as_str();
    let refused = code.contains("AlreadyExist") || code.starts_with("Duplicate") || code == "ResourceConflictException";
    refused || code == HIDDEN
}

/// What a create came to.
enum Created<O> {
    /// An object of which the answer told all.
    Known(O),
    /// An object that is to be looked at.
    Whole,
    /// One that may be somebody else's, or of which several calls made only a part.
    Half,
}

impl<T> Named<T> {
    async fn one<R: Resource>(&self, who: &Identity, want: &R, last: Option<&R::Output>) -> Result<Option<Seen<R>>, Fault>
    where
        T: Calls<R>,
    {
        let ask = Ask { who: who.clone(), want: want.clone(), last: last.cloned() };
        Ok(self.0.look(std::slice::from_ref(&ask)).await?.remove(&who.address))
    }

    /// Creates. After a lost answer AWS says by itself whether the object is there.
    async fn create<R: Resource>(&self, who: &Identity, want: &R) -> Result<Created<R::Output>, Fault>
    where
        T: Calls<R>,
    {
        match self.0.create(who, want).await {
            Ok(Some(output)) => Ok(Created::Known(output)),
            Ok(None) => Ok(Created::Whole),
            Err(fault) if taken(&fault) => Ok(Created::Half),
            Err(fault) if fault.class == Class::InDoubt => match self.one(who, want, None).await? {
                Some(_) => Ok(Created::Half),
                None => match self.0.create(who, want).await {
                    Err(fault) if !taken(&fault) => Err(fault),
                    _ => Ok(Created::Half),
                },
            },
            Err(fault) => Err(fault),
        }
    }

    /// The object that a create made, looked at where its answer does not tell all; what it left undone is made up for.
    async fn made<R: Resource>(&self, who: &Identity, want: &R, ticks: &Ticks) -> Result<R::Output, Fault>
    where
        T: Calls<R>,
    {
        let half = match self.create(who, want).await? {
            Created::Known(output) => return Ok(output),
            Created::Whole => false,
            Created::Half => true,
        };
        let made = self.shown(who, want, ticks).await?;
        if !made.ours {
            return Err(foreign::<R>(who));
        }
        if half {
            self.0.change(who, want, &made).await?;
        }
        Ok(made.output)
    }

    /// The output of an object that is usable by now.
    async fn settled<R: Resource>(&self, who: &Identity, want: &R, output: R::Output) -> Result<R::Output, Fault>
    where
        T: Calls<R>,
    {
        let now = if T::OUTPUT_SETTLES { self.one(who, want, Some(&output)).await? } else { None };
        Ok(now.map_or(output, |now| now.output))
    }

    /// The object that is there, as soon as AWS shows it.
    async fn shown<R: Resource>(&self, who: &Identity, want: &R, ticks: &Ticks) -> Result<Seen<R>, Fault>
    where
        T: Calls<R>,
    {
        let mut pauses = ticks.settle.pauses(ticks.settle.window);
        loop {
            if let Some(made) = self.one(who, want, None).await? {
                return Ok(made);
            }
            ticks.say("AWS does not show it yet");
            if !pauses.wait().await {
                return Err(hidden(&format!("{} was made", who.address)));
            }
        }
    }
}

fn foreign<R: Resource>(who: &Identity) -> Fault {
    Fault::new(Class::Foreign, format!("the {} {} exists and is not ours", R::KIND.replace('_', " "), who.name()))
}

impl<R: Resource, T: Calls<R>> Driver<R> for Named<T> {
    async fn observe(&self, asks: &[Ask<R>]) -> Result<Found<R>, Fault> {
        self.0.look(asks).await
    }

    async fn ensure(&self, who: &Identity, want: &R, seen: Option<Seen<R>>, ticks: &Ticks) -> Result<R::Output, Fault> {
        let there = match seen {
            Some(seen) => Some(seen),
            None if ticks.absent => None,
            None => self.one(who, want, None).await?,
        };
        match &there {
            Some(there) if !there.ours => return Err(foreign::<R>(who)),
            Some(there) => {
                self.0.change(who, want, there).await?;
                self.0.settle(want, &there.output, ticks).await?;
                return self.settled(who, want, there.output.clone()).await;
            }
            None => {}
        }
        let output = self.made(who, want, ticks).await?;
        self.0.settle(want, &output, ticks).await?;
        self.settled(who, want, output).await
    }

    async fn delete(&self, who: &Identity, spec: &R, last: Option<&R::Output>, ticks: &Ticks) -> Result<(), Fault> {
        let Some(there) = self.one(who, spec, last).await? else {
            // An earlier delete may still be under way: an object in that state is not seen, and holds on to others.
            return self.0.settle_gone(who, spec, ticks).await;
        };
        // Somebody else's object in our place is not ours to delete.
        if !there.ours {
            return Ok(());
        }
        self.0.remove(spec, &there.output).await?;
        self.0.settle_gone(who, spec, ticks).await
    }

    async fn list(&self, scope: &Scope) -> Result<Option<Vec<Lead<R>>>, Fault> {
        let names = self.0.names(scope).await?;
        Ok(names.map(|names| names.into_iter().map(|want| Lead { want, last: None }).collect()))
    }
}

/// The tags to set and the keys to take away, to bring `seen` to those of `who`. Keys that AWS reserves are left alone.
pub fn tag_changes(who: &Identity, seen: Option<&Tags>) -> (Tags, Vec<String>) {
    let Some(seen) = seen else { return (Tags::new(), Vec::new()) };
    let set = who.tags.iter().filter(|(key, value)| seen.get(*key) != Some(*value));
    let set = set.map(|(key, value)| (key.clone(), value.clone())).collect();
    let stale = seen.keys().filter(|key| !who.tags.contains_key(*key) && !key.starts_with("aws:")).cloned().collect();
    (set, stale)
}

/// Whether tags carry an identity of this tool, whoever's it is.
pub fn has_identity(tags: &Tags) -> bool {
    tags.contains_key(engine::resource::tag::STACK)
}
