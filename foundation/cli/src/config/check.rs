//! What AWS takes of the settings above the tables: checked before anything is called.

use super::Top;

/// AWS allows 50 tags; the identity takes five, and a few are left to AWS's own services.
const MOST_TAGS: usize = 40;

/// The key of the first setting that cannot work, and why.
pub(super) fn problem(top: &Top) -> Option<(String, String)> {
    let region = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let parts = top.region.split('-').count();
    if !top.region.chars().all(region) || !(3..=5).contains(&parts) || top.region.len() > 32 || top.region.split('-').any(str::is_empty) {
        return Some(("region".into(), format!("`{}` is not the name of a region, for example eu-north-1", top.region)));
    }
    if !(0.01..=1e6).contains(&top.speed) {
        return Some(("speed".into(), format!("{}: use 0.01 to 1000000", top.speed)));
    }
    if top.tags.len() > MOST_TAGS {
        return Some(("tags".into(), format!("{} tags: AWS allows 50 on an object, of which {MOST_TAGS} are yours", top.tags.len())));
    }
    top.tags.iter().find_map(|(key, value)| tag(key, value).map(|problem| (format!("tags.{key}"), problem)))
}

/// Why AWS, or this tool, refuses a tag. The strictest service decides: every object gets the same tags.
fn tag(key: &str, value: &str) -> Option<String> {
    // A letter with marks of its own is several characters; what has no visible form is none that people mean.
    let allowed = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
    let lower = key.to_lowercase();
    Some(match () {
        () if lower.starts_with("aws:") => "AWS keeps keys that begin with `aws:` to itself".into(),
        () if lower.starts_with(engine::resource::tag::PREFIX) => "this tool keeps these keys to itself".into(),
        () if !(1..=128).contains(&key.chars().count()) => format!("its key has {} characters: AWS allows 1 to 128", key.chars().count()),
        () if value.chars().count() > 256 => format!("its value has {} characters: AWS allows 256", value.chars().count()),
        () if !key.chars().chain(value.chars()).all(allowed) => {
            "AWS allows letters, digits, spaces and _ . : / = + - @ in keys and values of tags".into()
        }
        () => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn tags_that_aws_refuses_are_refused_first() {
        let long = "x".repeat(129);
        for (key, value) in [("team", "blue"), ("Kostenträger", "Straße 1"), ("a", ""), (&long[..128], "")] {
            assert_eq!(tag(key, value), None, "{key}");
        }
        for (key, value) in
            [("aws:x", ""), ("AWS:x", ""), ("Orchestrator:env", "x"), ("", ""), (&long, ""), ("a", "b\0"), ("a", "🦀"), ("a", "\u{202e}b")]
        {
            assert!(tag(key, value).is_some(), "{key}");
        }
        assert!(tag("a", &"x".repeat(257)).is_some());
    }
}
