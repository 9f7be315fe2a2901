//! The host: an EC2 instance. AWS describes it for an hour after it is gone.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>

use aws::ec2::{Item, filter, find, once, sync_tags, tag_specification};
use aws::{Aws, FaultExt};
use aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, Filter, HttpTokensState, IamInstanceProfileSpecification, InstanceMetadataEndpointState,
    InstanceMetadataOptionsRequest, InstanceNetworkInterfaceSpecification, InstanceType, ResourceType, VolumeType,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use contract::{InstanceId, InstanceProfileName, KeyPairName, SecurityGroupId, SubnetId};
use engine::{Address, Ask, Class, Driver, Fault, Found, Identity, IdentityBy, Kind, Lead, Poll, Resource, Scope, Seen, Ticks};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// How the host's metadata service answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Metadata {
    /// Only to those who ask with a token (IMDSv2).
    pub tokens_required: bool,
    /// How many network hops its answers live: 2 reach a container.
    pub hop_limit: i32,
}

/// What the host should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Instance {
    /// Where it stands.
    pub subnet: SubnetId,
    /// The SSM parameter that names its machine image; read when the host is launched and never again.
    pub image: String,
    /// The instance type.
    pub instance_type: String,
    /// The key pair whose owner may come in.
    pub key: Option<KeyPairName>,
    /// What carries its role.
    pub instance_profile: InstanceProfileName,
    /// Its security groups.
    pub security_groups: Vec<SecurityGroupId>,
    /// Whether it has a public address.
    pub public_address: bool,
    /// The size of its encrypted root volume in GiB.
    pub volume_gb: i32,
    /// Its metadata service.
    pub metadata: Metadata,
    /// The script of its first start.
    pub user_data: String,
}

impl Resource for Instance {
    const KIND: Kind = "instance";
    const REPLACE_ON: &'static [&'static str] =
        &["subnet", "image", "instance_type", "key", "instance_profile", "public_address", "volume_gb", "user_data"];
    const TYPICAL: Duration = Duration::from_secs(30);
    const SETS: &'static [&'static str] = &["security_groups"];
    type Output = InstanceId;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Token
    }

    fn placeholder(&self, at: &Address) -> InstanceId {
        InstanceId::unknown(at)
    }
}

/// EC2 learns of a new instance profile within two minutes; HAZARDS I4.
const PROFILE_WITHIN: Duration = Duration::from_secs(120);
/// What EC2 says until then: it has no code for it.
const PROFILE_UNKNOWN: &str = "Invalid IAM Instance Profile";
/// Usually half a minute.
const RUNNING_WITHIN: Duration = Duration::from_secs(600);
/// Usually a minute; the system is shut down first.
const TERMINATED_WITHIN: Duration = Duration::from_secs(600);
/// The device of the root volume in every Amazon Linux image.
const ROOT_DEVICE: &str = "/dev/xvda";
/// The states of a host that is there.
const THERE: [&str; 4] = ["pending", "running", "stopping", "stopped"];

/// Works on hosts.
#[derive(Clone, Debug)]
pub(super) struct Instances(pub Aws);

type Live = aws_sdk_ec2::types::Instance;

fn state(it: &Live) -> &str {
    it.state().and_then(|state| state.name()).map_or("", |name| name.as_str())
}

fn is_gone(it: &Live) -> bool {
    ["shutting-down", "terminated"].contains(&state(it))
}

/// The live settings. AWS keeps no parameter's name, and tells script and volume only to further calls: those are what we say.
fn live(it: &Live, want: &Instance) -> Instance {
    let group = |group: &aws_sdk_ec2::types::GroupIdentifier| SecurityGroupId(group.group_id().unwrap_or_default().to_owned());
    let profile = it.iam_instance_profile().and_then(|profile| profile.arn()).and_then(|arn| arn.rsplit('/').next());
    let options = it.metadata_options();
    let hops = options.and_then(|options| options.http_put_response_hop_limit());
    Instance {
        subnet: it.subnet_id().unwrap_or_default().to_owned().into(),
        instance_type: it.instance_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        key: it.key_name().filter(|name| !name.is_empty()).map(|name| KeyPairName(name.to_owned())),
        instance_profile: InstanceProfileName(profile.unwrap_or_default().to_owned()),
        security_groups: it.security_groups().iter().map(group).collect(),
        // A host that is stopped has given its public address back, and gets another one when it starts.
        public_address: if state(it) == "running" { it.public_ip_address().is_some() } else { want.public_address },
        metadata: Metadata {
            tokens_required: options.and_then(|options| options.http_tokens()) == Some(&HttpTokensState::Required),
            hop_limit: hops.unwrap_or(want.metadata.hop_limit),
        },
        ..want.clone()
    }
}

