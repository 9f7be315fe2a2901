//! What resources gave back, or stand-ins for what they will give back.

use crate::Address;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashMap;

/// Opens every placeholder. Configuration may not contain it, so that a stand-in can never be mistaken for a value.
pub const OPEN: char = '‹';

/// The outputs known so far, by address. While planning, some are placeholders such as `‹network/vpc.id›`.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    by_address: HashMap<Address, Value>,
}

impl Outputs {
    /// No outputs yet.
    pub fn new() -> Outputs {
        Outputs::default()
    }

    /// Remembers what `at` gave back.
    pub fn set(&mut self, at: Address, output: Value) {
        self.by_address.insert(at, output);
    }

    /// Those of `addresses`.
    pub fn of<'a>(&self, addresses: impl IntoIterator<Item = &'a Address>) -> Outputs {
        let known = addresses.into_iter().filter_map(|at| Some((at.clone(), self.get(at)?.clone())));
        Outputs { by_address: known.collect() }
    }

    /// What `at` gave back, if it is known (or stood in for).
    pub fn get(&self, at: &Address) -> Option<&Value> {
        self.by_address.get(at)
    }

    /// The output of `at` as `T`.
    ///
    /// # Errors
    /// [`Unresolved`] when the address has no output yet or the output has another shape.
    pub fn read<T: DeserializeOwned>(&self, at: &Address) -> Result<T, Unresolved> {
        let value = self.get(at).ok_or_else(|| Unresolved { at: at.clone(), why: "it has no output yet".into() })?;
        T::deserialize(value).map_err(|error| Unresolved { at: at.clone(), why: error.to_string() })
    }
}

/// A recipe asked for an output that is not there.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the output of {at} cannot be read: {why}")]
pub struct Unresolved {
    /// Whose output.
    pub at: Address,
    /// What was wrong.
    pub why: String,
}

/// Whether a value still contains a placeholder anywhere.
pub fn has_unknown(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(OPEN),
        Value::Array(items) => items.iter().any(has_unknown),
        Value::Object(fields) => fields.iter().any(|(key, value)| key.contains(OPEN) || has_unknown(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The placeholder for one field of an output: `‹network/vpc.id›`.
pub fn unknown(at: &Address, field: &str) -> String {
    format!("‹{at}.{field}›")
}
