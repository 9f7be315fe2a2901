//! The house stays as it is drawn: who may use whom, how long a file may be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const LAYERS: [&str; 7] = ["network", "secrets", "observability", "database", "edge", "compute", "bastion"];
const LONGEST_FILE: usize = 350;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn uses() -> BTreeMap<String, BTreeSet<String>> {
    let output =
        Command::new("cargo").args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(root()).output().unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let names: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let own = |package: &serde_json::Value| {
        // What only tests use is no arrow of the product.
        let product = |need: &&serde_json::Value| need["path"].is_string() && need["kind"].is_null();
        let needs = package["dependencies"].as_array().unwrap().iter().filter(product);
        needs.filter_map(|need| need["name"].as_str()).filter(|name| names.contains(name)).map(str::to_owned).collect()
    };
    packages.iter().map(|package| (package["name"].as_str().unwrap().to_owned(), own(package))).collect()
}

#[test]
fn the_arrows_point_where_they_are_drawn() {
    for (name, used) in uses() {
        let allowed: Vec<&str> = match name.as_str() {
            "engine" | "emulator" => vec![],
            "contract" | "cli" => vec!["engine"],
            "aws" => vec!["engine", "contract"],
            layer if LAYERS.contains(&layer) => vec!["contract", "aws", "engine", "cli"],
            "orchestrator" => [&["cli", "aws", "emulator", "contract", "engine"][..], &LAYERS].concat(),
            "integration-tests" => continue,
            other => panic!("{other} is a room that nobody drew"),
        };
        let stray: Vec<&String> = used.iter().filter(|used| !allowed.contains(&used.as_str())).collect();
        assert!(stray.is_empty(), "{name} may not use {stray:?}");
    }
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_file_is_too_long() {
    let mut found = Vec::new();
    sources(&root(), &mut found);
    assert!(found.len() > 50);
    let long = |path: &&PathBuf| std::fs::read_to_string(path).unwrap().lines().count() > LONGEST_FILE;
    let long: Vec<&PathBuf> = found.iter().filter(long).collect();
    assert!(long.is_empty(), "longer than {LONGEST_FILE} lines: {long:?}");
}
