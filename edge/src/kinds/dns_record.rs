//! A DNS record in a hosted zone that is not ours: records have no tags, so one that we did not make is left alone.
//! <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>

use aws::named::{Calls, each, untagged};
use aws::{Aws, FaultExt};
use aws_sdk_route53::types::{AliasTarget, Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType};
use engine::{Address, Ask, Class, Fault, Found, Identity, IdentityBy, Kind, Replace, Resource, Seen};
use serde::{Deserialize, Serialize};

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordValue {
    /// A value, kept for five minutes by whoever asked.
    Text(String),
    /// A load balancer.
    Alias {
        /// Its DNS name.
        dns_name: String,
        /// The hosted zone of that name.
        zone_id: String,
    },
}

/// What the record should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DnsRecord {
    /// The hosted zone's id.
    pub zone: String,
    /// The name, without the dot at its end.
    pub name: String,
    /// `A`, `CNAME`.
    pub record_type: String,
    /// What it leads to.
    pub value: RecordValue,
}

impl Resource for DnsRecord {
    const KIND: Kind = "dns_record";
    const REPLACE_ON: &'static [&'static str] = &["zone", "name", "record_type"];
    const REPLACE: Replace = Replace::DeleteFirst;
    // Not `()`: that is `null` in a ledger, and `null` reads back as nothing remembered.
    type Output = String;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Natural(format!("{}/{}/{}", self.zone, self.name, self.record_type))
    }

    fn placeholder(&self, _: &Address) -> String {
        self.name.clone()
    }
}

/// Works on records.
#[derive(Clone, Debug)]
pub(super) struct DnsRecords(pub Aws);

fn bad(error: impl std::fmt::Display) -> Fault {
    Fault::new(Class::Bug, error.to_string())
}

fn record_set(spec: &DnsRecord) -> Result<ResourceRecordSet, Fault> {
    let set = ResourceRecordSet::builder().name(format!("{}.", spec.name)).r#type(RrType::from(spec.record_type.as_str()));
    let set = match &spec.value {
        RecordValue::Text(value) => set.ttl(300).resource_records(ResourceRecord::builder().value(value).build().map_err(bad)?),
        RecordValue::Alias { dns_name, zone_id } => {
            let target = AliasTarget::builder().dns_name(format!("{dns_name}.")).hosted_zone_id(zone_id).evaluate_target_health(true);
            set.alias_target(target.build().map_err(bad)?)
        }
    };
    set.build().map_err(bad)
}

fn value(set: &ResourceRecordSet) -> RecordValue {
    match set.alias_target() {
        Some(target) => {
            // Route 53 gives alias names back in lower case, with a dot, sometimes with a prefix for both IP versions.
            let name = target.dns_name().trim_end_matches('.').trim_start_matches("dualstack.");
            RecordValue::Alias { dns_name: name.to_owned(), zone_id: target.hosted_zone_id().to_owned() }
        }
        None => RecordValue::Text(set.resource_records().iter().map(|record| record.value()).collect::<Vec<_>>().join(" ")),
    }
}

fn same(a: &RecordValue, b: &RecordValue) -> bool {
    match (a, b) {
        (RecordValue::Alias { dns_name: a, zone_id: one }, RecordValue::Alias { dns_name: b, zone_id: other }) => {
            a.eq_ignore_ascii_case(b) && one == other
        }
        (RecordValue::Text(a), RecordValue::Text(b)) => a.trim_end_matches('.') == b.trim_end_matches('.'),
        _ => false,
    }
}

impl DnsRecords {
    async fn apply(&self, zone: &str, action: ChangeAction, set: ResourceRecordSet) -> Result<(), Fault> {
        let change = Change::builder().action(action).resource_record_set(set).build().map_err(bad)?;
        let batch = ChangeBatch::builder().changes(change).build().map_err(bad)?;
        let call = self.0.dns.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
        call.send().await.or_fault("route53:ChangeResourceRecordSets").map(|_| ())
    }

    async fn get(&self, spec: &DnsRecord) -> Result<Option<ResourceRecordSet>, Fault> {
        let call = self.0.dns.list_resource_record_sets().hosted_zone_id(&spec.zone).start_record_name(format!("{}.", spec.name));
        let call = call.start_record_type(RrType::from(spec.record_type.as_str())).max_items(1);
        let Some(answer) = call.send().await.or_gone("route53:ListResourceRecordSets")? else { return Ok(None) };
        let is = |it: &ResourceRecordSet| it.name().trim_end_matches('.') == spec.name && it.r#type().as_str() == spec.record_type;
        Ok(answer.resource_record_sets.into_iter().find(is))
    }
}

impl Calls<DnsRecord> for DnsRecords {
    async fn look(&self, asks: &[Ask<DnsRecord>]) -> Result<Found<DnsRecord>, Fault> {
        each(asks, |ask| async move {
            let Some(set) = self.get(&ask.want).await? else { return Ok(None) };
            let there = value(&set);
            let equal = same(&there, &ask.want.value);
            let live = DnsRecord { value: if equal { ask.want.value.clone() } else { there }, ..ask.want.clone() };
            Ok(Some(untagged(live, ask.want.name.clone(), equal || ask.last.is_some())))
        })
        .await
    }

    /// `CREATE` is refused where a record exists: another one of that name is never overwritten.
    async fn create(&self, _: &Identity, want: &DnsRecord) -> Result<Option<String>, Fault> {
        match self.apply(&want.zone, ChangeAction::Create, record_set(want)?).await {
            Err(fault) if fault.code == "InvalidChangeBatch" && fault.message.contains("already exists") => Ok(None),
            other => other.map(|()| Some(want.name.clone())),
        }
    }

    async fn change(&self, _: &Identity, want: &DnsRecord, seen: &Seen<DnsRecord>) -> Result<(), Fault> {
        if seen.live.value == want.value {
            return Ok(());
        }
        self.apply(&want.zone, ChangeAction::Upsert, record_set(want)?).await
    }

    /// A delete must say exactly what is there, its lifetime too. A name that somebody has led elsewhere since is in use, and stays.
    async fn remove(&self, spec: &DnsRecord, _: &String) -> Result<(), Fault> {
        let Some(set) = self.get(spec).await?.filter(|set| same(&value(set), &spec.value)) else { return Ok(()) };
        match self.apply(&spec.zone, ChangeAction::Delete, set).await {
            Err(fault) if fault.is_not_found() || fault.message.contains("not found") => Ok(()),
            other => other,
        }
    }
}
