//! Route 53: public hosted zones and their records. A batch of changes is made as a whole or not at all.

use super::{Answer, unknown};
use crate::call::{AwsError, Call, Input};
use crate::clock::Clock;
use crate::table::{Item, copy};
use crate::world::{Account, Here};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// A change from `PENDING` to `INSYNC`.
const CHANGE: Duration = Duration::from_secs(20);

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    match call.action.as_str() {
        "CreateHostedZone" => create(here, input),
        "GetHostedZone" => zone(here, input).map(|zone| json!({"HostedZone": zone.body, "DelegationSet": delegation(zone)})),
        "ListHostedZones" => Ok(list(here, input)),
        "ListHostedZonesByName" => Ok(list_by_name(here, input)),
        "DeleteHostedZone" => delete(here, input),
        "ListResourceRecordSets" => list_records(here, input),
        "ChangeResourceRecordSets" => change(here, input),
        "GetChange" => get_change(here, input),
        _ => Err(unknown(call)),
    }
}

/// Whether some hosted zone answers `value` to a question for the name.
pub(crate) fn answers(account: &Account, name: &str, kind: &str, value: &str) -> bool {
    let (name, value) = (absolute(name), absolute(value));
    let has =
        |record: &Value| record["ResourceRecords"].as_array().is_some_and(|all| all.iter().any(|it| absolute(text(it, "Value")) == value));
    account.hosted_zones.values().flat_map(records).any(|record| record["Name"] == name && record["Type"] == kind && has(record))
}

/// A name as Route 53 keeps it: lower case, with its last dot, the star escaped.
fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.').to_lowercase().replace('*', "\\052"))
}

fn text<'a>(record: &'a Value, field: &str) -> &'a str {
    record[field].as_str().unwrap_or_default()
}

fn records(zone: &Item) -> &[Value] {
    zone.inside["records"].as_array().map_or(&[], Vec::as_slice)
}

fn invalid(message: String) -> AwsError {
    AwsError::bad("InvalidInput", message)
}

fn need<'a>(input: &'a Input, name: &str) -> Result<&'a str, AwsError> {
    input.opt(name).filter(|value| !value.is_empty()).ok_or_else(|| invalid(format!("Invalid request: {name} is missing")))
}

fn zone_id(input: &Input) -> Result<&str, AwsError> {
    need(input, "Id").map(|id| id.rsplit('/').next().unwrap_or(id))
}

fn zone<'a>(here: &'a Here<'_>, input: &Input) -> Result<&'a Item, AwsError> {
    let id = zone_id(input)?;
    let missing = || AwsError::new(404, "NoSuchHostedZone", format!("No hosted zone found with ID: {id}"));
    here.account.hosted_zones.get(id).ok_or_else(missing)
}

/// The labels from the last to the first: how Route 53 sorts names.
fn order(name: &str) -> Vec<String> {
    name.trim_end_matches('.').rsplit('.').map(str::to_owned).collect()
}

fn most(input: &Input, limit: i64) -> usize {
    input.int("maxitems").map_or(limit, |most| most.clamp(1, limit)) as usize
}

fn submitted(here: &mut Here<'_>) -> Value {
    let unique: String = here.ids.uuid().chars().take(8).collect();
    // The id tells the time, so that a change outlives its zone.
    let id = format!("C{:012X}{}", (here.clock.now() * 1000.0) as i64, unique.to_uppercase());
    change_info(here.clock, &id).unwrap_or_default()
}

fn change_info(clock: &Clock, id: &str) -> Option<Value> {
    let digits = id.strip_prefix('C').filter(|digits| digits.len() == 20 && digits.is_ascii())?;
    let at = i64::from_str_radix(digits.get(..12)?, 16).ok()?;
    let spread = at as f64 / 1000.0 + CHANGE.as_secs_f64() / clock.speed <= clock.now();
    let stamp = jiff::Timestamp::from_millisecond(at).ok()?.to_string();
    Some(json!({"Id": format!("/change/{id}"), "Status": if spread { "INSYNC" } else { "PENDING" }, "SubmittedAt": stamp}))
}

