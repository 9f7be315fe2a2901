//! From words to values.

use engine::{Address, LayerName};
use std::time::Duration;

pub(super) fn layer(text: &str) -> Result<LayerName, String> {
    let known = LayerName::ALL.map(LayerName::as_str).join(", ");
    LayerName::parse(text).ok_or_else(|| format!("there is no layer `{text}` (there are: {known})"))
}

pub(super) fn address(text: &str) -> Result<Address, String> {
    Address::parse(text).ok_or_else(|| format!("`{text}` is not an address (layer/name); `graph` shows them all"))
}

/// `90s`, `5m`, `1h 30m`.
pub(super) fn patience(text: &str) -> Result<Duration, String> {
    let told: jiff::SignedDuration = text.parse().map_err(|_| format!("`{text}` is no time (write 90s, 5m or 1h30m)"))?;
    Duration::try_from(told).map_err(|_| format!("`{text}` is less than no time"))
}

/// `90s`, `10m`, `1h30m`, and days: `7d`.
pub(super) fn ago(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time (write 90s, 10m, 2h or 7d)");
    let (days, rest) = match text.split_once('d') {
        Some((days, rest)) => (days.trim().parse::<u16>().map_err(|_| wrong())?, rest.trim()),
        None => (0, text),
    };
    let rest = if days > 0 && rest.is_empty() { Duration::ZERO } else { patience(rest).map_err(|_| wrong())? };
    let all = Duration::from_secs(u64::from(days) * 24 * 3600) + rest;
    if all.is_zero() { Err(wrong()) } else { Ok(all) }
}

/// What `--allow-destroy` names.
///
/// # Errors
/// A sentence about a name that is no address.
pub fn allow(names: &[String]) -> Result<engine::planner::Allow, String> {
    if names.iter().any(|name| name == "all") {
        return Ok(engine::planner::Allow::All);
    }
    let parsed: Result<_, String> = names
        .iter()
        .map(|name| Address::parse(name).ok_or_else(|| format!("--allow-destroy {name}: not an address (layer/name) and not `all`")))
        .collect();
    Ok(engine::planner::Allow::Only(parsed?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_back_is_told_as_people_write_it() {
        let hours = |hours: u64| Ok(Duration::from_secs(hours * 3600));
        assert_eq!((ago("2h"), ago("7d"), ago("1d12h")), (hours(2), hours(168), hours(36)));
        for wrong in ["d", "0s", "-5m", "yesterday", "", "7 dwarfs"] {
            assert!(ago(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn patience_is_told_as_people_write_it() {
        assert_eq!(patience("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(patience("1h30m"), Ok(Duration::from_secs(5400)));
        for wrong in ["-5m", "5", "soon", ""] {
            assert!(patience(wrong).is_err(), "{wrong}");
        }
    }
}
