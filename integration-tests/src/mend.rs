//! A ledger that is lost, and objects that others made.

use crate::{Bench, Staged};
use engine::adopt::{AdoptError, look};
use engine::ledger::MemoryLedger;
use engine::plan::Change;
use engine::planner::{Allow, Request};
use engine::rebuild::Rebuilt;
use engine::resource::tag;
use engine::scan::Scan;
use engine::{Address, LayerName};
use orchestrator::stack;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Changes every map of tags in a world.
fn change_tags(value: &mut Value, change: &impl Fn(&mut Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Object(tags)) = fields.get_mut("tags") {
                change(tags);
            }
            fields.values_mut().for_each(|value| change_tags(value, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| change_tags(value, change)),
        _ => {}
    }
}

/// Every map of tags in a world.
fn each_tags(value: &Value, visit: &mut impl FnMut(&Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Object(tags)) = fields.get("tags") {
                visit(tags);
            }
            fields.values().for_each(|value| each_tags(value, visit));
        }
        Value::Array(items) => items.iter().for_each(|value| each_tags(value, visit)),
        _ => {}
    }
}

impl Bench {
    /// Forgets everything that any ledger knew.
    pub fn lose(&mut self) {
        self.ledgers = stack::LAYERS.iter().map(|layer| (*layer, MemoryLedger::new(*layer))).collect();
    }

    /// What every ledger knows: addresses with their generations.
    pub fn places(&self) -> BTreeSet<(Address, u32)> {
        self.ledgers.values().flat_map(|ledger| engine::ledger::Ledger::folded(ledger).rows.into_keys()).collect()
    }

    /// How many objects of ours exist. Tasks carry copies of their service's tags and are its own.
    pub fn objects(&self) -> usize {
        self.emulator.tagged(tag::STACK, "shop").iter().filter(|id| !id.contains(":task/")).count()
    }

    /// Changes by hand the tags of everything that is tagged with one of these addresses.
    pub fn retag(&self, addresses: &BTreeSet<String>, change: impl Fn(&mut Map<String, Value>)) {
        self.emulator.with_world(|world| {
            let mut value = serde_json::to_value(&*world).unwrap();
            let ours = |tags: &Map<String, Value>| tags.get(tag::ADDRESS).and_then(Value::as_str).is_some_and(|at| addresses.contains(at));
            change_tags(&mut value, &|tags| {
                if ours(tags) {
                    change(tags)
                }
            });
            let mut theirs: emulator::World = serde_json::from_value(value).unwrap();
            theirs.clock.follow(&world.clock);
            *world = theirs;
        });
    }

    /// Every address that stands in a tag.
    pub fn addresses(&self) -> BTreeSet<String> {
        let world = self.emulator.with_world(|world| serde_json::to_value(&*world).unwrap());
        let mut found = BTreeSet::new();
        each_tags(&world, &mut |tags| found.extend(tags.get(tag::ADDRESS).and_then(Value::as_str).map(str::to_owned)));
        found
    }

    /// Rebuilds the ledgers of these layers for these settings.
    ///
    /// # Errors
    /// A sentence.
    pub async fn rebuild(&self, env: &str, layers: &[LayerName]) -> Result<Rebuilt, String> {
        let Staged { memory, scope, apply } = self.stage(Some(env)).await?;
        let allow = Allow::Nothing;
        let request = Request { scope: &scope, graph: &apply.graph, kinds: &apply.kinds, memory: &memory, layers, allow: &allow };
        let ledgers = apply.ledgers.into_iter().filter(|(layer, _)| layers.contains(layer)).collect();
        engine::rebuild::rebuild(&request, &ledgers, &apply.doors).await.map_err(|error| error.to_string())
    }

    /// Everything that carries our tags.
    ///
    /// # Panics
    /// When AWS cannot be read.
    pub async fn scan(&self) -> Scan {
        let scope = crate::settings(crate::EVERYTHING).scope();
        engine::scan::scan(&stack::kinds(&self.aws().await), &scope, stack::LAYERS).await.unwrap()
    }

    /// Takes `id` over for the declared `at`; what the next deploy changes.
    ///
    /// # Errors
    /// The reason why not.
    ///
    /// # Panics
    /// When the settings cannot be declared.
    pub async fn adopt(&self, env: &str, at: &str, id: &str, allow: Allow) -> Result<Vec<Change>, AdoptError> {
        let Staged { memory, scope, apply } = self.stage(Some(env)).await.unwrap();
        let at = Address::parse(at).unwrap();
        let layers = stack::LAYERS;
        let request = Request { scope: &scope, graph: &apply.graph, kinds: &apply.kinds, memory: &memory, layers, allow: &allow };
        let adoption = look(&request, &at, id).await?;
        let changes = adoption.changes.clone();
        adoption.take(&request, &self.ledgers[&at.layer]).await?;
        Ok(changes)
    }
}
