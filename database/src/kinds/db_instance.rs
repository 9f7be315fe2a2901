//! RDS PostgreSQL.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html>

mod change;
mod live;

use super::tags;
use aws::named::{Calls, MANY, each, owned};
use aws::{Aws, FaultExt, withheld};
use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder as Modification;
use aws_sdk_rds::types::DbInstance as Live;
use contract::{Database, KeyArn, ParameterGroupName, SecurityGroupId, SubnetGroupName, VpcId};
use engine::{Address, Ask, Class, Fault, Found, Identity, IdentityBy, Kind, Poll, Replace, Resource, Scope, Seen, Ticks};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What the instance should be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DbInstance {
    /// Its name, unique in account and region.
    pub identifier: String,
    /// PostgreSQL's exact version.
    pub engine_version: String,
    /// Whether RDS installs newer minors by itself.
    pub minor_upgrades: bool,
    /// The instance class.
    pub class: String,
    /// Gigabytes.
    pub storage_gb: i32,
    /// Gigabytes up to which RDS grows it.
    pub max_storage_gb: i32,
    /// `gp3` or `gp2`.
    pub storage_type: String,
    /// Whether a standby waits in another zone.
    pub multi_az: bool,
    /// The database in it.
    pub name: String,
    /// Its user.
    pub user: String,
    /// Where its password is: the name of the SSM parameter. Read once, when the instance is made.
    pub password: String,
    /// The port.
    pub port: i32,
    /// The key that its disk is encrypted with.
    pub key: KeyArn,
    /// Its VPC, which it cannot leave.
    #[serde(default = "nowhere")]
    pub vpc: VpcId,
    /// Its subnets.
    pub subnet_group: SubnetGroupName,
    /// Its parameters.
    pub parameter_group: ParameterGroupName,
    /// Its security groups.
    pub security_groups: BTreeSet<SecurityGroupId>,
    /// Days that backups are kept.
    pub backup_days: i32,
    /// When backups are made, UTC.
    pub backup_window: String,
    /// When RDS may change it, UTC.
    pub maintenance_window: String,
    /// Whether AWS refuses to delete it.
    pub deletion_protection: bool,
    /// Whether a delete leaves a last snapshot.
    pub final_snapshot: bool,
    /// The logs that go to CloudWatch.
    pub log_exports: BTreeSet<String>,
    /// Whether Performance Insights is on.
    pub insights: bool,
    /// Whether IAM users may log in.
    pub iam_auth: bool,
    /// Whether changes are made at once.
    pub apply_immediately: bool,
}

/// What an instance says that was recorded before its VPC was.
fn nowhere() -> VpcId {
    VpcId(String::new())
}

impl Resource for DbInstance {
    const KIND: Kind = "db_instance";
    const REPLACE_ON: &'static [&'static str] = &["identifier", "name", "user", "key", "vpc", "subnet_group", "port"];
    const REPLACE: Replace = Replace::DeleteFirst;
    const PROTECTED: bool = true;
    const TYPICAL: Duration = Duration::from_secs(420);
    type Output = Database;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Name(self.identifier.clone())
    }

    fn placeholder(&self, at: &Address) -> Database {
        Database {
            identifier: self.identifier.clone(),
            port: self.port.to_string(),
            name: self.name.clone(),
            user: self.user.clone(),
            ..Database::unknown(at)
        }
    }
}

/// A multi-AZ instance with backups takes about 15 minutes; large ones were seen to need far more.
const AVAILABLE_WITHIN: Duration = Duration::from_secs(90 * 60);
/// A last snapshot of a large disk comes before the end.
const DELETED_WITHIN: Duration = Duration::from_secs(90 * 60);

/// Names for a last snapshot that are tried: two deletes within a second would share the first.
const SNAPSHOT_NAMES: u32 = 5;

/// Works on instances.
#[derive(Clone, Debug)]
pub(crate) struct DbInstances(pub Aws);

impl DbInstances {
    /// Every instance of the account in this region, by identifier.
    async fn all(&self) -> Result<BTreeMap<String, Live>, Fault> {
        let mut pages = self.0.rds.describe_db_instances().max_records(100).into_paginator().items().send();
        let mut all = BTreeMap::new();
        while let Some(it) = pages.next().await {
            let it = it.or_fault("rds:DescribeDBInstances")?;
            all.extend(it.db_instance_identifier.clone().map(|id| (id, it)));
        }
        Ok(all)
    }