fn tokens(metadata: Metadata) -> HttpTokensState {
    if metadata.tokens_required { HttpTokensState::Required } else { HttpTokensState::Optional }
}

fn ids(groups: &[SecurityGroupId]) -> Vec<String> {
    groups.iter().map(|group| group.0.clone()).collect()
}

impl Instances {
    async fn fetch(&self, filters: Vec<Filter>) -> Result<Vec<Item<Live>>, Fault> {
        let mut filters = filters;
        filters.push(filter("instance-state-name", THERE.map(str::to_owned)));
        let mut pages = self.0.ec2.describe_instances().set_filters(Some(filters)).into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            let reservations = page.or_fault("ec2:DescribeInstances")?.reservations.unwrap_or_default();
            let found = reservations.into_iter().flat_map(|reservation| reservation.instances.unwrap_or_default());
            items.extend(found.map(|it| Item::new(it.instance_id(), it.tags(), it.clone())));
        }
        Ok(items)
    }

    async fn mine(&self, who: &Identity, want: &Instance) -> Result<Option<InstanceId>, Fault> {
        let ask = Ask { who: who.clone(), want: want.clone(), last: None };
        let found = find(&[ask], "instance-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        Ok(found.into_values().next().map(|item| item.id.into()))
    }

    /// The host in whatever state. Nothing right after its launch means that AWS does not show it yet.
    async fn described(&self, id: &InstanceId) -> Result<Option<Live>, Fault> {
        let found = self.0.ec2.describe_instances().instance_ids(id.as_str()).send().await.or_gone("ec2:DescribeInstances")?;
        let reservations = found.and_then(|found| found.reservations).unwrap_or_default();
        Ok(reservations.into_iter().flat_map(|reservation| reservation.instances.unwrap_or_default()).next())
    }

    /// The machine image that the parameter names today.
    async fn image(&self, parameter: &str) -> Result<String, Fault> {
        let found = self.0.ssm.get_parameter().name(parameter).send().await.or_fault("ssm:GetParameter")?;
        let image = found.parameter.and_then(|parameter| parameter.value).unwrap_or_default();
        if image.starts_with("ami-") {
            return Ok(image);
        }
        Err(Fault::new(Class::Invalid, format!("{parameter} holds `{image}`, which is no machine image")))
    }

    /// Everything of the launch that does not change from try to try.
    fn request(&self, who: &Identity, want: &Instance) -> RunInstancesFluentBuilder {
        let interface = InstanceNetworkInterfaceSpecification::builder().device_index(0).delete_on_termination(true);
        let interface = interface.subnet_id(want.subnet.as_str()).set_groups(Some(ids(&want.security_groups)));
        let interface = interface.associate_public_ip_address(want.public_address).build();
        let disk = EbsBlockDevice::builder().volume_size(want.volume_gb).volume_type(VolumeType::Gp3);
        let disk = BlockDeviceMapping::builder().device_name(ROOT_DEVICE).ebs(disk.encrypted(true).delete_on_termination(true).build());
        let options = InstanceMetadataOptionsRequest::builder().http_endpoint(InstanceMetadataEndpointState::Enabled);
        let options = options.http_tokens(tokens(want.metadata)).http_put_response_hop_limit(want.metadata.hop_limit).build();
        let profile = IamInstanceProfileSpecification::builder().name(want.instance_profile.as_str()).build();
        let call = self.0.ec2.run_instances().min_count(1).max_count(1).instance_type(InstanceType::from(want.instance_type.as_str()));
        let call = call.network_interfaces(interface).block_device_mappings(disk.build()).metadata_options(options);
        let call = call.iam_instance_profile(profile).set_key_name(want.key.as_ref().map(|key| key.0.clone()));
        call.user_data(STANDARD.encode(&want.user_data))
            .tag_specifications(tag_specification(ResourceType::Instance, who))
            .tag_specifications(tag_specification(ResourceType::Volume, who))
    }

    /// Launches, as soon as EC2 knows the instance profile.
    async fn launch(&self, who: &Identity, want: &Instance, token: &str, ticks: &Ticks) -> Result<Option<String>, Fault> {
        let image = self.image(&want.image).await?;
        let call = self.request(who, want).image_id(image).client_token(token);
        let run = || async {
            match call.clone().send().await.or_fault("ec2:RunInstances") {
                Ok(made) => Ok(Poll::Ready(made.instances().first().and_then(|it| it.instance_id()).map(str::to_owned))),
                Err(fault) if fault.message.contains(PROFILE_UNKNOWN) => {
                    Ok(Poll::Refused(format!("EC2 does not know {} yet: {}", want.instance_profile, fault.message), fault))
                }
                Err(fault) => Err(fault),
            }
        };
        self.0.until(PROFILE_WITHIN).poll(ticks, run).await
    }

    /// The client token makes a repeated call return the same host, also one that was terminated since: then the next token is
    /// tried.
    async fn create(&self, who: &Identity, want: &Instance, ticks: &Ticks) -> Result<InstanceId, Fault> {
        for attempt in 0..5 {
            let token = if attempt == 0 { who.token.clone() } else { format!("{}-{attempt}", who.token) };
            let id: InstanceId =
                match once(&self.0, &token, ticks.absent, || self.mine(who, want), self.launch(who, want, &token, ticks)).await {
                    // The token's host was launched otherwise, perhaps from an older image. It is ours if it is still there.
                    Err(fault) if fault.code == "IdempotentParameterMismatch" => match self.mine(who, want).await? {
                        Some(id) => id,
                        None => continue,
                    },
                    other => other?,
                };
            if !self.described(&id).await?.is_some_and(|it| is_gone(&it)) {
                return Ok(id);
            }
        }
        Err(Fault::new(Class::Invalid, "AWS gives terminated instances back for every token; wait an hour"))
    }

    /// Waits until the host runs. One that somebody stopped stays stopped.
    async fn settle(&self, id: &InstanceId, ticks: &Ticks) -> Result<(), Fault> {
        let look = || async {
            let Some(it) = self.described(id).await? else { return Ok(Poll::Waiting(format!("{id} is not to be seen yet"))) };
            match state(&it) {
                "running" | "stopping" | "stopped" => Ok(Poll::Ready(())),
                state @ ("shutting-down" | "terminated") => {
                    let why = it.state_reason().and_then(|reason| reason.message()).unwrap_or("AWS gave no reason");
                    Err(Fault::new(Class::Invalid, format!("{id} is {state}: {why}")))
                }
                state => Ok(Poll::Waiting(format!("{id} is {state}"))),
            }
        };
        self.0.until(RUNNING_WITHIN).poll(ticks, look).await
    }

    async fn change(&self, want: &Instance, seen: &Seen<Instance>) -> Result<(), Fault> {
        let (ec2, id) = (&self.0.ec2, seen.output.as_str());
        let set = |it: &Instance| it.security_groups.iter().cloned().collect::<BTreeSet<_>>();
        if set(&seen.live) != set(want) {
            let call = ec2.modify_instance_attribute().instance_id(id).set_groups(Some(ids(&want.security_groups)));
            call.send().await.or_fault("ec2:ModifyInstanceAttribute")?;
        }
        if seen.live.metadata != want.metadata {
            let call = ec2.modify_instance_metadata_options().instance_id(id).http_tokens(tokens(want.metadata));
            let call = call.http_put_response_hop_limit(want.metadata.hop_limit);
            call.send().await.or_fault("ec2:ModifyInstanceMetadataOptions")?;
        }
        Ok(())
    }
}

