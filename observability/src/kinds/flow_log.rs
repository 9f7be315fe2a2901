//! The VPC's flow log.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html>

use aws::ec2::{Item, find, once, sync_tags, tag_specification};
use aws::{Aws, FaultExt};
use aws_sdk_ec2::types::{Filter, FlowLogsResourceType, LogDestinationType, ResourceType, TrafficType};
use contract::{FlowLogId, LogGroupName, RoleArn, VpcId};
use engine::{Address, Ask, Class, Driver, Fault, Found, Identity, IdentityBy, Kind, Lead, Replace, Resource, Scope, Seen, Ticks};
use serde::{Deserialize, Serialize};

/// What the flow log should be. AWS changes nothing of it in place.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FlowLog {
    /// The VPC.
    pub vpc: VpcId,
    /// Where it writes.
    pub group: LogGroupName,
    /// As whom.
    pub role: RoleArn,
    /// `ALL`, `ACCEPT` or `REJECT`.
    pub traffic: String,
}

impl Resource for FlowLog {
    const KIND: Kind = "flow_log";
    const REPLACE_ON: &'static [&'static str] = &["vpc", "group", "role", "traffic"];
    // AWS refuses a second one with the same configuration and destination.
    const REPLACE: Replace = Replace::DeleteFirst;
    type Output = FlowLogId;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Token
    }

    fn placeholder(&self, at: &Address) -> FlowLogId {
        FlowLogId::unknown(at)
    }
}

/// Works on flow logs.
#[derive(Clone, Debug)]
pub(super) struct FlowLogs(pub Aws);

type Live = aws_sdk_ec2::types::FlowLog;

impl FlowLogs {
    async fn fetch(&self, filters: Vec<Filter>) -> Result<Vec<Item<Live>>, Fault> {
        let mut pages = self.0.ec2.describe_flow_logs().set_filter(Some(filters)).into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            let found = page.or_fault("ec2:DescribeFlowLogs")?.flow_logs.unwrap_or_default();
            items.extend(found.into_iter().map(|it| Item::new(it.flow_log_id(), it.tags(), it.clone())));
        }
        Ok(items)
    }

    async fn mine(&self, who: &Identity, want: &FlowLog) -> Result<Option<FlowLogId>, Fault> {
        let ask = Ask { who: who.clone(), want: want.clone(), last: None };
        let found = find(&[ask], "flow-log-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        Ok(found.into_values().next().map(|item| item.id.into()))
    }

    async fn create(&self, who: &Identity, want: &FlowLog, ticks: &Ticks) -> Result<FlowLogId, Fault> {
        let call = self.0.ec2.create_flow_logs().resource_type(FlowLogsResourceType::Vpc).resource_ids(want.vpc.as_str());
        let call = call.traffic_type(TrafficType::from(want.traffic.as_str())).log_destination_type(LogDestinationType::CloudWatchLogs);
        let call = call.log_group_name(want.group.as_str()).deliver_logs_permission_arn(want.role.as_str()).max_aggregation_interval(600);
        let call = call.client_token(&who.token).tag_specifications(tag_specification(ResourceType::VpcFlowLog, who));
        let create = async {
            let made = call.send().await.or_fault("ec2:CreateFlowLogs")?;
            if let Some(refused) = made.unsuccessful().first().and_then(|it| it.error()) {
                let mut fault = Fault::new(Class::Invalid, refused.message().unwrap_or("AWS gave no reason")).call("ec2:CreateFlowLogs");
                fault.code = refused.code().unwrap_or_default().to_owned();
                return Err(fault);
            }
            Ok(made.flow_log_ids().first().cloned())
        };
        once(&self.0, &who.token, ticks.absent, || self.mine(who, want), create).await
    }
}

impl Driver<FlowLog> for FlowLogs {
    async fn observe(&self, asks: &[Ask<FlowLog>]) -> Result<Found<FlowLog>, Fault> {
        let found = find(asks, "flow-log-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        let seen = |item: Item<Live>| {
            let live = FlowLog {
                vpc: VpcId(item.it.resource_id().unwrap_or_default().to_owned()),
                group: LogGroupName(item.it.log_group_name().unwrap_or_default().to_owned()),
                role: RoleArn(item.it.deliver_logs_permission_arn().unwrap_or_default().to_owned()),
                traffic: item.it.traffic_type().map(|it| it.as_str().to_owned()).unwrap_or_default(),
            };
            Seen { live, output: item.id.into(), ours: true, tags: Some(item.tags) }
        };
        Ok(found.into_iter().map(|(at, item)| (at, seen(item))).collect())
    }

    async fn ensure(&self, who: &Identity, want: &FlowLog, seen: Option<Seen<FlowLog>>, ticks: &Ticks) -> Result<FlowLogId, Fault> {
        let Some(seen) = seen else { return self.create(who, want, ticks).await };
        sync_tags(&self.0, seen.output.as_str(), who, seen.tags.as_ref()).await?;
        Ok(seen.output)
    }

    async fn delete(&self, who: &Identity, spec: &FlowLog, last: Option<&FlowLogId>, _: &Ticks) -> Result<(), Fault> {
        let id = match last {
            Some(id) => Some(id.clone()),
            None => self.mine(who, spec).await?,
        };
        let Some(id) = id else { return Ok(()) };
        self.0.ec2.delete_flow_logs().flow_log_ids(id.as_str()).send().await.or_gone("ec2:DeleteFlowLogs").map(|_| ())
    }

    async fn list(&self, scope: &Scope) -> Result<Option<Vec<Lead<FlowLog>>>, Fault> {
        aws::ec2::leads(scope, |filters| self.fetch(filters)).await
    }
}
