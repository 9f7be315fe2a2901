//! The bastion from top to bottom.

use crate::config::{Config, Image, Mode};
use crate::image;
use crate::key::Key;
use crate::kinds::{Instance, InstanceProfile, KeyPair, Metadata};
use aws::kinds::security_group_rule::{Direction, SecurityGroupRule};
use aws::kinds::{IamRole, SecurityGroup};
use contract::{BastionDoors, Database, InstanceProfileName, KeyPairName, Names, RuleId, SecurityGroupId, SubnetId, VpcId};
use engine::handle::Join;
use engine::{DeclareError, Graph, Handle};
use ipnet::Ipv4Net;
use std::collections::BTreeSet;

const EVERYWHERE: &str = "0.0.0.0/0";
/// What a host needs to be reached through Session Manager.
const SESSION_MANAGER: &str = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";
/// Stands in for the database's port in the plan of a first deploy, which cannot know it yet.
const POSTGRESQL: u16 = 5432;

/// What the layer needs to know beside its settings.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The names of the environment.
    pub names: Names,
    /// Where the host stands; nothing when the bastion is off.
    pub place: Option<Place>,
}

/// Where the host stands and what it reaches.
#[derive(Clone, Debug)]
pub struct Place {
    /// The network's VPC.
    pub vpc: Handle<VpcId>,
    /// The public subnets, of which the first is used with SSH.
    pub public_subnets: Handle<Vec<SubnetId>>,
    /// The private subnets, of which the first is used with Session Manager.
    pub private_subnets: Handle<Vec<SubnetId>>,
    /// The group of the database.
    pub data_security_group: Handle<SecurityGroupId>,
    /// The database.
    pub database: Handle<Database>,
    /// The key of the operators, with SSH.
    pub key: Option<Key>,
}

/// Declares the layer.
pub(crate) fn declare(config: &Config, inputs: &Inputs, g: &mut Graph) -> Result<BastionDoors, DeclareError> {
    let Some(place) = inputs.place.as_ref().filter(|_| config.enabled) else {
        return Ok(BastionDoors { instance: Handle::known(None) });
    };
    let name = inputs.names.of("bastion");
    let group = {
        let name = name.clone();
        let make = move |vpc| SecurityGroup { vpc, name: name.clone(), description: "The host of the operators".into() };
        g.add("security-group", place.vpc.map(make))
    };
    let ways_out = ways_out(config, g, &group);
    into_database(place, g, &group);
    let (subnets, public_address) = match config.mode {
        Mode::Ssm => (&place.private_subnets, false),
        Mode::Ssh => {
            ways_in(config, g, &group);
            (&place.public_subnets, true)
        }
    };
    let (profile, key) = (profile(&name, g), key(place, &name, g));
    let (image, user_data) = (image::parameter(config), image::user_data(config));
    let (instance_type, volume_gb) = (config.instance_type.clone(), config.volume_gb);
    let metadata = Metadata { tokens_required: true, hop_limit: if config.docker { 2 } else { 1 } };
    // The host installs its tools as soon as it starts: its ways out come first.
    let parts = (subnets, &group, &profile, &key).join().after(&ways_out);
    let instance = parts.map(move |(subnets, group, instance_profile, key)| Instance {
        subnet: subnets.into_iter().next().unwrap_or_else(|| String::new().into()),
        image: image.clone(),
        instance_type: instance_type.clone(),
        key,
        instance_profile,
        security_groups: vec![group],
        public_address,
        volume_gb,
        metadata,
        user_data: user_data.clone(),
    });
    let instance = g.add("instance", instance);
    Ok(BastionDoors { instance: instance.map(Some) })
}

/// Packages, AWS's APIs and Session Manager.
fn ways_out(config: &Config, g: &mut Graph, group: &Handle<SecurityGroupId>) -> Handle<Vec<RuleId>> {
    let mut out = |port: u16, why: &'static str| {
        let rule = group.map(move |group| SecurityGroupRule::tcp(group, Direction::Out, port, EVERYWHERE, why));
        g.add(format!("rule-out-{port}"), rule)
    };
    let https = out(443, "Packages, AWS APIs and Session Manager");
    match config.image {
        Image::Al2023 => Handle::all([https]),
        Image::AmazonLinux2 => Handle::all([https, out(80, "Packages of Amazon Linux 2")]),
    }
}

/// The bastion's own way into the data tier: out of its group and into the other, each a rule of its own.
fn into_database(place: &Place, g: &mut Graph, group: &Handle<SecurityGroupId>) {
    let why = "The bastion to the database";
    let ends = (group, &place.data_security_group, &place.database).join();
    let rule = |direction: Direction| {
        ends.map(move |(bastion, data, database)| {
            let port = database.port.parse().unwrap_or(POSTGRESQL);
            match direction {
                Direction::Out => SecurityGroupRule::tcp(bastion, direction, port, data.0, why),
                Direction::In => SecurityGroupRule::tcp(data, direction, port, bastion.0, why),
            }
        })
    };
    g.add("rule-database-out", rule(Direction::Out));
    g.add("rule-database-in", rule(Direction::In));
}

/// SSH from the named ranges.
fn ways_in(config: &Config, g: &mut Graph, group: &Handle<SecurityGroupId>) {
    let ranges: BTreeSet<Ipv4Net> = config.ssh_cidrs.iter().copied().collect();
    for cidr in ranges {
        let cidr = cidr.to_string();
        let name = format!("rule-in-22-{}", cidr.replace(['.', '/'], "-"));
        let rule = group.map(move |group| SecurityGroupRule::tcp(group, Direction::In, 22, cidr.clone(), format!("SSH from {cidr}")));
        g.add(name, rule);
    }
}

/// The host's role, which can do nothing but talk to Session Manager. With SSH it is there as well: the way in when a key is lost.
fn profile(name: &str, g: &mut Graph) -> Handle<InstanceProfileName> {
    let role = IamRole::for_service(name.to_owned(), "The host of the operators", "ec2.amazonaws.com");
    let role = g.add("role", Handle::known(IamRole { managed: BTreeSet::from([SESSION_MANAGER.to_owned()]), ..role }));
    let name = name.to_owned();
    g.add("instance-profile", role.map(move |role| InstanceProfile { name: name.clone(), role }))
}

/// The key pair's name. One that is imported is named after its key: a host takes another key only when it is launched.
fn key(place: &Place, name: &str, g: &mut Graph) -> Handle<Option<KeyPairName>> {
    match &place.key {
        None => Handle::known(None),
        Some(Key::Existing(name)) => Handle::known(Some(name.clone())),
        Some(Key::Import(public_key)) => {
            let digest = engine::plan::digest(&[public_key]);
            let pair = KeyPair { name: format!("{name}-{}", &digest[..8]), public_key: public_key.clone() };
            g.add("key-pair", Handle::known(pair)).map(Some)
        }
    }
}
