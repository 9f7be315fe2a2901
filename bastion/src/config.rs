//! The `[bastion]` table of `envs/*.toml`.

use engine::DeclareError;
use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How operators get in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Through Session Manager: no open port, no key, no public address.
    Ssm,
    /// By SSH to a public address, from named addresses only. Session Manager works as well.
    Ssh,
}

/// What runs on the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub enum Image {
    /// The newest Amazon Linux 2023.
    #[serde(rename = "al2023")]
    Al2023,
    /// The newest Amazon Linux 2. AWS has ended its support on 2026-06-30: no security updates since then.
    #[serde(rename = "amazon-linux-2")]
    AmazonLinux2,
}

/// The settings of the bastion layer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether there is a bastion.
    pub enabled: bool,
    /// How operators get in: `ssm` or `ssh`.
    pub mode: Mode,
    /// What runs on it: `al2023`, or `amazon-linux-2`, whose support ended on 2026-06-30. Its newest image is looked up when the
    /// host is launched; a newer one never replaces a host.
    pub image: Image,
    /// The EC2 instance type; x86_64 or arm64 follows from it.
    pub instance_type: String,
    /// With `ssh`: who may connect to port 22, ranges of /8 to /32.
    #[schemars(with = "Vec<String>")]
    pub ssh_cidrs: Vec<Ipv4Net>,
    /// With `ssh`: the name of a key pair that exists in the region. Or `public_key_file`.
    pub key_name: Option<String>,
    /// With `ssh`: a file with one OpenSSH public key (ssh-ed25519 or ssh-rsa), which becomes a key pair; a relative path starts
    /// at the working directory. Or `key_name`.
    pub public_key_file: Option<PathBuf>,
    /// The size of the encrypted root volume in GiB, 8 to 16384.
    pub volume_gb: i32,
    /// Whether Docker is installed. Containers are one network hop further from the metadata service, so that its answers may
    /// then take two hops instead of one.
    pub docker: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            enabled: false,
            mode: Mode::Ssm,
            image: Image::Al2023,
            instance_type: "t4g.nano".into(),
            ssh_cidrs: Vec::new(),
            key_name: None,
            public_key_file: None,
            volume_gb: 30,
            docker: true,
        }
    }
}

/// A shorter prefix than this names no office: 0.0.0.0/0, or its two halves.
const WIDEST: u8 = 8;

impl Config {
    /// Checks what the types cannot. A bastion that is off may be half configured.
    ///
    /// # Errors
    /// [`DeclareError::Setting`] with the key.
    pub fn check(&self) -> Result<(), DeclareError> {
        if !self.enabled {
            return Ok(());
        }
        let plain = |part: &str| !part.is_empty() && part.len() < 32 && part.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
        if !self.instance_type.split_once('.').is_some_and(|(family, size)| plain(family) && plain(size)) {
            let problem = format!("`{}` is not an EC2 instance type, for example t4g.nano or t3.micro", self.instance_type);
            return Err(DeclareError::setting("bastion.instance_type", problem));
        }
        if !(8..=16_384).contains(&self.volume_gb) {
            return Err(DeclareError::setting("bastion.volume_gb", format!("{} GiB: use 8 to 16384", self.volume_gb)));
        }
        match self.mode {
            Mode::Ssm => Ok(()),
            Mode::Ssh => self.check_ssh(),
        }
    }

