//! A cloud of two kinds, small enough to be checked against a model: ids, tags, unique names, references, and a fate.

use engine::ledger::{Entry, Folded, Ledger, LedgerError, MemoryLedger};
use engine::{
    Address, Ask, Class, Driver, Fault, Found, Identity, IdentityBy, Kind, LayerName, Replace, Resource, Seen, Ticks, outputs::unknown,
};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What happens to the process, or to one of its calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// Nothing.
    Calm,
    /// It dies before the n-th changing call or ledger write.
    DiesBefore(u32),
    /// It dies after it.
    DiesAfter(u32),
    /// The answer of the n-th changing call is lost.
    Lost(u32),
    /// The n-th changing call is refused.
    Refused(u32),
}

/// Something that exists.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    pub kind: Kind,
    /// Its unique name, for a slot.
    pub name: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub size: u32,
    pub shape: u32,
    pub parents: Vec<String>,
}

#[derive(Clone, Default, Debug)]
pub struct State {
    pub objects: BTreeMap<String, Object>,
    next: u32,
    events: u32,
    calls: u32,
}

/// The cloud, and the fate of the process that works with it. Clones share it.
#[derive(Clone)]
pub struct Cloud {
    pub state: Arc<Mutex<State>>,
    fate: Arc<Mutex<Fate>>,
    /// Cancelled when the process dies.
    pub dead: CancellationToken,
}

impl Cloud {
    pub fn new() -> Cloud {
        Cloud { state: Arc::default(), fate: Arc::new(Mutex::new(Fate::Calm)), dead: CancellationToken::new() }
    }

    /// A cloud in this state.
    pub fn holding(state: State) -> Cloud {
        Cloud { state: Arc::new(Mutex::new(state)), ..Cloud::new() }
    }

    /// How many events the last process had.
    pub fn events(&self) -> u32 {
        self.state.lock().unwrap().events
    }

    /// The same cloud for a new process.
    pub fn process(&self, fate: Fate) -> Cloud {
        let mut state = self.state.lock().unwrap();
        (state.events, state.calls) = (0, 0);
        Cloud { state: self.state.clone(), fate: Arc::new(Mutex::new(fate)), dead: CancellationToken::new() }
    }

    /// Does `what` unless the process dies first; dies after it when that is its fate.
    async fn event<T>(&self, what: impl FnOnce() -> T) -> T {
        let fate = *self.fate.lock().unwrap();
        let number = {
            let mut state = self.state.lock().unwrap();
            state.events += 1;
            state.events - 1
        };
        if fate == Fate::DiesBefore(number) || self.dead.is_cancelled() {
            self.dead.cancel();
            std::future::pending::<()>().await;
        }
        let done = what();
        if fate == Fate::DiesAfter(number) {
            self.dead.cancel();
            std::future::pending::<()>().await;
        }
        done
    }

    /// One changing call: it takes a moment, so that steps overlap.
    async fn change<T>(&self, what: impl FnOnce(&mut State) -> Result<T, Fault>) -> Result<T, Fault> {
        let number = {
            let mut state = self.state.lock().unwrap();
            state.calls += 1;
            state.calls - 1
        };
        tokio::time::sleep(Duration::from_millis(u64::from(number * 7 % 5))).await;
        let fate = *self.fate.lock().unwrap();
        if fate == Fate::Refused(number) {
            return Err(Fault::new(Class::Denied, "refused"));
        }
        let done = self.event(|| what(&mut self.state.lock().unwrap())).await;
        if fate == Fate::Lost(number) { Err(Fault::new(Class::InDoubt, "the answer was lost")) } else { done }
    }

    fn find(&self, who: &Identity) -> Option<(String, Object)> {
        let state = self.state.lock().unwrap();
        let matches = |object: &Object| match &who.by {
            IdentityBy::Name(name) => object.name.as_ref() == Some(name),
            _ => who.is_exactly(&object.tags),
        };
        state.objects.iter().find(|(_, object)| matches(object)).map(|(id, object)| (id.clone(), object.clone()))
    }

