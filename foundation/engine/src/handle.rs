//! A value that is known now or after some resources exist.

use crate::Address;
use crate::outputs::{Outputs, Unresolved};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::sync::Arc;

type Recipe<T> = Arc<dyn Fn(&Outputs) -> Result<T, Unresolved> + Send + Sync>;

/// A typed value with the addresses that it reads. Edges of the graph come from [`Handle::reads`]: nobody writes `depends_on`.
pub struct Handle<T> {
    reads: BTreeSet<Address>,
    recipe: Recipe<T>,
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Handle { reads: self.reads.clone(), recipe: self.recipe.clone() }
    }
}

impl<T> std::fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("reads", &self.reads).finish()
    }
}

impl<T: Clone + Send + Sync + 'static> Handle<T> {
    /// A value that reads nothing.
    pub fn known(value: T) -> Handle<T> {
        Handle { reads: BTreeSet::new(), recipe: Arc::new(move |_| Ok(value.clone())) }
    }

    /// A known value that still counts as reading `reads`: an output that another run recorded.
    pub fn recorded(value: T, reads: BTreeSet<Address>) -> Handle<T> {
        Handle { reads, recipe: Arc::new(move |_| Ok(value.clone())) }
    }

    /// The value made from this one.
    pub fn map<U>(&self, make: impl Fn(T) -> U + Send + Sync + 'static) -> Handle<U> {
        let recipe = self.recipe.clone();
        Handle { reads: self.reads.clone(), recipe: Arc::new(move |outputs| Ok(make(recipe(outputs)?))) }
    }

    /// All values of `handles`, in their order.
    pub fn all(handles: impl IntoIterator<Item = Handle<T>>) -> Handle<Vec<T>> {
        let handles: Vec<Handle<T>> = handles.into_iter().collect();
        let reads = handles.iter().flat_map(|handle| handle.reads.iter().cloned()).collect();
        Handle { reads, recipe: Arc::new(move |outputs| handles.iter().map(|handle| handle.get(outputs)).collect()) }
    }

    /// This value, ordered after `other` as well: for an order that AWS requires but no field carries.
    pub fn after<U>(&self, other: &Handle<U>) -> Handle<T> {
        let reads = self.reads.union(&other.reads).cloned().collect();
        Handle { reads, recipe: self.recipe.clone() }
    }
}

impl<T> Handle<T> {
    /// The addresses that must have outputs before the value can be computed.
    pub fn reads(&self) -> &BTreeSet<Address> {
        &self.reads
    }

    /// Computes the value.
    ///
    /// # Errors
    /// [`Unresolved`] when an output is missing or has another shape.
    pub fn get(&self, outputs: &Outputs) -> Result<T, Unresolved> {
        (self.recipe)(outputs)
    }
}

impl<T: DeserializeOwned> Handle<T> {
    /// The output of the resource at `at`.
    pub(crate) fn output(at: Address) -> Handle<T> {
        let reads = BTreeSet::from([at.clone()]);
        Handle { reads, recipe: Arc::new(move |outputs| outputs.read(&at)) }
    }
}

/// Joins a tuple of handles into a handle of a tuple: `(&a, &b).join()`.
pub trait Join {
    /// The tuple of values.
    type Joined;
    /// One handle that reads everything its parts read.
    fn join(&self) -> Handle<Self::Joined>;
}

macro_rules! join {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Clone + Send + Sync + 'static),+> Join for ($(&Handle<$name>,)+) {
            type Joined = ($($name,)+);
            fn join(&self) -> Handle<Self::Joined> {
                let mut reads = BTreeSet::new();
                $(reads.extend(self.$index.reads.iter().cloned());)+
                let parts = ($(self.$index.clone(),)+);
                Handle { reads, recipe: Arc::new(move |outputs| Ok(($(parts.$index.get(outputs)?,)+))) }
            }
        }
    };
}

join!(A 0, B 1);
join!(A 0, B 1, C 2);
join!(A 0, B 1, C 2, D 3);
join!(A 0, B 1, C 2, D 3, E 4);
join!(A 0, B 1, C 2, D 3, E 4, F 5);
join!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
join!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LayerName;

    #[test]
    fn a_joined_handle_reads_what_its_parts_read() {
        let vpc = Address::new(LayerName::Network, "vpc");
        let key = Address::new(LayerName::Secrets, "key");
        let both = (&Handle::<String>::output(vpc.clone()), &Handle::<String>::output(key.clone())).join();
        assert_eq!(both.reads(), &BTreeSet::from([vpc.clone(), key.clone()]));
        let mut outputs = Outputs::new();
        outputs.set(vpc, "vpc-1".into());
        assert!(both.get(&outputs).is_err());
        outputs.set(key, "key-1".into());
        assert_eq!(both.get(&outputs).map(|(a, b)| format!("{a} {b}")).ok().as_deref(), Some("vpc-1 key-1"));
    }
}
