//! What a shell is offered beside commands and options: names that this machine knows.

use clap_complete::engine::CompletionCandidate;
use engine::LayerName;
use std::path::PathBuf;

/// The environments of the configuration directory that the line names, or of the usual one.
pub(super) fn environments() -> Vec<CompletionCandidate> {
    crate::config::environments(&directory()).into_iter().map(CompletionCandidate::new).collect()
}

/// The layers.
pub(super) fn layers() -> Vec<CompletionCandidate> {
    LayerName::ALL.into_iter().map(|layer| CompletionCandidate::new(layer.as_str())).collect()
}

/// The line that is being completed stands in this process's arguments.
fn directory() -> PathBuf {
    let words: Vec<_> = std::env::args_os().collect();
    let after = words.windows(2).find(|pair| pair[0] == "--config").map(|pair| PathBuf::from(&pair[1]));
    let joined = || words.iter().find_map(|word| Some(PathBuf::from(word.to_str()?.strip_prefix("--config=")?)));
    let told = || std::env::var_os("ORCHESTRATOR_CONFIG").map(PathBuf::from);
    after.or_else(joined).or_else(told).unwrap_or_else(|| "envs".into())
}