fn get_change(here: &Here<'_>, input: &Input) -> Answer {
    let id = need(input, "Id")?;
    let found = change_info(here.clock, id.trim_start_matches("/change/"));
    let missing = || AwsError::new(404, "NoSuchChange", format!("Could not find resource with ID: {id}"));
    found.map(|info| json!({"ChangeInfo": info})).ok_or_else(missing)
}

fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let (name, reference) = (absolute(need(input, "Name")?), need(input, "CallerReference")?);
    let label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(|c| c.is_ascii_graphic());
    if name.len() > 255 || !order(&name).iter().all(|it| label(it)) {
        return Err(AwsError::bad("InvalidDomainName", format!("{name} is not a valid domain name")));
    }
    if here.account.hosted_zones.values().any(|it| it.str("CallerReference") == reference) {
        let problem = format!("A hosted zone has already been created with the specified caller reference: {reference}");
        return Err(AwsError::new(409, "HostedZoneAlreadyExists", problem));
    }
    let id: String = here.ids.uuid().to_uppercase().replace('-', "").chars().take(20).collect();
    let id = format!("Z{id}");
    let number = id.bytes().fold(0, |sum, byte| (sum * 31 + u32::from(byte)) % 512);
    let servers = ["com", "net", "org", "co.uk"].iter().zip([0, 512, 1024, 1536]);
    let servers: Vec<String> = servers.map(|(top, from)| format!("ns-{}.awsdns-{:02}.{top}.", from + number, number % 64)).collect();
    let values: Value = servers.iter().map(|server| json!({"Value": server})).collect();
    let authority = format!("{} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400", servers[0]);
    let mut config = json!({"PrivateZone": false});
    if let Some(comment) = input.part("HostedZoneConfig").as_ref().and_then(|config| config.opt("Comment")) {
        config["Comment"] = json!(comment);
    }
    let body = json!({
        "Id": format!("/hostedzone/{id}"), "Name": name, "CallerReference": reference, "Config": config, "ResourceRecordSetCount": 2,
    });
    let mut zone = Item::new(body, Default::default());
    zone.inside = json!({"records": [
        {"Name": name, "Type": "NS", "TTL": 172_800, "ResourceRecords": values},
        {"Name": name, "Type": "SOA", "TTL": 900, "ResourceRecords": [{"Value": authority}]},
    ]});
    let answer = json!({"HostedZone": zone.body, "ChangeInfo": submitted(here), "DelegationSet": delegation(&zone)});
    here.account.hosted_zones.insert(id, zone);
    Ok(answer)
}

fn is_own(zone: &Item, record: &Value) -> bool {
    record["Name"] == zone.str("Name") && ["NS", "SOA"].contains(&text(record, "Type"))
}

fn delegation(zone: &Item) -> Value {
    let own = records(zone).iter().find(|record| is_own(zone, record) && record["Type"] == "NS");
    let servers = own.and_then(|record| record["ResourceRecords"].as_array()).into_iter().flatten();
    json!({"NameServers": servers.map(|it| text(it, "Value").trim_end_matches('.')).collect::<Vec<_>>()})
}

fn list(here: &Here<'_>, input: &Input) -> Value {
    let (most, marker) = (most(input, 100), input.opt("marker"));
    let after: Vec<_> = here.account.hosted_zones.range(marker.unwrap_or_default().to_owned()..).collect();
    let next = after.get(most).map(|(id, _)| *id);
    let zones: Vec<&Value> = after.iter().take(most).map(|(_, zone)| &zone.body).collect();
    json!({"HostedZones": zones, "Marker": marker, "IsTruncated": next.is_some(), "NextMarker": next, "MaxItems": most})
}

