//! The one decision: from what is wanted, remembered and seen to a verb. Pure; plan and apply both ask it.

use crate::driver::{Rules, SeenValue};
use crate::ledger::{Row, RowState};
use crate::outputs::has_unknown;
use crate::plan::{Change, Verb};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

type Tags = BTreeMap<String, String>;

/// What was decided and why.
#[derive(Clone, PartialEq, Debug)]
pub struct Decision {
    /// The verb.
    pub verb: Verb,
    /// The fields that differ.
    pub changes: Vec<Change>,
    /// A reason that the changes do not tell.
    pub why: Option<String>,
    /// The name is taken by an object that is not ours.
    pub foreign: bool,
}

impl Decision {
    fn of(verb: Verb) -> Decision {
        Decision { verb, changes: Vec::new(), why: None, foreign: false }
    }

    fn because(verb: Verb, why: &str) -> Decision {
        Decision { why: Some(why.to_owned()), ..Decision::of(verb) }
    }
}

/// Decides what happens to a declared object.
pub fn decide(rules: &Rules, want: &Value, tags: &Tags, row: Option<&Row>, seen: Option<&SeenValue>) -> Decision {
    let Some(seen) = seen else {
        return match row {
            Some(row) if row.state == RowState::Done => Decision::because(Verb::Create, "gone from AWS"),
            Some(_) | None => Decision::of(Verb::Create),
        };
    };
    if !seen.ours {
        return Decision { foreign: true, ..Decision::because(Verb::Create, "an object of that name exists and is not ours") };
    }
    let mut changes = differences(rules, want, seen, row);
    changes.extend(tag_differences(tags, seen, row));
    let done = row.is_some_and(|row| row.state == RowState::Done);
    match () {
        () if changes.iter().any(|change| change.replaces) => Decision { changes, ..Decision::of(Verb::Replace) },
        () if !changes.is_empty() => Decision { changes, ..Decision::of(Verb::Update) },
        () if !done => Decision::because(Verb::Remember, "exists and is ours; the ledger does not know its end"),
        () => Decision::of(Verb::Keep),
    }
}

/// Decides what happens to a remembered object that is no longer declared, or that a successor has replaced.
pub fn retire(superseded: bool, seen: Option<&SeenValue>) -> Decision {
    match seen {
        None => Decision::because(Verb::Forget, "already gone from AWS"),
        Some(seen) if !seen.ours => Decision::because(Verb::Forget, "its name now belongs to an object that is not ours"),
        Some(_) if superseded => Decision::because(Verb::Delete, "replaced by its successor"),
        Some(_) => Decision::because(Verb::Delete, "no longer declared"),
    }
}

/// The fields in which the live settings differ from the wanted ones.
fn differences(rules: &Rules, want: &Value, seen: &SeenValue, row: Option<&Row>) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(rules.sets, "", Some(&seen.live), Some(want), &mut changes);
    for change in &mut changes {
        let top = change.field.split('.').next().unwrap_or_default();
        // An unknown value replaces only when it turns out to differ; the plan must show the possible replacement.
        change.replaces = rules.replace_on.contains(&top);
        change.drift = row.is_some_and(|row| row.state == RowState::Done && drifted(rules, row, &seen.live, top));
    }
    changes
}

/// Whether a field differs that cannot change in place.
pub(crate) fn replaces(rules: &Rules, want: &Value, seen: &SeenValue) -> bool {
    differences(rules, want, seen, None).iter().any(|change| change.replaces)
}

/// Tags that are wanted and differ, or that we once set and are not wanted any more. Tags of others are theirs.
pub(crate) fn tag_differences(want: &Tags, seen: &SeenValue, row: Option<&Row>) -> Vec<Change> {
    let Some(live) = &seen.tags else { return Vec::new() };
    let applied = row.map(|row| &row.who.tags);
    // The generation is part of the identity, not a setting: what it is decides which object is meant, unless the ledger knows.
    let known = row.is_some_and(|row| row.state == RowState::Done);
    let ours = |key: &&String| known || key.as_str() != crate::resource::tag::GENERATION;
    let keys: BTreeSet<&String> = want.keys().chain(applied.into_iter().flat_map(|tags| tags.keys())).filter(ours).collect();
    let differs = keys.into_iter().filter(|key| live.get(*key) != want.get(*key));
    differs
        .map(|key| Change {
            field: format!("tags.{key}"),
            from: live.get(key).map(|value| Value::String(value.clone())),
            to: want.get(key).map(|value| Value::String(value.clone())),
            replaces: false,
            drift: applied.is_some_and(|applied| applied.get(key) != live.get(key)),
        })
        .collect()
}

