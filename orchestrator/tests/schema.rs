//! `docs/schema/env.json` is what the code says. Write it anew with `UPDATE_SCHEMA=1 cargo test -p orchestrator --test schema`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::path::Path;

#[test]
fn the_schema_in_the_repository_is_the_one_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/schema/env.json");
    let now = orchestrator::schema::document();
    if std::env::var("UPDATE_SCHEMA").is_ok() {
        std::fs::write(&path, &now).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), now, "docs/schema/env.json is out of date");
}