fn list_by_name(here: &Here<'_>, input: &Input) -> Value {
    let (most, name, id) = (most(input, 100), input.opt("dnsname"), input.opt("hostedzoneid"));
    let start = (name.map(|name| order(&absolute(name))).unwrap_or_default(), id.unwrap_or_default().to_owned());
    let mut after: Vec<_> = here.account.hosted_zones.iter().map(|(id, zone)| (order(zone.str("Name")), id.clone(), zone)).collect();
    after.retain(|(name, id, _)| (name, id) >= (&start.0, &start.1));
    after.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    let next = after.get(most);
    let zones: Vec<&Value> = after.iter().take(most).map(|(_, _, zone)| &zone.body).collect();
    json!({
        "HostedZones": zones, "DNSName": name, "HostedZoneId": id, "IsTruncated": next.is_some(), "MaxItems": most,
        "NextDNSName": next.map(|(_, _, zone)| zone.str("Name")), "NextHostedZoneId": next.map(|(_, id, _)| id),
    })
}

fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let found = zone(here, input)?;
    if records(found).iter().any(|record| !is_own(found, record)) {
        let problem = "The specified hosted zone contains non-required resource record sets and so cannot be deleted.";
        return Err(AwsError::bad("HostedZoneNotEmpty", problem));
    }
    here.account.hosted_zones.remove(zone_id(input)?);
    Ok(json!({"ChangeInfo": submitted(here)}))
}

fn place(record: &Value) -> (Vec<String>, &str, &str) {
    (order(text(record, "Name")), text(record, "Type"), text(record, "SetIdentifier"))
}

fn list_records(here: &Here<'_>, input: &Input) -> Answer {
    let (found, most) = (zone(here, input)?, most(input, 300));
    let (name, kind, set) = (input.opt("name"), input.opt("type").unwrap_or_default(), input.opt("identifier").unwrap_or_default());
    if name.is_none() && !kind.is_empty() {
        return Err(invalid("The input is not valid: a record type without a record name".into()));
    }
    let start = (name.map(|name| order(&absolute(name))).unwrap_or_default(), kind, set);
    let mut after: Vec<&Value> = records(found).iter().filter(|record| place(record) >= start).collect();
    after.sort_by(|a, b| place(a).cmp(&place(b)));
    let next = after.get(most).copied().unwrap_or(&Value::Null);
    Ok(json!({
        "ResourceRecordSets": after.iter().take(most).collect::<Vec<_>>(), "IsTruncated": after.len() > most, "MaxItems": most,
        "NextRecordName": next["Name"], "NextRecordType": next["Type"], "NextRecordIdentifier": next["SetIdentifier"],
    }))
}

/// A record as it is kept: what came as text has its type again.
fn record(action: &str, set: &Input) -> Answer {
    let (name, kind) = (absolute(need(set, "Name")?), need(set, "Type")?);
    let mut body = copy(set, &["SetIdentifier", "Weight", "Region", "Failover", "MultiValueAnswer", "HealthCheckId"]);
    (body["Name"], body["Type"]) = (json!(name), json!(kind));
    match (set.part("AliasTarget"), set.int("TTL"), set.list("ResourceRecords")) {
        (Some(alias), None, []) => {
            let health = alias.bool("EvaluateTargetHealth").unwrap_or_default();
            let (zone, target) = (need(&alias, "HostedZoneId")?, absolute(need(&alias, "DNSName")?));
            body["AliasTarget"] = json!({"HostedZoneId": zone, "DNSName": target, "EvaluateTargetHealth": health});
        }
        (None, Some(ttl), values) if !values.is_empty() && (0..=2_147_483_647).contains(&ttl) => {
            (body["TTL"], body["ResourceRecords"]) = (json!(ttl), json!(values));
        }
        _ => {
            return Err(invalid(format!(
                "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId] \
                 in Change with [Action={action}, Name={name}, Type={kind}]"
            )));
        }
    }
    Ok(body)
}

/// What is wrong with the values of a record.
fn bad_value(record: &Value) -> Option<String> {
    let mut values = record["ResourceRecords"].as_array().into_iter().flatten().map(|it| text(it, "Value"));
    let fits = |value: &&str| match text(record, "Type") {
        "A" => value.parse::<std::net::Ipv4Addr>().is_ok(),
        "AAAA" => value.parse::<std::net::Ipv6Addr>().is_ok(),
        "TXT" => value.starts_with('"') && value.ends_with('"') && value.len() > 1,
        _ => !value.is_empty(),
    };
    let bad = values.find(|value| !fits(value))?;
    Some(format!("Invalid Resource Record: 'FATAL problem: the value is not valid' encountered with '{bad}'"))
}