fn drifted(rules: &Rules, row: &Row, live: &Value, top: &str) -> bool {
    let mut changes = Vec::new();
    compare(rules.sets, top, live.get(top), row.spec.get(top), &mut changes);
    !changes.is_empty()
}

/// Appends the leaves in which `from` and `to` differ. Lists named in `sets` are compared without their order.
pub fn compare(sets: &[&str], path: &str, from: Option<&Value>, to: Option<&Value>, changes: &mut Vec<Change>) {
    let null = Value::Null;
    let (left, right) = (from.unwrap_or(&null), to.unwrap_or(&null));
    if left == right {
        return;
    }
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (left, right) {
        (Value::Object(old), Value::Object(new)) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                compare(sets, &below(key), old.get(key), new.get(key), changes);
            }
        }
        (Value::Array(old), Value::Array(new)) if sets.contains(&path) && same_set(old, new) => {}
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() && !sets.contains(&path) && !plain(new) => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                compare(sets, &below(&index.to_string()), Some(old), Some(new), changes);
            }
        }
        _ => changes.push(Change {
            field: path.to_owned(),
            from: from.filter(|value| !value.is_null()).cloned(),
            to: to.filter(|value| !value.is_null()).cloned(),
            replaces: false,
            drift: false,
        }),
    }
}

fn plain(items: &[Value]) -> bool {
    items.iter().all(|item| !item.is_object() && !item.is_array())
}

fn same_set(old: &[Value], new: &[Value]) -> bool {
    old.len() == new.len() && old.iter().all(|item| new.contains(item)) && new.iter().all(|item| old.contains(item))
}

/// Whether apply may do `now` where the plan promised `promised`: the same, or less when a value that the plan could not
/// know turned out to be what AWS already holds.
pub fn keeps_promise(promised: Verb, now: Verb, planned_spec: &Value) -> bool {
    promised == now || (has_unknown(planned_spec) && matches!((promised, now), (Verb::Update | Verb::Replace, Verb::Keep | Verb::Update)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const RULES: Rules = Rules {
        kind: "thing",
        replace_on: &["cidr"],
        replace: crate::Replace::CreateFirst,
        protected: false,
        typical: std::time::Duration::ZERO,
        sets: &["subnets"],
        not_adopted: None,
    };

    fn seen(live: Value, ours: bool) -> SeenValue {
        SeenValue { live, output: json!({}), ours, tags: None }
    }

    #[test]
    fn nothing_seen_and_nothing_remembered_is_a_create() {
        assert_eq!(decide(&RULES, &json!({"cidr": "a"}), &Tags::new(), None, None).verb, Verb::Create);
    }

    #[test]
    fn an_object_of_someone_else_is_never_taken() {
        let decision = decide(&RULES, &json!({"cidr": "a"}), &Tags::new(), None, Some(&seen(json!({"cidr": "a"}), false)));
        assert!(decision.foreign);
    }

    #[test]
    fn our_own_object_without_a_row_is_remembered_not_made_again() {
        assert_eq!(decide(&RULES, &json!({"cidr": "a"}), &Tags::new(), None, Some(&seen(json!({"cidr": "a"}), true))).verb, Verb::Remember);
    }

    #[test]
    fn a_field_that_cannot_change_in_place_replaces() {
        let decision = decide(&RULES, &json!({"cidr": "b"}), &Tags::new(), None, Some(&seen(json!({"cidr": "a"}), true)));
        assert_eq!(decision.verb, Verb::Replace);
        assert!(decision.changes[0].replaces);
    }

    #[test]
    fn a_reordered_set_is_no_change_and_a_reordered_list_is() {
        let live = seen(json!({"subnets": ["a", "b"], "order": ["a", "b"]}), true);
        let decision = decide(&RULES, &json!({"subnets": ["b", "a"], "order": ["b", "a"]}), &Tags::new(), None, Some(&live));
        assert_eq!(decision.changes.iter().map(|change| change.field.as_str()).collect::<Vec<_>>(), ["order"]);
    }
}
