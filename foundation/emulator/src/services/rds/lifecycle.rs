//! Major versions and for how long RDS supports them.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/postgresql-release-calendar.html>

use super::{VERSIONS, major};
use crate::call::Input;
use crate::table::page;
use serde_json::{Value, json};

/// Major, its release on RDS, the end of standard support, the end of the third year of extended support.
const MAJORS: &[(&str, &str, &str, &str)] = &[
    ("13", "2021-02-24", "2026-02-28", "2029-02-28"),
    ("14", "2022-02-03", "2027-02-28", "2030-02-28"),
    ("15", "2023-02-27", "2028-02-29", "2031-02-28"),
    ("16", "2024-02-13", "2029-02-28", "2032-02-29"),
    ("17", "2025-02-20", "2030-02-28", "2033-02-28"),
    ("18", "2026-02-25", "2031-02-28", "2034-02-28"),
];

fn day(date: &str) -> String {
    format!("{date}T00:00:00Z")
}

pub(super) fn major_versions(input: &Input) -> Value {
    let offered = |wanted: &str| VERSIONS.iter().any(|version| major(version) == wanted);
    let asked = |wanted: &str| {
        input.opt("MajorEngineVersion").is_none_or(|it| it == wanted) && input.opt("Engine").is_none_or(|it| it == "postgres")
    };
    let found = MAJORS.iter().filter(|(major, ..)| offered(major) && asked(major));
    let all = found.map(|(major, released, standard, extended)| {
        let life = |name: &str, from: &str, to: &str| {
            json!({"LifecycleSupportName": name, "LifecycleSupportStartDate": day(from), "LifecycleSupportEndDate": day(to)})
        };
        let lives = [life("open-source-rds-standard-support", released, standard), life("open-source-rds-extended-support", standard, extended)];
        json!({"Engine": "postgres", "MajorEngineVersion": major, "SupportedEngineLifecycles": lives})
    });
    page("DBMajorEngineVersions", all.collect(), input.opt("Marker"), input.int("MaxRecords").unwrap_or(100) as usize, "Marker")
}
