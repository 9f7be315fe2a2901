//! The machine image, and what the host does with it when it starts for the first time.

use crate::config::{Config, Image};

/// A Graviton type has a g after its generation (t4g, im4gn, c7gd); the first of them was a1.
fn architecture(instance_type: &str) -> &'static str {
    let family = instance_type.split('.').next().unwrap_or_default();
    let after_generation = family.trim_start_matches(|c: char| !c.is_ascii_digit());
    if family == "a1" || after_generation.contains('g') { "arm64" } else { "x86_64" }
}

/// AWS's public SSM parameter that holds the id of the newest image.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters-ami.html>
pub(crate) fn parameter(config: &Config) -> String {
    let architecture = architecture(&config.instance_type);
    match config.image {
        Image::Al2023 => format!("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{architecture}"),
        Image::AmazonLinux2 => format!("/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-{architecture}-gp2"),
    }
}

/// The script that makes the host useful: the PostgreSQL client, the AWS CLI v2 and, if wanted, Docker.
pub(crate) fn user_data(config: &Config) -> String {
    let start = include_str!("user_data/start.sh");
    let (tools, docker) = match config.image {
        Image::Al2023 => (include_str!("user_data/al2023.sh"), "again dnf install -y docker\n"),
        Image::AmazonLinux2 => (include_str!("user_data/amazon_linux_2.sh"), "again amazon-linux-extras install -y docker\n"),
    };
    let after = include_str!("user_data/docker.sh");
    if config.docker { [start, tools, docker, after].concat() } else { [start, tools].concat() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_architecture_follows_from_the_instance_type() {
        for arm in ["t4g.nano", "m6gd.large", "im4gn.large", "x2gd.medium", "a1.medium", "c7gn.medium", "g5g.xlarge"] {
            assert_eq!(architecture(arm), "arm64", "{arm}");
        }
        for intel in ["t3.micro", "t3a.nano", "m5.large", "g4dn.xlarge", "g6.xlarge", "c7i.large", "mac2.metal"] {
            assert_eq!(architecture(intel), "x86_64", "{intel}");
        }
    }

    #[test]
    fn each_script_stops_at_errors_fits_and_installs_what_was_asked_for() {
        for (image, tools) in [(Image::Al2023, ["dnf", "awscli-2"]), (Image::AmazonLinux2, ["amazon-linux-extras", "awscli-exe-linux"])] {
            for docker in [true, false] {
                let script = user_data(&Config { image, docker, ..Config::default() });
                assert!(script.starts_with("#!/bin/bash\n") && script.contains("\nset -euo pipefail\n"));
                // AWS takes 16 KB before the encoding.
                assert!(script.len() < 16_384 && script.contains("postgresql") && tools.iter().all(|tool| script.contains(tool)));
                assert_eq!(script.contains("enable --now docker"), docker);
            }
        }
    }
}
