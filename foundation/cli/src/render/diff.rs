//! What differs, by meaning: documents per key, sets by their members, secrets as references.

use engine::plan::Change;
use serde_json::Value;
use std::collections::BTreeSet;

/// One line of a difference.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Difference {
    /// `policies.read.Statement[0].Action[2]`.
    pub path: String,
    /// What is there, in words; `None` when nothing is.
    pub from: Option<String>,
    /// What is wanted.
    pub to: Option<String>,
    /// It is a member of a set: it comes or goes and has no place.
    pub member: bool,
}

/// The lines of one changed field; none when both sides mean the same.
pub(crate) fn differences(change: &Change) -> Vec<Difference> {
    let mut found = Vec::new();
    let (from, to) = (document(change.from.as_ref()), document(change.to.as_ref()));
    match (&from, &to) {
        (Some(Value::Array(old)), Some(Value::Array(new))) if plain(old) && plain(new) && !change.field.contains(".Statement") => {
            members(&shape(&change.field), old, new, &mut found);
        }
        _ => compare(&shape(&change.field), from.as_ref(), to.as_ref(), &mut found),
    }
    found
}

/// A text that is a document, as a document.
fn document(value: Option<&Value>) -> Option<Value> {
    let parsed = value.and_then(Value::as_str).filter(|text| text.starts_with(['{', '['])).and_then(|text| serde_json::from_str(text).ok());
    parsed.or_else(|| value.cloned())
}

/// `Statement.0.Action` as people write it: `Statement[0].Action`. Keys of tags are one word, whatever is in them.
fn shape(field: &str) -> String {
    if field.starts_with("tags.") {
        return field.to_owned();
    }
    let parts = field.split('.').map(|part| match part.parse::<usize>() {
        Ok(index) => format!("[{index}]"),
        Err(_) => format!(".{part}"),
    });
    parts.collect::<String>().trim_start_matches('.').to_owned()
}

fn plain(items: &[Value]) -> bool {
    items.iter().all(|item| !item.is_object() && !item.is_array())
}

/// Lists of plain values at the top of a resource's settings: who comes and who goes. The order is shown where it alone differs.
fn members(path: &str, old: &[Value], new: &[Value], found: &mut Vec<Difference>) {
    let gone = old.iter().filter(|item| !new.contains(item));
    let come = new.iter().filter(|item| !old.contains(item));
    let line = |from: Option<&Value>, to: Option<&Value>| {
        let (from, to) = sides(path, from, to);
        Difference { path: path.to_owned(), from, to, member: true }
    };
    let before = found.len();
    found.extend(gone.map(|item| line(Some(item), None)));
    found.extend(come.map(|item| line(None, Some(item))));
    if found.len() == before {
        let whole = |items: &[Value]| Some(Value::Array(items.to_vec()).to_string());
        found.push(Difference { path: path.to_owned(), from: whole(old), to: whole(new), member: false });
    }
}

/// The leaves in which two documents differ.
fn compare(path: &str, from: Option<&Value>, to: Option<&Value>, found: &mut Vec<Difference>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (from, to) {
        (from, to) if from == to => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            keys.into_iter().for_each(|key| compare(&below(key), old.get(key), new.get(key), found));
        }
        // In a policy `"Action": "x"` and `"Action": ["x"]` are the same, and so is any order.
        (Some(old), Some(new)) if listed(path) && !old.is_object() && !new.is_object() => {
            let list = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            unordered(path, &list(old), &list(new), found);
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) if plain(old) && plain(new) => by_place(path, old, new, found),
        (Some(Value::Array(old)), Some(Value::Array(new))) => records(path, old, new, found),
        _ => {
            let (from, to) = sides(path, from, to);
            found.push(Difference { path: path.to_owned(), from, to, member: false });
        }
    }
}

/// Whether IAM takes a list or one of it here, in any order.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>
fn listed(path: &str) -> bool {
    let Some((_, rest)) = path.rsplit_once("Statement") else { return false };
    let key = rest.rsplit('.').next().unwrap_or_default();
    ["Action", "NotAction", "Resource", "NotResource", "AWS", "Service", "Federated"].contains(&key) || rest.contains(".Condition.")
}