    /// The instance, if it is there. Where many are looked at, all of them are asked for: that is one question for everyone.
    pub(crate) async fn get(&self, identifier: &str) -> Result<Option<Live>, Fault> {
        if self.0.looks_at_many() {
            return Ok(self.all().await?.remove(identifier));
        }
        let call = self.0.rds.describe_db_instances().db_instance_identifier(identifier);
        let answer = call.send().await.or_gone("rds:DescribeDBInstances")?;
        Ok(answer.and_then(|answer| answer.db_instances.unwrap_or_default().into_iter().next()))
    }

    /// The password, for the length of one call.
    async fn password(&self, name: &str) -> Result<SecretString, Fault> {
        let read = self.0.ssm.get_parameter().name(name).with_decryption(true).send().await.or_fault("ssm:GetParameter")?;
        Ok(SecretString::from(read.parameter.and_then(|parameter| parameter.value).unwrap_or_default()))
    }

    /// Modifies the instance when it can be. What RDS does by itself (a first backup, say) refuses changes until it is over.
    pub(crate) async fn modified(&self, id: &str, call: Modification, ticks: &Ticks) -> Result<(), Fault> {
        self.until_available(id, ticks).await?;
        match call.clone().send().await.or_fault("rds:ModifyDBInstance") {
            // The retry of a call whose answer was lost finds the instance at work on it; said again afterwards, it changes nothing.
            Err(fault) if fault.class == Class::Busy => {
                self.until_available(id, ticks).await?;
                call.send().await.or_fault("rds:ModifyDBInstance").map(|_| ())
            }
            other => other.map(|_| ()),
        }
    }

    /// Waits until the instance takes a change.
    pub(crate) async fn until_available(&self, identifier: &str, ticks: &Ticks) -> Result<(), Fault> {
        let look = || async { available(identifier, self.get(identifier).await?.as_ref()) };
        self.0.until(AVAILABLE_WITHIN).poll(ticks, look).await
    }
}

/// Whether the instance takes a change; one that will not do so by itself is a fault.
pub(crate) fn available(identifier: &str, live: Option<&Live>) -> Result<Poll<()>, Fault> {
    match live.and_then(|it| it.db_instance_status()) {
        Some("available") => Ok(Poll::Ready(())),
        None => Err(Fault::new(Class::NotFound, format!("{identifier} is gone"))),
        Some(state @ ("failed" | "incompatible-parameters" | "incompatible-network" | "storage-full" | "restore-error")) => {
            Err(Fault::new(Class::Invalid, format!("{identifier} is {state}; its events in the RDS console say why")))
        }
        Some(state) => Ok(Poll::Waiting(format!("{identifier} is {state}"))),
    }
}

impl Calls<DbInstance> for DbInstances {
    const OUTPUT_SETTLES: bool = true;

    async fn look(&self, asks: &[Ask<DbInstance>]) -> Result<Found<DbInstance>, Fault> {
        let all = if asks.len() < MANY { None } else { Some(self.all().await?) };
        each(asks, |ask| async {
            let it = match &all {
                Some(all) => all.get(&ask.want.identifier).cloned(),
                None => self.get(&ask.want.identifier).await?,
            };
            let Some(it) = it else { return Ok(None) };
            // One that is being deleted holds its name and is nobody's any more.
            if it.db_instance_status() == Some("deleting") {
                return Ok(None);
            }
            let tags = tags::map(it.tag_list());
            Ok(Some(owned(&ask.who, live::settings(&it, &ask.want), live::output(&it, &ask.want), tags)))
        })
        .await
    }

