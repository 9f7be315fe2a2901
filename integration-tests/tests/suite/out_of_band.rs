//! What others do to our objects behind our back, for every registered kind: edited by hand, retagged. (Deleted by hand
//! is in `kinds.rs`, foreign objects are in `adopt.rs`.)

use crate::kinds::{samples, seen};
use emulator::World;
use engine::ledger::{Ledger, Row};
use engine::plan::{Plan, Step, Verb};
use engine::planner::Allow;
use engine::resource::tag;
use engine::{Kinds, Sink};
use integration_tests::sweep::full;
use integration_tests::{Bench, EVERYTHING, all_done, deployed};
use orchestrator::stack;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// A stack in which everything that happens by itself has happened, with one object of each kind.
pub(super) async fn settled() -> (Bench, Kinds, Vec<Row>) {
    let bench = deployed(EVERYTHING).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    all_done(bench.deploy(EVERYTHING).await);
    let kinds = stack::kinds(&bench.aws().await);
    let samples = samples(&bench, &kinds);
    (bench, kinds, samples)
}

pub(super) fn step<'a>(plan: &'a Plan, row: &Row) -> &'a Step {
    plan.steps.values().find(|step| step.who.address == row.who.address && step.verb != Verb::Delete).unwrap()
}

pub(super) fn content(world: &World) -> Value {
    serde_json::to_value((&world.regions, &world.account)).unwrap()
}

/// What sort of id or ARN a text is: `subnet`, `kms key`.
fn sort(text: &str) -> Option<String> {
    if let Some(arn) = text.strip_prefix("arn:aws:") {
        let parts: Vec<&str> = arn.splitn(4, ':').collect();
        return Some(format!("{} {}", parts[0], parts.last()?.split(['/', ':']).next()?));
    }
    let (sort, id) = text.rsplit_once('-')?;
    (id.len() > 7 && id.chars().all(|c| c.is_ascii_hexdigit())).then(|| sort.to_owned())
}

/// Other ids and ARNs that exist, for a setting that names one of them: the stack's own, a key and a web ACL of somebody else.
fn ids(bench: &Bench) -> Vec<String> {
    bench.emulator.with_world(|world| {
        let region = world.regions.get_mut("eu-north-1").unwrap();
        for (table, field) in [(&mut region.keys, "Arn"), (&mut region.web_acls, "ARN")] {
            let (id, mut item) = table.iter().next().map(|(id, item)| (id.clone(), item.clone())).unwrap();
            let last = id.rsplit('/').next().unwrap();
            let other = if last.len() > 8 { format!("{}0000", &last[..last.len() - 4]) } else { "0000".to_owned() };
            item.body = serde_json::from_str(&item.body.to_string().replace(last, &other)).unwrap();
            item.tags.clear();
            assert_ne!(item.str(field), "");
            table.insert(id.replace(last, &other), item);
        }
        let region = &world.regions["eu-north-1"];
        let theirs = region.keys.values().map(|it| it.str("Arn").to_owned()).chain(region.web_acls.keys().cloned());
        let ours = bench.ledgers.values().flat_map(|ledger| ledger.folded().rows.into_values());
        let ours = ours.filter_map(|row| row.output?.as_str().map(str::to_owned));
        theirs.chain(ours).collect()
    })
}

