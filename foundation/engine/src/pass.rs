//! A pass: the time in which all drivers look at an environment at once, and may share what one answer tells of several kinds.

use crate::resource::Scope;
use std::sync::Arc;

/// What drivers share in a pass.
pub trait Shared: Send + Sync {
    /// A pass over this environment begins.
    fn begin(&self, scope: &Scope);
    /// It is over: what was shared in it is old.
    fn end(&self, scope: &Scope);
}

/// A pass that is under way; it is over when this is dropped.
pub struct Pass {
    shared: Option<Arc<dyn Shared>>,
    scope: Scope,
}

impl Pass {
    /// Begins one, where there is something to share.
    pub(crate) fn begin(shared: Option<Arc<dyn Shared>>, scope: &Scope) -> Pass {
        if let Some(shared) = &shared {
            shared.begin(scope);
        }
        Pass { shared, scope: scope.clone() }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.end(&self.scope);
        }
    }
}
