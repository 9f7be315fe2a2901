//! The network from top to bottom.

use crate::config::{Config, Nat, Ranges};
use crate::kinds::{
    DefaultSecurityGroup, ElasticIp, EndpointType, InternetGateway, NatGateway, Route, RouteTable, RouteTableAssociation, Subnet, Via, Vpc,
    VpcEndpoint,
};
use aws::kinds::SecurityGroup;
use aws::kinds::security_group_rule::{Direction, SecurityGroupRule};
use contract::{InternetGatewayId, NatGatewayId, NetworkDoors, RouteTableId, RuleId, SecurityGroupId, SubnetId, VpcId};
use engine::handle::Join;
use engine::{DeclareError, Graph, Handle};
use ipnet::Ipv4Net;

const EVERYWHERE: &str = "0.0.0.0/0";

/// What the network needs to know beside its settings.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The names of the zones to use, looked up in the region.
    pub zones: Vec<String>,
    /// The region, for the names of endpoint services.
    pub region: String,
    /// What names begin with: `stack-env`.
    pub prefix: String,
}

/// Declares the network.
pub(crate) fn declare(config: &Config, inputs: &Inputs, g: &mut Graph) -> Result<NetworkDoors, DeclareError> {
    config.check()?;
    let zones: Vec<Zone> = inputs.zones.iter().zip(config.ranges()?).map(|(name, ranges)| Zone { name: name.clone(), ranges }).collect();

    let vpc = g.add("vpc", Handle::known(Vpc { cidr: config.cidr, dns_support: true, dns_hostnames: true }));
    g.add("default-security-group", vpc.map(|vpc| DefaultSecurityGroup { vpc, rules: 0 }));
    let gateway = g.add("internet-gateway", vpc.map(|vpc| InternetGateway { vpc }));

    let public = subnets(g, &vpc, &zones, "public", |ranges| ranges.public);
    let private = subnets(g, &vpc, &zones, "private", |ranges| ranges.private);
    let data = subnets(g, &vpc, &zones, "data", |ranges| ranges.data);

    let public_table = g.add("route-table-public", vpc.map(|vpc| RouteTable { vpc }));
    let way_in = g.add("route-public-internet", (&public_table, &gateway).join().map(|(table, gateway)| to_internet(table, gateway)));
    associate(g, &zones, "public", &public, |_| public_table.clone());

    let nats = nat_gateways(config, g, &zones, &public, &gateway);
    let private_tables: Vec<_> =
        zones.iter().map(|zone| g.add(zone.called("route-table-private"), vpc.map(|vpc| RouteTable { vpc }))).collect();
    let mut ways_out = Vec::new();
    for (index, (zone, table)) in zones.iter().zip(&private_tables).enumerate() {
        if let Some(nat) = nats.get(index).or(nats.first()) {
            ways_out.push(g.add(zone.called("route-private-nat"), (table, nat).join().map(|(table, nat)| through_nat(table, nat))));
        }
    }
    associate(g, &zones, "private", &private, |index| private_tables[index].clone());

    // Databases have no way to the internet: a table without routes.
    let data_table = g.add("route-table-data", vpc.map(|vpc| RouteTable { vpc }));
    associate(g, &zones, "data", &data, |_| data_table.clone());

    let tiers = security_groups(config, inputs, g, &vpc);
    endpoints(config, inputs, g, &vpc, &private, &private_tables);

    Ok(NetworkDoors {
        vpc_id: vpc,
        // AWS refuses a load balancer in a VPC without an attached internet gateway.
        public_subnets: Handle::all(public).after(&way_in),
        // Whoever lives there may count on the way out: a task pulls its image as soon as it starts.
        private_subnets: Handle::all(private).after(&Handle::all(ways_out)),
        data_subnets: Handle::all(data),
        edge_security_group: tiers.edge,
        app_security_group: tiers.app.after(&tiers.app_rules),
        data_security_group: tiers.data,
    })
}

struct Zone {
    name: String,
    ranges: Ranges,
}

impl Zone {
    /// `what-a`: the zone's letter keeps addresses stable when zones are added.
    fn called(&self, what: &str) -> String {
        format!("{what}-{}", self.name.chars().last().unwrap_or('?'))
    }
}

struct Tiers {
    edge: Handle<SecurityGroupId>,
    app: Handle<SecurityGroupId>,
    data: Handle<SecurityGroupId>,
    /// What the application's tasks need to be reached and to reach the database and AWS.
    app_rules: Handle<Vec<RuleId>>,
}

fn subnets(g: &mut Graph, vpc: &Handle<VpcId>, zones: &[Zone], tier: &str, range: fn(&Ranges) -> Ipv4Net) -> Vec<Handle<SubnetId>> {
    let declare = |zone: &Zone| {
        let (cidr, name) = (range(&zone.ranges), zone.name.clone());
        g.add(zone.called(&format!("subnet-{tier}")), vpc.map(move |vpc| Subnet { vpc, cidr, zone: name.clone() }))
    };
    zones.iter().map(declare).collect()
}

fn associate(g: &mut Graph, zones: &[Zone], tier: &str, subnets: &[Handle<SubnetId>], table: impl Fn(usize) -> Handle<RouteTableId>) {
    for (index, (zone, subnet)) in zones.iter().zip(subnets).enumerate() {
        let both = (subnet, &table(index)).join();
        g.add(zone.called(&format!("association-{tier}")), both.map(|(subnet, table)| RouteTableAssociation { subnet, table }));
    }
}

