//! A pass: the time in which all drivers look at an environment at once, and may share what one answer tells of several kinds.

use crate::resource::Scope;
use std::sync::Arc;

/// What drivers share in a pass.
pub trait Shared: Send + Sync {
    /// A pass over these environments begins.
    fn begin(&self, scopes: &[Scope]);
    /// It is over: what was shared in it is old.
    fn end(&self, scopes: &[Scope]);
}

/// A pass that is under way; it is over when this is dropped.
pub struct Pass {
    shared: Option<Arc<dyn Shared>>,
    scopes: Vec<Scope>,
}

impl Pass {
    /// Begins one, where there is something to share.
    pub(crate) fn begin(shared: Option<Arc<dyn Shared>>, scopes: &[Scope]) -> Pass {
        if let Some(shared) = &shared {
            shared.begin(scopes);
        }
        Pass { shared, scopes: scopes.to_vec() }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.end(&self.scopes);
        }
    }
}