    fn check_ssh(&self) -> Result<(), DeclareError> {
        if self.ssh_cidrs.is_empty() {
            let problem = "`mode = \"ssh\"` needs the ranges that may connect, for example [\"198.51.100.7/32\"]";
            return Err(DeclareError::setting("bastion.ssh_cidrs", problem));
        }
        if let Some(wide) = self.ssh_cidrs.iter().find(|cidr| cidr.prefix_len() < WIDEST) {
            let problem = format!("`{wide}` would open port 22 to much of the internet: name your own addresses, /{WIDEST} to /32");
            return Err(DeclareError::setting("bastion.ssh_cidrs", problem));
        }
        if let Some(odd) = self.ssh_cidrs.iter().find(|cidr| **cidr != cidr.trunc()) {
            let problem = format!("`{odd}` has host bits: the range is `{}`, the one address `{}/32`", odd.trunc(), odd.addr());
            return Err(DeclareError::setting("bastion.ssh_cidrs", problem));
        }
        if let Some(name) =
            self.key_name.as_ref().filter(|name| !(1..=255).contains(&name.len()) || name.chars().any(|c| !c.is_ascii() || c.is_control()))
        {
            return Err(DeclareError::setting(
                "bastion.key_name",
                format!("`{name}` is not the name of a key pair: 1 to 255 ASCII characters"),
            ));
        }
        if self.ssh_cidrs.len() > 1000 {
            return Err(DeclareError::setting(
                "bastion.ssh_cidrs",
                format!("{} ranges: a security group has room for 1000", self.ssh_cidrs.len()),
            ));
        }
        match (&self.key_name, &self.public_key_file) {
            (Some(_), None) | (None, Some(_)) => Ok(()),
            (Some(_), Some(_)) => Err(DeclareError::setting("bastion.key_name", "set key_name or public_key_file, not both")),
            (None, None) => {
                let problem = "`mode = \"ssh\"` needs a key: a file with a public key here, or an existing key pair as key_name";
                Err(DeclareError::setting("bastion.public_key_file", problem))
            }
        }
    }
}

/// What works and should still be told to people.
pub fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if !config.enabled {
        return warnings;
    }
    if config.image == Image::AmazonLinux2 {
        let text =
            "bastion.image: AWS ended the support of Amazon Linux 2 on 2026-06-30, and its newest PostgreSQL client is 14; use al2023";
        warnings.push(text.to_owned());
    }
    let unused = !config.ssh_cidrs.is_empty() || config.key_name.is_some() || config.public_key_file.is_some();
    if config.mode == Mode::Ssm && unused {
        warnings.push("bastion: ssh_cidrs, key_name and public_key_file do nothing with `mode = \"ssm\"`".to_owned());
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssh(cidr: &str) -> Config {
        let (ssh_cidrs, public_key_file) = (vec![cidr.parse().unwrap()], Some("bastion.pub".into()));
        Config { enabled: true, mode: Mode::Ssh, ssh_cidrs, public_key_file, ..Config::default() }
    }

    fn problem(config: &Config) -> String {
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn ssh_is_never_open_to_everybody() {
        assert!(ssh("198.51.100.7/32").check().is_ok());
        for wide in ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"] {
            assert!(problem(&ssh(wide)).starts_with("bastion.ssh_cidrs"), "{wide}");
        }
        assert!(problem(&Config { ssh_cidrs: Vec::new(), ..ssh("10.0.0.0/8") }).starts_with("bastion.ssh_cidrs"));
        assert!(problem(&ssh("10.1.2.3/8")).contains("10.0.0.0/8"));
    }

    #[test]
    fn ssh_has_exactly_one_key() {
        assert!(problem(&Config { public_key_file: None, ..ssh("10.0.0.0/8") }).starts_with("bastion.public_key_file"));
        assert!(problem(&Config { key_name: Some("ops".into()), ..ssh("10.0.0.0/8") }).contains("not both"));
        assert!(Config { key_name: Some("ops".into()), public_key_file: None, ..ssh("10.0.0.0/8") }.check().is_ok());
    }

    #[test]
    fn a_bastion_that_is_off_may_be_half_configured() {
        assert!(Config { enabled: false, ..ssh("0.0.0.0/0") }.check().is_ok());
        assert!(warnings(&Config { image: Image::AmazonLinux2, ..Config::default() }).is_empty());
    }

    #[test]
    fn amazon_linux_2_and_settings_without_effect_are_told() {
        let config = Config { image: Image::AmazonLinux2, mode: Mode::Ssm, ..ssh("10.0.0.0/8") };
        let told = warnings(&config);
        assert!(told.len() == 2 && told[0].contains("2026-06-30") && told[1].contains("ssh_cidrs"), "{told:?}");
        assert!(warnings(&ssh("10.0.0.0/8")).is_empty());
    }
}