    async fn ensure(&self, who: &Identity, want: Object, seen: Option<String>) -> Result<Output, Fault> {
        let there = match seen {
            Some(id) => Some(id),
            None => match self.find(who) {
                Some((_, object)) if !who.owns(&object.tags) => return Err(Fault::new(Class::Foreign, "not ours")),
                found => found.map(|(id, _)| id),
            },
        };
        self.change(|state| match there {
            Some(id) => {
                let object = state.objects.get_mut(&id).ok_or_else(|| Fault::new(Class::NotFound, "gone"))?;
                assert!(who.owns(&object.tags), "{} changes an object that is not ours", who.address);
                assert_eq!(object.shape, want.shape, "AWS cannot change a shape in place");
                (object.size, object.parents) = (want.size, want.parents.clone());
                Ok(Output { id })
            }
            None => {
                let taken = |object: &Object| want.name.is_some() && object.name == want.name;
                if state.objects.values().any(taken) {
                    return Err(Fault::new(Class::Invalid, "AlreadyExists"));
                }
                if let Some(parent) = want.parents.iter().find(|parent| !state.objects.contains_key(*parent)) {
                    return Err(Fault::new(Class::Invalid, format!("{parent} does not exist")));
                }
                state.next += 1;
                let id = format!("obj-{}", state.next);
                state.objects.insert(id.clone(), want);
                Ok(Output { id })
            }
        })
        .await
    }

    async fn delete(&self, who: &Identity, last: Option<&Output>) -> Result<(), Fault> {
        let id = match last {
            Some(last) => last.id.clone(),
            None => match self.find(who) {
                Some((id, object)) if who.owns(&object.tags) => id,
                _ => return Ok(()),
            },
        };
        self.change(|state| {
            let Some(object) = state.objects.get(&id) else { return Ok(()) };
            assert!(who.owns(&object.tags), "{} deletes an object that is not ours", who.address);
            if holds(state, &id) {
                return Err(Fault::new(Class::Busy, format!("DependencyViolation: {id} of {} is in use", who.address)));
            }
            state.objects.remove(&id);
            Ok(())
        })
        .await
    }
}

/// Whether another object holds on to this node. A slot lets go of its readers, as a name does.
pub fn holds(state: &State, id: &str) -> bool {
    state.objects[id].kind == Node::KIND && state.objects.values().any(|other| other.parents.iter().any(|parent| parent == id))
}

/// What both kinds give back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    pub id: String,
}

macro_rules! kind {
    ($name:ident, $kind:literal, $replace:expr, $by:expr) => {
        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub struct $name {
            pub name: String,
            pub size: u32,
            pub shape: u32,
            pub parents: Vec<String>,
        }

        impl Resource for $name {
            const KIND: Kind = $kind;
            const REPLACE_ON: &'static [&'static str] = &["shape", "name"];
            const REPLACE: Replace = $replace;
            const SETS: &'static [&'static str] = &["parents"];
            type Output = Output;

            fn identity(&self, _: u32) -> IdentityBy {
                let by: fn(&str) -> IdentityBy = $by;
                by(&self.name)
            }

            fn placeholder(&self, at: &Address) -> Output {
                Output { id: unknown(at, "id") }
            }
        }

        impl Driver<$name> for Cloud {
            async fn observe(&self, asks: &[Ask<$name>]) -> Result<Found<$name>, Fault> {
                let mut found = Found::new();
                for ask in asks {
                    let Some((id, object)) = self.find(&ask.who) else { continue };
                    let name = object.name.clone().unwrap_or_else(|| ask.want.name.clone());
                    let live = $name { name, size: object.size, shape: object.shape, parents: object.parents.clone() };
                    let ours = ask.who.owns(&object.tags);
                    found.insert(ask.who.address.clone(), Seen { live, output: Output { id }, ours, tags: Some(object.tags) });
                }
                Ok(found)
            }

            async fn ensure(&self, who: &Identity, want: &$name, seen: Option<Seen<$name>>, _: &Ticks) -> Result<Output, Fault> {
                let name = matches!(who.by, IdentityBy::Name(_)).then(|| want.name.clone());
                let (size, shape, parents) = (want.size, want.shape, want.parents.clone());
                let object = Object { kind: $kind, name, tags: who.tags.to_map(), size, shape, parents };
                Cloud::ensure(self, who, object, seen.map(|seen| seen.output.id)).await
            }

            async fn delete(&self, who: &Identity, _: &$name, last: Option<&Output>, _: &Ticks) -> Result<(), Fault> {
                Cloud::delete(self, who, last).await
            }
        }
    };
}

kind!(Node, "node", Replace::CreateFirst, |_| IdentityBy::Tag);
kind!(Slot, "slot", Replace::DeleteFirst, |name| IdentityBy::Name(name.to_owned()));

/// A ledger whose writer may die at a write.
pub struct Mortal {
    pub inner: MemoryLedger,
    pub cloud: Cloud,
}

impl Ledger for Mortal {
    fn layer(&self) -> LayerName {
        self.inner.layer()
    }

    fn folded(&self) -> Folded {
        self.inner.folded()
    }

    fn look(&self, look: &mut dyn FnMut(&Folded)) {
        self.inner.look(look);
    }

    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<(), LedgerError>> {
        Box::pin(async move {
            let write = self.cloud.event(|| self.inner.append(entry)).await;
            write.await
        })
    }
}
