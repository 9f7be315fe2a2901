//! The outputs of other layers: declared in the same run, or recorded by an earlier one.

use engine::layer::Door;
use engine::ledger::Folded;
use engine::{Doors, LayerError, LayerName};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone)]
enum Source {
    /// Declared in this run: handles into the same graph.
    Declared(Arc<dyn Any + Send + Sync>),
    /// From the ledger; the flag says whether the layer's last run left it unfinished.
    Recorded(BTreeMap<String, Door>, bool),
}

/// The doors that are open to a layer.
#[derive(Clone, Default)]
pub struct Upstream {
    by_layer: BTreeMap<LayerName, Source>,
}

impl Upstream {
    /// The doors that the ledgers remember.
    pub fn recorded(memory: &BTreeMap<LayerName, Folded>) -> Upstream {
        let recorded = memory.iter().filter_map(|(layer, folded)| {
            let doors = folded.doors.clone()?;
            Some((*layer, Source::Recorded(doors, folded.doors_stale)))
        });
        Upstream { by_layer: recorded.collect() }
    }

    /// Opens the doors of a layer that was declared in this run.
    pub fn open<D: Doors + Send + Sync + 'static>(&mut self, doors: &D) {
        self.by_layer.insert(D::LAYER, Source::Declared(Arc::new(doors.clone())));
    }

    /// The doors of `D`, for `reader`.
    ///
    /// # Errors
    /// [`LayerError::Upstream`] when the layer was not deployed, its last run did not finish, or it was deployed by a version
    /// that gave less.
    pub fn doors<D: Doors + Send + Sync + 'static>(&self, reader: LayerName) -> Result<D, LayerError> {
        let refused = |problem: String| LayerError::Upstream { reader, layer: D::LAYER, problem };
        match self.by_layer.get(&D::LAYER) {
            None => Err(refused("it was never deployed to this environment".into())),
            Some(Source::Declared(doors)) => {
                doors.downcast_ref::<D>().cloned().ok_or_else(|| refused("its outputs have another type".into()))
            }
            Some(Source::Recorded(_, true)) => Err(refused("its last run did not finish, so that its outputs are stale".into())),
            Some(Source::Recorded(doors, false)) => {
                D::import(doors).map_err(|missing| refused(format!("the version that deployed it did not give {}", missing.join(", "))))
            }
        }
    }
}