fn unordered(path: &str, old: &[Value], new: &[Value], found: &mut Vec<Difference>) {
    let places = |these: &[Value], others: &[Value]| -> Vec<usize> {
        these.iter().enumerate().filter(|(_, item)| !others.contains(item)).map(|(place, _)| place).collect()
    };
    let (gone, come) = (places(old, new), places(new, old));
    for place in &gone {
        compare(&format!("{path}[{place}]"), old.get(*place), new.get(*place).filter(|_| come.contains(place)), found);
    }
    for place in come.iter().filter(|place| !gone.contains(place)) {
        compare(&format!("{path}[{place}]"), None, new.get(*place), found);
    }
}

/// Lists whose order means something: place by place between what is the same at both ends.
fn by_place(path: &str, old: &[Value], new: &[Value], found: &mut Vec<Difference>) {
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let end = old[start..].iter().rev().zip(new[start..].iter().rev()).take_while(|(old, new)| old == new).count();
    for place in start..old.len().max(new.len()) - end {
        let within = |items: &'_ [Value]| (place < items.len() - end).then(|| items[place].clone());
        compare(&format!("{path}[{place}]"), within(old).as_ref(), within(new).as_ref(), found);
    }
}

/// Lists of documents: those that are the same are left out, those of one name are compared, the rest in their order.
fn records(path: &str, old: &[Value], new: &[Value], found: &mut Vec<Difference>) {
    let name = |item: &Value| ["Sid", "name", "Name", "id", "Id"].iter().find_map(|key| item.get(key).cloned());
    let mut left: Vec<&Value> = old.iter().filter(|item| !new.contains(item)).collect();
    let (mut open, mut pairs) = (Vec::new(), Vec::new());
    for (place, item) in new.iter().enumerate().filter(|(_, item)| !old.contains(item)) {
        match left.iter().position(|other| name(item).is_some() && name(item) == name(other)) {
            Some(same) => pairs.push((place, Some(left.remove(same)), Some(item))),
            None => open.push((place, item)),
        }
    }
    let mut rest = left.into_iter();
    pairs.extend(open.into_iter().map(|(place, item)| (place, rest.next(), Some(item))));
    pairs.sort_by_key(|(place, ..)| *place);
    let gone = rest.map(|item| (old.iter().position(|other| other == item).unwrap_or_default(), Some(item), None));
    pairs.extend(gone);
    pairs.into_iter().for_each(|(place, from, to)| compare(&format!("{path}[{place}]"), from, to, found));
}

/// Both sides in words. The name of a secret is left out where it is the same.
fn sides(path: &str, from: Option<&Value>, to: Option<&Value>) -> (Option<String>, Option<String>) {
    match (from.and_then(|it| secret(path, it)), to.and_then(|it| secret(path, it))) {
        (Some(old), Some(new)) if old.name == new.name && old.version.is_some() && new.version.is_some() => {
            (Some(old.short()), Some(new.short()))
        }
        (old, new) => {
            let words = |secret: Option<Reference>, value: Option<&Value>| secret.map(|it| it.long()).or_else(|| value.map(text));
            (words(old, from), words(new, to))
        }
    }
}

/// Where a secret is.
struct Reference {
    name: String,
    version: Option<String>,
}

impl Reference {
    fn short(&self) -> String {
        self.version.as_ref().map_or_else(|| "(secret)".to_owned(), |version| format!("(secret, version {version})"))
    }

    fn long(&self) -> String {
        let version = self.version.as_ref().map(|version| format!(", version {version}")).unwrap_or_default();
        if self.name.is_empty() { format!("(secret{version})") } else { format!("(secret {}{version})", self.name) }
    }
}