/// The values of a record have no order.
fn same(a: &Value, b: &Value) -> bool {
    let values =
        |it: &Value| it["ResourceRecords"].as_array().into_iter().flatten().map(|it| text(it, "Value").to_owned()).collect::<BTreeSet<_>>();
    let rest = |it: &Value| ["TTL", "AliasTarget", "Weight", "Region", "Failover"].map(|field| it[field].clone());
    values(a) == values(b) && rest(a) == rest(b)
}

/// Makes one change; what is wrong with it, if something is.
fn apply(zone: &str, all: &mut Vec<Value>, action: &str, record: Value) -> Option<String> {
    let (name, kind) = (text(&record, "Name"), text(&record, "Type"));
    let named = format!("resource record set [name='{name}', type='{kind}']");
    let at = all.iter().position(|it| place(it) == place(&record));
    if name != zone && !name.ends_with(&format!(".{zone}")) {
        return Some(format!("RRSet with DNS name {name} is not permitted in zone {zone}"));
    }
    if let Some(problem) = bad_value(&record) {
        return Some(problem);
    }
    match (action, at) {
        ("CREATE", Some(_)) => return Some(format!("Tried to create {named} but it already exists")),
        ("DELETE", None) => return Some(format!("Tried to delete {named} but it was not found")),
        ("DELETE", Some(at)) if !same(&all[at], &record) => {
            return Some(format!("Tried to delete {named} but the values provided do not match the current values"));
        }
        ("DELETE", Some(at)) => drop(all.remove(at)),
        (_, Some(at)) => all[at] = record,
        (_, None) => all.push(record),
    }
    None
}

/// What a zone may not be.
fn conflict(zone: &str, all: &[Value]) -> Option<String> {
    let own = |kind: &str| all.iter().any(|it| it["Name"] == zone && it["Type"] == kind);
    if !own("NS") || !own("SOA") {
        return Some("A HostedZone must contain at least one NS record for the zone itself and exactly one SOA record.".into());
    }
    all.iter().filter(|it| it["Type"] == "CNAME").find_map(|it| {
        let name = text(it, "Name");
        let others = all.iter().any(|other| other["Name"] == name && other["Type"] != "CNAME");
        let why = if name == zone { "at apex" } else { "as it conflicts with other records with the same DNS name" };
        (name == zone || others).then(|| format!("RRSet of type CNAME with DNS name {name} is not permitted {why} in zone {zone}"))
    })
}

fn change(here: &mut Here<'_>, input: &Input) -> Answer {
    let found = zone(here, input)?;
    let (name, mut all) = (found.str("Name").to_owned(), records(found).to_vec());
    let changes = input.part("ChangeBatch").map(|batch| batch.parts("Changes")).unwrap_or_default();
    if changes.is_empty() {
        return Err(invalid("Invalid request: ChangeBatch has no Changes".into()));
    }
    let mut problems = Vec::new();
    for one in &changes {
        let (action, set) = (need(one, "Action")?, one.part("ResourceRecordSet").unwrap_or(Input(Value::Null)));
        if !["CREATE", "UPSERT", "DELETE"].contains(&action) {
            return Err(invalid(format!("Invalid request: {action} is not an action")));
        }
        problems.extend(apply(&name, &mut all, action, record(action, &set)?));
    }
    problems.extend(conflict(&name, &all));
    if !problems.is_empty() {
        return Err(AwsError::bad("InvalidChangeBatch", format!("[{}]", problems.join(", "))));
    }
    if let Some(zone) = here.account.hosted_zones.get_mut(zone_id(input)?) {
        zone.set(json!({"ResourceRecordSetCount": all.len()}));
        zone.inside["records"] = json!(all);
    }
    Ok(json!({"ChangeInfo": submitted(here)}))
}