fn to_internet(table: RouteTableId, gateway: InternetGatewayId) -> Route {
    Route { table, destination: EVERYWHERE.into(), via: Via::InternetGateway(gateway) }
}

fn through_nat(table: RouteTableId, nat: NatGatewayId) -> Route {
    Route { table, destination: EVERYWHERE.into(), via: Via::NatGateway(nat) }
}

fn nat_gateways(
    config: &Config,
    g: &mut Graph,
    zones: &[Zone],
    public: &[Handle<SubnetId>],
    gateway: &Handle<InternetGatewayId>,
) -> Vec<Handle<NatGatewayId>> {
    let count = match config.nat {
        Nat::None => 0,
        Nat::Single => 1,
        Nat::PerAz => zones.len(),
    };
    let declare = |(zone, subnet): (&Zone, &Handle<SubnetId>)| {
        let purpose = zone.called("nat");
        let address = g.add(zone.called("nat-address"), Handle::known(ElasticIp { purpose }));
        // AWS refuses a NAT gateway in a VPC without an attached internet gateway, and to detach that one before the NAT is gone.
        let place = (subnet, &address).join().after(gateway);
        g.add(zone.called("nat-gateway"), place.map(|(subnet, allocation)| NatGateway { subnet, allocation }))
    };
    zones.iter().zip(public).take(count).map(declare).collect()
}

fn security_groups(config: &Config, inputs: &Inputs, g: &mut Graph, vpc: &Handle<VpcId>) -> Tiers {
    let prefix = inputs.prefix.clone();
    let mut group = |tier: &'static str, description: &'static str| {
        let prefix = prefix.clone();
        let make = move |vpc| SecurityGroup { vpc, name: format!("{prefix}-{tier}"), description: description.into() };
        g.add(format!("security-group-{tier}"), vpc.map(make))
    };
    let edge = group("edge", "The load balancer");
    let app = group("app", "The tasks of the application");
    let data = group("data", "The database");
    for (port, what) in [(80, "HTTP"), (443, "HTTPS")] {
        for cidr in &config.ingress_cidrs {
            let cidr = cidr.to_string();
            let name = format!("rule-edge-in-{port}-{}", cidr.replace(['.', '/'], "-"));
            let rule = edge.map(move |edge| SecurityGroupRule::tcp(edge, Direction::In, port, cidr.clone(), format!("{what} from {cidr}")));
            g.add(name, rule);
        }
    }
    let (app_port, database_port) = (config.app_port, config.database_port);
    let mut app_rules = between(g, "edge-app", (&edge, &app), app_port, "The load balancer to the application").to_vec();
    app_rules.extend(between(g, "app-data", (&app, &data), database_port, "The application to the database"));
    let https = app.map(|app| SecurityGroupRule::tcp(app, Direction::Out, 443, EVERYWHERE, "Images, logs and AWS APIs"));
    app_rules.push(g.add("rule-app-out-443", https));
    Tiers { edge, app, data, app_rules: Handle::all(app_rules) }
}

/// A way from one group to another: out of the one and into the other, each a rule of its own.
fn between(
    g: &mut Graph,
    name: &str,
    (from, to): (&Handle<SecurityGroupId>, &Handle<SecurityGroupId>),
    port: u16,
    why: &'static str,
) -> [Handle<RuleId>; 2] {
    let both = (from, to).join();
    [
        g.add(format!("rule-{name}-out"), both.map(move |(from, to)| SecurityGroupRule::tcp(from, Direction::Out, port, to.0, why))),
        g.add(format!("rule-{name}-in"), both.map(move |(from, to)| SecurityGroupRule::tcp(to, Direction::In, port, from.0, why))),
    ]
}

fn endpoints(
    config: &Config,
    inputs: &Inputs,
    g: &mut Graph,
    vpc: &Handle<VpcId>,
    private: &[Handle<SubnetId>],
    tables: &[Handle<RouteTableId>],
) {
    let service = |name: &str| format!("com.amazonaws.{}.{name}", inputs.region);
    let s3 = service("s3");
    let gateway = (vpc, &Handle::all(tables.to_vec())).join().map(move |(vpc, route_tables)| VpcEndpoint {
        vpc,
        service: s3.clone(),
        endpoint_type: EndpointType::Gateway,
        route_tables,
        subnets: Vec::new(),
        security_groups: Vec::new(),
    });
    g.add("endpoint-s3", gateway);
    if config.interface_endpoints.is_empty() {
        return;
    }
    let prefix = inputs.prefix.clone();
    let make = move |vpc| SecurityGroup { vpc, name: format!("{prefix}-endpoints"), description: "Interface endpoints".into() };
    let group = g.add("security-group-endpoints", vpc.map(make));
    let (cidr, subnets) = (config.cidr.to_string(), Handle::all(private.to_vec()));
    // With private DNS every host of the VPC is led here, the bastion as well.
    let https = group.map(move |group| SecurityGroupRule::tcp(group, Direction::In, 443, cidr.clone(), "The VPC to AWS APIs"));
    g.add("rule-vpc-endpoints-in", https);
    for name in &config.interface_endpoints {
        let service = service(name);
        let endpoint = (vpc, &subnets, &group).join().map(move |(vpc, subnets, group)| VpcEndpoint {
            vpc,
            service: service.clone(),
            endpoint_type: EndpointType::Interface,
            route_tables: Vec::new(),
            subnets,
            security_groups: vec![group],
        });
        g.add(format!("endpoint-{}", name.replace('.', "-")), endpoint);
    }
}