/// Values that differ from this one in one leaf, with the path of the leaf. `ids` are those that exist.
fn edits(value: &Value, ids: &[String]) -> Vec<(String, Value)> {
    match value {
        Value::Null => Vec::new(),
        Value::Bool(on) => vec![(String::new(), json!(!on))],
        Value::Number(number) => match number.as_i64() {
            Some(number) => [number + 1, number - 1, number * 2].map(|other| (String::new(), json!(other))).to_vec(),
            None => vec![(String::new(), json!(number.as_f64().unwrap() + 1.0))],
        },
        Value::String(text) => {
            let like = ids.iter().filter(|id| sort(text).is_some() && sort(id) == sort(text) && *id != text).map(|id| json!(id));
            let target = ids.iter().find(|id| sort(id).as_deref() == Some("elasticloadbalancing targetgroup"));
            let forward = target.filter(|_| text == "redirect_to_https").map(|target| json!({"forward": target}));
            let other = [json!(format!("{text}x")), json!(text.to_uppercase())];
            like.chain(forward).chain(other).map(|other| (String::new(), other)).collect()
        }
        Value::Array(items) => {
            let edited = (0..items.len()).flat_map(|at| {
                edits(&items[at], ids).into_iter().map(move |(path, item)| {
                    let mut items = items.clone();
                    items[at] = item;
                    (format!(".{at}{path}"), Value::Array(items))
                })
            });
            let fewer = items.split_last().map(|(_, rest)| (" one less".to_owned(), json!(rest)));
            edited.chain(fewer).collect()
        }
        Value::Object(fields) => {
            let edited = fields.iter().flat_map(|(key, value)| {
                edits(value, ids).into_iter().map(move |(path, value)| {
                    let mut fields = fields.clone();
                    fields.insert(key.clone(), value);
                    (format!(".{key}{path}"), Value::Object(fields))
                })
            });
            let fewer = fields.keys().map(|key| {
                let mut fields = fields.clone();
                fields.remove(key);
                (format!(".{key} taken away"), Value::Object(fields))
            });
            // A listener that sends everybody to HTTPS instead of a target.
            let elsewhere = fields.contains_key("forward").then(|| (String::new(), json!("redirect_to_https")));
            edited.chain(fewer).chain(elsewhere).collect()
        }
    }
}

/// Kinds whose settings AWS lets nobody change: there is no call for it. Their tags can be changed, which is another test.
const UNCHANGEABLE: [&str; 11] = [
    "certificate",
    "certificate_issued",
    "elastic_ip",
    "flow_log",
    "key_pair",
    "nat_gateway",
    "route_table",
    "security_group",
    "sns_subscription",
    "subnet",
    "task_definition",
];

/// Edits for which the drivers have no call of their own, made in the world itself; whether there is one for the kind.
fn by_hand(bench: &Bench, row: &Row) -> bool {
    bench.emulator.with_world(|world| {
        let ec2 = &mut world.regions.get_mut("eu-north-1").unwrap().ec2;
        let id = row.output.as_ref().and_then(Value::as_str).unwrap_or_default();
        match row.kind.as_str() {
            "default_security_group" => {
                let mut rule = ec2.rules.values().next().unwrap().clone();
                id.clone_into(&mut rule.group);
                rule.tags.clear();
                ec2.rules.insert("sgr-byhand".into(), rule);
            }
            "internet_gateway" => ec2.internet_gateways.get_mut(id).unwrap().vpc = None,
            "route_table_association" => {
                let held = ec2.route_tables.values_mut().find_map(|table| table.associations.remove(id)).unwrap();
                let main = ec2.route_tables.values_mut().find(|table| table.main).unwrap();
                main.associations.insert(id.to_owned(), held);
            }
            _ => return false,
        }
        true
    })
}

struct Edit {
    row: Row,
    spec: Value,
    field: String,
}

/// The edits of a kind's object that AWS accepts, made by the driver's own calls as if a person made them. Every one that changes
/// something in AWS must be seen: `unseen` gets those that are not.
async fn accepted(bench: &Bench, kinds: &Kinds, row: &Row, ids: &[String], unseen: &mut Vec<String>) -> Vec<Edit> {
    let driver = kinds.get(&row.kind).unwrap();
    let (rules, ticks) = (driver.rules(), Sink::none().ticks(&row.who.address));
    let calm = bench.emulator.with_world(|world| world.clone());
    let before = content(&calm);
    let there = seen(kinds, row).await.unwrap();
    let mut accepted = Vec::new();
    for (field, spec) in edits(&row.spec, ids) {
        let top = field.trim_start_matches('.').split(['.', ' ']).next().unwrap();
        if rules.replace_on.contains(&top) {
            continue;
        }
        let made = driver.ensure(&row.who, &spec, Some(&there), &ticks).await.is_ok();
        let changed = bench.emulator.with_world(|world| content(world)) != before;
        if made && changed {
            let now = seen(kinds, row).await;
            let mut differences = Vec::new();
            engine::decide::compare(rules.sets, "", now.as_ref().map(|now| &now.live), Some(&row.spec), &mut differences);
            if differences.is_empty() {
                unseen.push(format!("{}{field} → {spec}", row.kind));
            } else {
                accepted.push(Edit { row: row.clone(), spec, field });
            }
        }
        bench.emulator.with_world(|world| {
            let mut again = calm.clone();
            again.clock.follow(&world.clock);
            *world = again;
        });
        if !full() && !accepted.is_empty() {
            break;
        }
    }
    accepted
}