impl Driver<Instance> for Instances {
    async fn observe(&self, asks: &[Ask<Instance>]) -> Result<Found<Instance>, Fault> {
        let found = find(asks, "instance-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        let seen = |ask: &Ask<Instance>| {
            let item = found.get(&ask.who.address)?;
            let seen = Seen { live: live(&item.it, &ask.want), output: item.id.clone().into(), ours: true, tags: Some(item.tags.clone()) };
            Some((ask.who.address.clone(), seen))
        };
        Ok(asks.iter().filter_map(seen).collect())
    }

    async fn ensure(&self, who: &Identity, want: &Instance, seen: Option<Seen<Instance>>, ticks: &Ticks) -> Result<InstanceId, Fault> {
        let id = match &seen {
            Some(seen) => seen.output.clone(),
            None => self.create(who, want, ticks).await?,
        };
        self.settle(&id, ticks).await?;
        if let Some(seen) = &seen {
            self.change(want, seen).await?;
        }
        sync_tags(&self.0, id.as_str(), who, seen.as_ref().and_then(|seen| seen.tags.as_ref())).await?;
        Ok(id)
    }

    async fn delete(&self, who: &Identity, spec: &Instance, last: Option<&InstanceId>, ticks: &Ticks) -> Result<(), Fault> {
        let id = match last {
            Some(id) => Some(id.clone()),
            None => self.mine(who, spec).await?,
        };
        let Some(id) = id else { return Ok(()) };
        self.0.ec2.terminate_instances().instance_ids(id.as_str()).send().await.or_gone("ec2:TerminateInstances")?;
        let look = || async {
            Ok(match self.described(&id).await? {
                Some(it) if state(&it) != "terminated" => Poll::Waiting(format!("{id} is {}", state(&it))),
                _ => Poll::Ready(()),
            })
        };
        self.0.until(TERMINATED_WITHIN).poll(ticks, look).await
    }

    async fn list(&self, scope: &Scope) -> Result<Option<Vec<Lead<Instance>>>, Fault> {
        aws::ec2::leads(scope, |filters| self.fetch(filters)).await
    }
}
