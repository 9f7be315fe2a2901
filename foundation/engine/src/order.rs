//! Order by petgraph: sorting, circles, and the longest remaining path.

use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What each key needs first.
pub type Needs<K> = BTreeMap<K, BTreeSet<K>>;

fn digraph<K: Ord + Clone>(needs: &Needs<K>) -> (DiGraph<K, ()>, BTreeMap<K, NodeIndex>) {
    let mut graph = DiGraph::new();
    let index: BTreeMap<K, NodeIndex> = needs.keys().map(|key| (key.clone(), graph.add_node(key.clone()))).collect();
    for (key, firsts) in needs {
        for first in firsts {
            // What is not declared here (another layer's recorded output) is no edge.
            if let (Some(from), Some(to)) = (index.get(first), index.get(key)) {
                graph.add_edge(*from, *to, ());
            }
        }
    }
    (graph, index)
}

/// Keys in an order in which each comes after what it needs.
///
/// # Errors
/// The circle, its first key repeated at the end.
pub fn sorted<K: Ord + Clone>(needs: &Needs<K>) -> Result<Vec<K>, Vec<K>> {
    let (graph, _) = digraph(needs);
    match toposort(&graph, None) {
        Ok(order) => Ok(order.into_iter().map(|node| graph[node].clone()).collect()),
        Err(_) => Err(cycle(needs).unwrap_or_default()),
    }
}

/// A circle, if there is one: its first key repeated at the end.
pub fn cycle<K: Ord + Clone>(needs: &Needs<K>) -> Option<Vec<K>> {
    let (graph, index) = digraph(needs);
    let tangled = tarjan_scc(&graph).into_iter().find(|part| part.len() > 1 || graph.contains_edge(part[0], part[0]))?;
    let members: BTreeSet<NodeIndex> = tangled.iter().copied().collect();
    let start = index.values().copied().find(|node| members.contains(node))?;
    let mut path = vec![start];
    let mut here = start;
    loop {
        here = graph.neighbors(here).find(|next| members.contains(next))?;
        if let Some(at) = path.iter().position(|seen| *seen == here) {
            path.push(here);
            return Some(path[at..].iter().map(|node| graph[*node].clone()).collect());
        }
        path.push(here);
    }
}

/// For each key the longest time from its start to the end of everything that needs it: the ready queue's order.
pub fn remaining<K: Ord + Clone>(needs: &Needs<K>, takes: impl Fn(&K) -> Duration) -> BTreeMap<K, Duration> {
    let order = sorted(needs).unwrap_or_default();
    let mut rest: BTreeMap<K, Duration> = BTreeMap::new();
    for key in order.iter().rev() {
        let own = rest.get(key).copied().unwrap_or_default() + takes(key);
        rest.insert(key.clone(), own);
        for first in needs.get(key).into_iter().flatten() {
            let longest = rest.entry(first.clone()).or_default();
            *longest = (*longest).max(own);
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(pairs: &[(&str, &[&str])]) -> Needs<String> {
        pairs.iter().map(|(key, firsts)| (key.to_string(), firsts.iter().map(ToString::to_string).collect())).collect()
    }

    #[test]
    fn what_is_needed_comes_first() {
        let order = sorted(&needs(&[("service", &["db", "alb"]), ("db", &["vpc"]), ("alb", &["vpc"]), ("vpc", &[])])).unwrap();
        assert_eq!((order[0].as_str(), order[3].as_str()), ("vpc", "service"));
    }

    #[test]
    fn a_circle_is_named_in_order() {
        let path = sorted(&needs(&[("a", &["c"]), ("b", &["a"]), ("c", &["b"]), ("d", &[])])).unwrap_err();
        assert_eq!(path, ["a", "b", "c", "a"]);
    }

    #[test]
    fn the_longest_remaining_path_decides() {
        let rest = remaining(&needs(&[("vpc", &[]), ("db", &["vpc"]), ("nat", &["vpc"]), ("service", &["db"])]), |key| {
            Duration::from_secs(if key == "db" { 300 } else { 10 })
        });
        assert_eq!(rest["vpc"], Duration::from_secs(320));
        assert!(rest["db"] > rest["nat"]);
    }
}