#[tokio::test(start_paused = true)]
async fn what_was_edited_by_hand_is_shown_as_such_and_put_back() {
    let (bench, kinds, samples) = settled().await;
    let (mut unseen, mut edits, mut stuck, mut tried) = (Vec::new(), Vec::new(), BTreeSet::new(), 0);
    let ids = ids(&bench);
    for row in &samples {
        let accepted = accepted(&bench, &kinds, row, &ids, &mut unseen).await;
        tried += accepted.len();
        match accepted.into_iter().next() {
            Some(edit) => edits.push(edit),
            None => drop(stuck.insert(row.kind.as_str())),
        }
    }
    assert_eq!(unseen, Vec::<String>::new(), "changed in AWS, and nobody sees it");
    integration_tests::told!(
        "{tried} edits by hand, one of each of {} kinds at once: {:?}",
        edits.len(),
        edits.iter().map(|it| &it.field).collect::<Vec<_>>()
    );
    let objects = bench.objects();
    for edit in &edits {
        let (driver, there) = (kinds.get(&edit.row.kind).unwrap(), seen(&kinds, &edit.row).await);
        driver.ensure(&edit.row.who, &edit.spec, there.as_ref(), &Sink::none().ticks(&edit.row.who.address)).await.unwrap();
    }
    let mut edited: Vec<&Row> = edits.iter().map(|edit| &edit.row).collect();
    edited.extend(samples.iter().filter(|row| stuck.contains(row.kind.as_str()) && by_hand(&bench, row)));
    stuck.retain(|kind| !edited.iter().any(|row| row.kind == *kind));
    assert_eq!(stuck, BTreeSet::from(UNCHANGEABLE), "kinds that nobody edited");
    let plan = bench.plan(EVERYTHING).await;
    for row in edited {
        let step = step(&plan, row);
        let shown = matches!(step.verb, Verb::Update | Verb::Replace) && !step.changes.is_empty() && step.changes.iter().all(|it| it.drift);
        assert!(shown, "{}: {step:#?}", row.kind);
    }
    all_done(bench.deploy(EVERYTHING).await);
    assert!(!bench.plan(EVERYTHING).await.changes());
    assert_eq!(bench.objects(), objects);
}

pub(super) fn addresses(rows: &[Row]) -> BTreeSet<String> {
    rows.iter().map(|row| row.who.address.to_string()).collect()
}

pub(super) async fn tagged(bench: &Bench, rows: Vec<Row>) -> Vec<Row> {
    let kinds = bench.scan().await.kinds;
    rows.into_iter().filter(|row| kinds.contains(row.kind.as_str())).collect()
}

/// What a stop's hint says to do: `adopt ADDRESS ID`.
fn adoption(hint: &str) -> Option<(&str, &str)> {
    hint.split_once("`adopt ")?.1.split_once('`')?.0.split_once(' ')
}

#[tokio::test(start_paused = true)]
async fn identity_tags_that_were_taken_away_are_put_back_or_asked_about() {
    let (bench, _, samples) = settled().await;
    let rows = tagged(&bench, samples).await;
    let objects = bench.objects();
    bench.retag(&addresses(&rows), |tags| tags.retain(|key, _| !key.starts_with(tag::PREFIX)));
    assert_eq!(bench.objects(), objects - rows.len());
    let plan = bench.plan(EVERYTHING).await;
    let mut asked = 0;
    for row in &in_order(&bench, rows.clone()) {
        let step = step(&plan, row);
        match plan.stops.iter().find(|stop| stop.address == row.who.address) {
            None => assert!(step.verb == Verb::Update && step.changes.iter().all(|it| it.drift), "{}: {step:#?}", row.kind),
            Some(stop) => {
                let (at, id) = adoption(&stop.hint).unwrap_or_else(|| panic!("{}: {stop:?}", row.kind));
                let changes = bench.adopt(EVERYTHING, at, id, Allow::Nothing).await.unwrap_or_else(|why| panic!("{}: {why}", row.kind));
                assert!(changes.iter().all(|it| it.field.starts_with("tags.")), "{}: {changes:?}", row.kind);
                asked += 1;
            }
        }
    }
    assert!(asked > 10, "{asked}");
    all_done(bench.deploy(EVERYTHING).await);
    assert!(!bench.plan(EVERYTHING).await.changes());
    assert_eq!(bench.objects(), objects);
}

