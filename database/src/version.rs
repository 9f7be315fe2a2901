//! Which PostgreSQL: a major resolves to what runs or to the newest minor, and nothing ever goes back.

use engine::DeclareError;

/// `16` of `16.3`.
pub fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

/// Whether a version names its minor: RDS itself says at the create whether it offers that one.
pub fn is_exact(version: &str) -> bool {
    version.contains('.')
}

/// As numbers, so that 16.10 is newer than 16.9.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').filter_map(|part| part.parse().ok()).collect()
}

/// The exact version to declare. `live` is what runs, `offered` what RDS offers of a wanted major.
///
/// A minor that RDS installed by itself stays: within a major, RDS may only be ahead of the settings.
///
/// # Errors
/// [`DeclareError::Setting`] for a downgrade, or for a major that RDS does not offer.
pub fn resolve(wanted: &str, live: Option<&str>, offered: &[String]) -> Result<String, DeclareError> {
    let refused = |problem: String| Err(DeclareError::setting("database.engine_version", problem));
    let exact = is_exact(wanted);
    if let Some(live) = live {
        let (have, want) = (numbers(live), numbers(wanted));
        if numbers(major(live)) > numbers(major(wanted)) {
            return refused(format!("PostgreSQL {live} runs, and RDS cannot go back to {wanted}"));
        }
        if major(live) == major(wanted) && (!exact || have >= want) {
            return Ok(live.to_owned());
        }
    }
    if exact {
        return Ok(wanted.to_owned());
    }
    match offered.iter().filter(|version| major(version) == wanted).max_by_key(|version| numbers(version)) {
        Some(newest) => Ok(newest.clone()),
        None => refused(format!("RDS does not offer PostgreSQL {wanted} in this region")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered() -> Vec<String> {
        ["16.3", "16.9", "16.10"].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_major_is_the_newest_minor_and_then_what_runs() {
        assert_eq!(resolve("16", None, &offered()).unwrap(), "16.10");
        assert_eq!(resolve("16", Some("16.9"), &offered()).unwrap(), "16.9");
        assert_eq!(resolve("16", Some("15.12"), &offered()).unwrap(), "16.10");
    }

    #[test]
    fn a_minor_is_exact_unless_rds_is_ahead() {
        assert_eq!(resolve("16.3", None, &offered()).unwrap(), "16.3");
        assert_eq!(resolve("16.3", Some("16.9"), &offered()).unwrap(), "16.9");
    }

    #[test]
    fn nothing_goes_back() {
        assert!(resolve("16", Some("17.4"), &offered()).is_err());
        assert!(resolve("18", None, &offered()).is_err());
    }
}
