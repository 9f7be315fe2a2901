//! The `[network]` table of `envs/*.toml`.

use engine::DeclareError;
use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How private subnets reach the internet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Nat {
    /// Not at all: tasks need interface endpoints.
    None,
    /// Through one NAT gateway in the first zone.
    Single,
    /// Through one NAT gateway per zone.
    PerAz,
}

/// The network's settings.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The VPC's IPv4 range, /16 to /22.
    #[schemars(with = "String")]
    pub cidr: Ipv4Net,
    /// How many availability zones to use, 2 or 3; which ones is looked up.
    pub zones: usize,
    /// How private subnets reach the internet: `none`, `single` or `per_az`.
    pub nat: Nat,
    /// Who may reach the load balancer on ports 80 and 443.
    #[schemars(with = "Vec<String>")]
    pub ingress_cidrs: Vec<Ipv4Net>,
    /// The port that the application's container listens on.
    pub app_port: u16,
    /// The port of the database.
    pub database_port: u16,
    /// Services with an interface endpoint in the private subnets, for example `ecr.api`, `ecr.dkr`, `logs`, `ssm`, `kms`.
    pub interface_endpoints: Vec<String>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            cidr: Ipv4Net::new_assert(std::net::Ipv4Addr::new(10, 0, 0, 0), 16),
            zones: 2,
            nat: Nat::Single,
            ingress_cidrs: vec![Ipv4Net::new_assert(std::net::Ipv4Addr::UNSPECIFIED, 0)],
            app_port: 8000,
            database_port: 5432,
            interface_endpoints: Vec::new(),
        }
    }
}

/// The ranges of one zone's subnets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranges {
    /// For load balancers and NAT gateways.
    pub public: Ipv4Net,
    /// For tasks.
    pub private: Ipv4Net,
    /// For databases.
    pub data: Ipv4Net,
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`DeclareError::Setting`] with the key.
    pub fn check(&self) -> Result<(), DeclareError> {
        if self.cidr != self.cidr.trunc() || !(16..=22).contains(&self.cidr.prefix_len()) {
            let right = self.cidr.trunc();
            return Err(DeclareError::setting(
                "network.cidr",
                format!("`{}` must be a range of /16 to /22 without host bits, for example `{right}`", self.cidr),
            ));
        }
        if !(2..=3).contains(&self.zones) {
            return Err(DeclareError::setting("network.zones", format!("{} zones: use 2 or 3 (a database needs two)", self.zones)));
        }
        if self.app_port == 0 || self.database_port == 0 {
            let key = if self.app_port == 0 { "network.app_port" } else { "network.database_port" };
            return Err(DeclareError::setting(key, "0 is no port"));
        }
        self.check_ranges()?;
        self.check_endpoints()?;
        if self.app_port == self.database_port {
            return Err(DeclareError::setting("network.app_port", format!("{} is the database's port as well", self.app_port)));
        }
        Ok(())
    }

    fn check_ranges(&self) -> Result<(), DeclareError> {
        let wrong = |problem| Err(DeclareError::setting("network.ingress_cidrs", problem));
        // A quota of 60 rules can be raised to 1000; each range needs one per port.
        if self.ingress_cidrs.len() > 500 {
            return wrong(format!("{} ranges: a security group has room for 500", self.ingress_cidrs.len()));
        }
        for (index, cidr) in self.ingress_cidrs.iter().enumerate() {
            if *cidr != cidr.trunc() {
                return wrong(format!("`{cidr}` has host bits: the range is `{}`", cidr.trunc()));
            }
            if self.ingress_cidrs[..index].contains(cidr) {
                return wrong(format!("`{cidr}` is there twice"));
            }
        }
        Ok(())
    }

    fn check_endpoints(&self) -> Result<(), DeclareError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        for (index, name) in self.interface_endpoints.iter().enumerate() {
            let problem = match () {
                () if !(1..=64).contains(&name.len()) || !name.chars().all(plain) => "is not the name of a service, for example `ecr.api`",
                () if self.interface_endpoints[..index].contains(name) => "is there twice",
                () => continue,
            };
            return Err(DeclareError::setting("network.interface_endpoints", format!("`{name}` {problem}")));
        }
        Ok(())
    }

    /// The subnets' ranges by zone: a sixteenth of the VPC each. A further zone does not move the others.
    ///
    /// # Errors
    /// [`DeclareError::Setting`] when the range cannot be divided.
    pub fn ranges(&self) -> Result<Vec<Ranges>, DeclareError> {
        let divided = self.cidr.subnets(self.cidr.prefix_len() + 4);
        let parts: Vec<Ipv4Net> = divided.map_err(|error| DeclareError::setting("network.cidr", error.to_string()))?.collect();
        // Four parts per tier, so that a tier's ranges stay together and can be named in a firewall as one /18 of a /16.
        Ok((0..self.zones).map(|zone| Ranges { public: parts[zone], private: parts[4 + zone], data: parts[8 + zone] }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_never_overlap_and_a_third_zone_moves_none() {
        let two = Config::default().ranges().unwrap();
        let three = Config { zones: 3, ..Config::default() }.ranges().unwrap();
        assert_eq!(two[..], three[..2]);
        let all: Vec<Ipv4Net> = three.iter().flat_map(|zone| [zone.public, zone.private, zone.data]).collect();
        for (index, one) in all.iter().enumerate() {
            assert!(all.iter().skip(index + 1).all(|other| !one.contains(other) && !other.contains(one)), "{one}");
        }
    }

    #[test]
    fn a_range_with_host_bits_is_refused_with_the_right_one() {
        let config = Config { cidr: "10.1.2.3/16".parse().unwrap(), ..Config::default() };
        assert!(config.check().unwrap_err().to_string().contains("10.1.0.0/16"));
    }
}