/// Without it, a ledger that is lost would be rebuilt with the wrong generations.
#[tokio::test(start_paused = true)]
async fn a_generation_that_was_changed_is_put_back() {
    let (bench, _, samples) = settled().await;
    let rows = tagged(&bench, samples).await;
    bench.retag(&addresses(&rows), |tags| drop(tags.insert(tag::GENERATION.into(), json!("7"))));
    let plan = bench.plan(EVERYTHING).await;
    for row in &rows {
        let step = step(&plan, row);
        let fields: Vec<&str> = step.changes.iter().map(|it| it.field.as_str()).collect();
        assert_eq!((step.verb, fields), (Verb::Update, vec!["tags.orchestrator:generation"]), "{}", row.kind);
    }
    all_done(bench.deploy(EVERYTHING).await);
    assert!(!bench.plan(EVERYTHING).await.changes());
    let generations: BTreeSet<Option<u32>> =
        bench.scan().await.found.iter().map(|it| it.place().map(|(_, generation)| generation)).collect();
    assert_eq!(generations, BTreeSet::from([Some(1)]));
}

#[tokio::test(start_paused = true)]
async fn what_was_given_to_another_stack_is_neither_changed_nor_deleted_nor_made_twice() {
    let (bench, _, samples) = settled().await;
    let rows = tagged(&bench, samples).await;
    bench.retag(&addresses(&rows), |tags| drop(tags.insert(tag::STACK.into(), json!("other"))));
    let theirs = |bench: &Bench| bench.emulator.tagged(tag::STACK, "other");
    let (given, before) = (theirs(&bench), bench.emulator.with_world(|world| content(world)));
    let plan = bench.plan(EVERYTHING).await;
    for row in &rows {
        assert!(plan.stops.iter().any(|stop| stop.address == row.who.address), "{}: {:#?}", row.kind, step(&plan, row));
    }
    assert!(bench.deploy(EVERYTHING).await.is_err());
    assert_eq!(bench.emulator.with_world(|world| content(world)), before);
    let refused = bench.adopt(EVERYTHING, &rows[0].who.address.to_string(), "x", Allow::All).await;
    assert!(refused.is_err());
    // What stands in an object of theirs cannot go: some steps fail.
    bench.destroy().await.unwrap();
    // A listener goes with its load balancer, and tasks with their service.
    let goes = |id: &&String| !id.contains(":listener/") && !id.contains(":task/");
    let left: BTreeSet<String> = theirs(&bench).into_iter().collect();
    let lost: Vec<&String> = given.iter().filter(goes).filter(|id| !left.contains(*id)).collect();
    assert_eq!(lost, Vec::<&String>::new(), "deleted although it is another stack's");
}

/// What is read, directly or not, comes first.
pub(super) fn in_order(bench: &Bench, rows: Vec<Row>) -> Vec<Row> {
    let table = rows_of(bench, &rows);
    let needs = table.iter().map(|row| (row.who.address.clone(), row.reads.clone())).collect();
    let order = engine::order::sorted(&needs).unwrap();
    let mut rows = rows;
    rows.sort_by_key(|row| order.iter().position(|at| at == &row.who.address));
    rows
}

fn rows_of(bench: &Bench, more: &[Row]) -> Vec<Row> {
    bench.ledgers.values().flat_map(|ledger| ledger.folded().rows.into_values()).chain(more.iter().cloned()).collect()
}