/// A parameter's ARN (ECS takes one with a version at its end), or whatever is kept where passwords are: never more than a name.
fn secret(path: &str, value: &Value) -> Option<Reference> {
    let text = value.as_str()?;
    let key = path.rsplit('.').next().unwrap_or_default().to_lowercase();
    let hidden = path.contains("secrets.") || ["password", "secret", "token"].iter().any(|word| key.ends_with(word));
    let place = text.strip_prefix("arn:").and_then(|arn| arn.split_once(":ssm:"));
    match place.and_then(|(_, rest)| rest.split_once(":parameter")) {
        Some((_, name)) if hidden => {
            let (name, version) = name.split_once(':').map_or((name, None), |(name, version)| (name, Some(version.to_owned())));
            Some(Reference { name: name.to_owned(), version })
        }
        // What begins like a parameter's name is one; a placeholder is no value either.
        _ if hidden && (text.starts_with('/') || text.contains('‹')) => Some(Reference { name: text.to_owned(), version: None }),
        _ if hidden => Some(Reference { name: String::new(), version: None }),
        _ => None,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(field: &str, from: Value, to: Value) -> Vec<String> {
        let some = |value: Value| Some(value).filter(|value| !value.is_null());
        let change = Change { field: field.into(), from: some(from), to: some(to), replaces: false, drift: false };
        differences(&change).into_iter().map(|it| format!("{} {:?} {:?}", it.path, it.from, it.to).replace("Some", "")).collect()
    }

    #[test]
    fn a_policy_is_compared_by_what_it_means() {
        let old = json!({"Statement": [{"Effect": "Allow", "Action": ["a", "b"], "Resource": "*"}]});
        let same = json!({"Statement": [{"Resource": ["*"], "Action": ["b", "a"], "Effect": "Allow"}]});
        assert_eq!(lines("policy", old.clone(), same), Vec::<String>::new());
        let more = json!({"Statement": [{"Effect": "Allow", "Action": ["a", "b", "c"], "Resource": "*"}]});
        assert_eq!(lines("policy", old.clone(), more.clone()), [r#"policy.Statement[0].Action[2] None ("c")"#]);
        assert_eq!(lines("policy", json!(old.to_string()), json!(more.to_string())), [r#"policy.Statement[0].Action[2] None ("c")"#]);
        assert_eq!(
            lines("policy.Statement.0.Action", json!(["a", "b"]), json!(["a", "c"])),
            [r#"policy.Statement[0].Action[1] ("b") ("c")"#]
        );
    }

    #[test]
    fn records_are_found_by_their_names_and_the_rest_in_order() {
        let old = json!([{"Sid": "a", "x": 1}, {"Sid": "b", "x": 1}, {"Sid": "c"}]);
        let new = json!([{"Sid": "b", "x": 2}, {"Sid": "a", "x": 1}]);
        assert_eq!(lines("it", old, new), [r#"it[0].x ("1") ("2")"#, r#"it[2] ("{\"Sid\":\"c\"}") None"#]);
    }

    #[test]
    fn sets_have_members_and_lists_have_places() {
        assert_eq!(lines("zones", json!(["a", "b"]), json!(["b", "c"])), [r#"zones ("a") None"#, r#"zones None ("c")"#]);
        assert_eq!(lines("order", json!(["a", "b"]), json!(["b", "a"])), [r#"order ("[\"a\",\"b\"]") ("[\"b\",\"a\"]")"#]);
        assert_eq!(
            lines("health", json!({"command": ["x", "y", "z"]}), json!({"command": ["x", "w", "z"]})),
            [r#"health.command[1] ("y") ("w")"#]
        );
    }

    #[test]
    fn a_secret_is_a_name_and_a_version_and_nothing_else() {
        let arn = |version: &str| json!(format!("arn:aws:ssm:eu-north-1:123456789012:parameter/shop/prod/key{version}"));
        assert_eq!(
            lines("container.secrets.KEY", arn(":2"), arn(":3")),
            [r#"container.secrets.KEY ("(secret, version 2)") ("(secret, version 3)")"#]
        );
        assert_eq!(lines("container.secrets.KEY", Value::Null, arn("")), [r#"container.secrets.KEY None ("(secret /shop/prod/key)")"#]);
        assert_eq!(
            lines("password", json!("hunter2"), json!("/shop/prod/password")),
            [r#"password ("(secret)") ("(secret /shop/prod/password)")"#]
        );
    }
}