    /// The name is unique: a repeated create is refused, and the instance is found by its name.
    async fn create(&self, who: &Identity, want: &DbInstance) -> Result<Option<Database>, Fault> {
        let password = self.password(&want.password).await?;
        let call = self.0.rds.create_db_instance().db_instance_identifier(&want.identifier).engine("postgres");
        let call = call.engine_version(&want.engine_version).auto_minor_version_upgrade(want.minor_upgrades);
        let call = call.db_instance_class(&want.class).multi_az(want.multi_az).publicly_accessible(false);
        let call = call.allocated_storage(want.storage_gb).max_allocated_storage(want.max_storage_gb).storage_type(&want.storage_type);
        let call = call.storage_encrypted(true).kms_key_id(want.key.as_str()).db_name(&want.name).port(want.port);
        let call = call.master_username(&want.user).master_user_password(password.expose_secret());
        let call = call.db_subnet_group_name(want.subnet_group.as_str()).db_parameter_group_name(want.parameter_group.as_str());
        let call = call.set_vpc_security_group_ids(Some(want.security_groups.iter().map(|id| id.0.clone()).collect()));
        let call = call.backup_retention_period(want.backup_days).preferred_backup_window(&want.backup_window);
        let call = call.preferred_maintenance_window(&want.maintenance_window).copy_tags_to_snapshot(true);
        let call = call.deletion_protection(want.deletion_protection).enable_performance_insights(want.insights);
        let call = call.enable_iam_database_authentication(want.iam_auth);
        let call = call.set_enable_cloudwatch_logs_exports(Some(want.log_exports.iter().cloned().collect()));
        let made = call.set_tags(Some(tags::sdk(&who.tags))).send().await.or_fault("rds:CreateDBInstance");
        // It is long in the making: the look after waits until AWS shows it.
        made.map(|_| None).map_err(|fault| withheld(password.expose_secret(), fault))
    }

    async fn change(&self, who: &Identity, want: &DbInstance, seen: &Seen<DbInstance>) -> Result<(), Fault> {
        if want.storage_gb < seen.live.storage_gb {
            let problem = format!("database.storage_gb: the disk has {} GB and cannot shrink to {}", seen.live.storage_gb, want.storage_gb);
            return Err(Fault::new(Class::Invalid, problem));
        }
        if let Some(call) = change::modify(&self.0, want, &seen.live) {
            self.modified(&want.identifier, call, &engine::Sink::none().ticks(&who.address)).await?;
        }
        let arn = self.get(&want.identifier).await?.and_then(|it| it.db_instance_arn).unwrap_or_default();
        tags::sync(&self.0, &arn, who, seen.tags.as_ref()).await
    }

    async fn settle(&self, want: &DbInstance, _: &Database, ticks: &Ticks) -> Result<(), Fault> {
        self.until_available(&want.identifier, ticks).await
    }

    async fn remove(&self, spec: &DbInstance, _: &Database) -> Result<(), Fault> {
        let Some(live) = self.get(&spec.identifier).await? else { return Ok(()) };
        let ticks = engine::Sink::none().ticks(&Address::new(engine::LayerName::Database, spec.identifier.clone()));
        if live.deletion_protection() == Some(true) {
            let call = self.0.rds.modify_db_instance().db_instance_identifier(&spec.identifier);
            self.modified(&spec.identifier, call.deletion_protection(false).apply_immediately(true), &ticks).await?;
            self.until_available(&spec.identifier, &ticks).await?;
        }
        for attempt in 1.. {
            let call = self.0.rds.delete_db_instance().db_instance_identifier(&spec.identifier);
            let call = if spec.final_snapshot {
                call.skip_final_snapshot(false).final_db_snapshot_identifier(change::snapshot(&spec.identifier, attempt))
            } else {
                call.skip_final_snapshot(true).delete_automated_backups(true)
            };
            match call.send().await.or_gone("rds:DeleteDBInstance") {
                // The retry of a delete whose answer was lost.
                Err(fault) if fault.class == Class::Busy && fault.message.contains("already being deleted") => return Ok(()),
                Err(fault) if fault.code.starts_with("DBSnapshotAlreadyExists") && attempt < SNAPSHOT_NAMES => {}
                other => return other.map(|_| ()),
            }
        }
        Ok(())
    }

    async fn settle_gone(&self, _: &Identity, spec: &DbInstance, ticks: &Ticks) -> Result<(), Fault> {
        let look = || async {
            Ok(match self.get(&spec.identifier).await? {
                None => Poll::Ready(()),
                Some(it) => Poll::Waiting(format!("{} is {}", spec.identifier, it.db_instance_status().unwrap_or("going"))),
            })
        };
        self.0.until(DELETED_WITHIN).poll(ticks, look).await
    }

    async fn names(&self, scope: &Scope) -> Result<Option<Vec<DbInstance>>, Fault> {
        let mut pages = self.0.rds.describe_db_instances().into_paginator().items().send();
        let mut names = Vec::new();
        while let Some(it) = pages.next().await {
            let identifier = it.or_fault("rds:DescribeDBInstances")?.db_instance_identifier.filter(|name| scope.may_name(name));
            // AWS does not say whether a last snapshot is wanted: nobody loses data because it did not.
            names.extend(identifier.map(|identifier| DbInstance { identifier, final_snapshot: true, ..DbInstance::default() }));
        }
        Ok(Some(names))
    }
}
