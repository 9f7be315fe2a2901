//! What objects are called instead of their ids: by what they are, or where they stand.

use super::{Tables, last};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

type Names = BTreeMap<String, String>;

fn text<'a>(it: &'a Value, field: &str) -> &'a str {
    it[field].as_str().unwrap_or_default()
}

fn named(names: &Names, id: &str) -> String {
    names.get(id).cloned().unwrap_or_else(|| id.to_owned())
}

/// Id, or random part of one, to name.
pub(super) fn names(tables: &Tables) -> Names {
    let none = Map::new();
    let table = |kind: &str| tables.iter().find(|(name, _)| last(name) == kind).map_or(&none, |(_, rows)| rows);
    let mut names = Names::new();
    network(&table, &mut names);
    hosts(&table, &mut names);
    for (_, it) in table("aliases") {
        names.insert(text(&it["body"], "TargetKeyId").to_owned(), format!("<key {}>", text(&it["body"], "AliasName")));
    }
    for (id, it) in table("saved_queries") {
        names.insert(id.clone(), format!("<query {}>", text(&it["body"], "name")));
    }
    for kind in ["load_balancers", "target_groups", "listeners"] {
        for (arn, _) in table(kind) {
            // …/NAME/RANDOM, a listener's with its load balancer's before.
            let random = |part: &&str| part.len() == 16 && part.chars().all(|c| c.is_ascii_hexdigit());
            for part in arn.split('/').filter(random) {
                names.entry(part.to_owned()).or_insert_with(|| format!("<random of {kind}>"));
            }
        }
    }
    for (_, it) in table("load_balancers") {
        names.insert(text(&it["body"], "DNSName").to_owned(), format!("<DNS name of {}>", text(&it["body"], "LoadBalancerName")));
    }
    for (id, it) in table("scalable_targets") {
        names.insert(last(text(&it["body"], "ScalableTargetARN")).to_owned(), format!("<random of {id}>"));
    }
    for (_, it) in table("scaling_policies") {
        let random = text(&it["body"], "PolicyARN").split("scalingPolicy:").nth(1).and_then(|rest| rest.split(':').next());
        names.insert(random.unwrap_or_default().to_owned(), format!("<random of {}>", text(&it["body"], "PolicyName")));
    }
    names.remove("");
    names
}

fn network<'a>(table: &impl Fn(&str) -> &'a Map<String, Value>, names: &mut Names) {
    for (id, it) in table("vpcs") {
        names.insert(id.clone(), format!("<vpc {}>", text(it, "cidr")));
    }
    for (id, it) in table("subnets") {
        names.insert(id.clone(), format!("<subnet {}>", text(it, "cidr")));
    }
    for (kind, field, name) in [("internet_gateways", "vpc", "internet gateway"), ("nat_gateways", "subnet", "NAT gateway")] {
        for (id, it) in table(kind) {
            let name = format!("<{name} of {}>", named(names, text(it, field)));
            names.insert(id.clone(), name);
        }
    }
    for (id, it) in table("addresses") {
        let name = format!("<address of {}>", named(names, text(it, "used_by")));
        names.insert(id.clone(), name);
    }
    for (id, it) in table("route_tables") {
        let associations = it["associations"].as_object().unwrap();
        let mut of: Vec<String> = associations.values().map(|it| named(names, text(it, "subnet"))).filter(|it| !it.is_empty()).collect();
        of.sort();
        let main = format!("<main route table of {}>", named(names, text(it, "vpc")));
        names.insert(id.clone(), if it["main"] == true { main } else { format!("<route table of {}>", of.join(", ")) });
        for (association, to) in associations {
            let place = Some(text(to, "subnet")).filter(|it| !it.is_empty()).unwrap_or_else(|| text(it, "vpc"));
            let name = format!("<association of {}>", named(names, place));
            names.insert(association.clone(), name);
        }
    }
    for (id, it) in table("security_groups") {
        names.insert(id.clone(), format!("<security group {}>", text(it, "name")));
    }
    for (id, it) in table("rules") {
        let way = if it["egress"] == true { "out" } else { "in" };
        let (group, peer) = (named(names, text(it, "group")), named(names, text(it, "peer")));
        names.insert(id.clone(), format!("<rule {group} {way} {} {}-{} {peer}>", it["protocol"], it["from"], it["to"]));
    }
    for (id, it) in table("endpoints") {
        names.insert(id.clone(), format!("<endpoint {}>", text(it, "service")));
    }
}

fn hosts<'a>(table: &impl Fn(&str) -> &'a Map<String, Value>, names: &mut Names) {
    for (id, it) in table("instances") {
        let instance = format!("<instance {}>", last(text(&it["body"]["iamInstanceProfile"], "arn")));
        for interface in it["body"]["networkInterfaceSet"].as_array().into_iter().flatten() {
            names.insert(text(interface, "networkInterfaceId").to_owned(), format!("<interface of {instance}>"));
        }
        for volume in it["inside"]["volumes"].as_array().into_iter().flatten() {
            names.insert(text(volume, "volumeId").to_owned(), format!("<volume {} of {instance}>", text(volume, "deviceName")));
        }
        names.insert(id.clone(), instance);
    }
}
