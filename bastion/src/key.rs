//! The key of the operators: found by its name, or read from a file with a public key.

use crate::config::{Config, Mode};
use aws::{Aws, FaultExt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use contract::KeyPairName;
use engine::{DeclareError, LayerError};
use std::path::Path;

/// With which key operators get in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Key {
    /// A key pair that somebody else looks after.
    Existing(KeyPairName),
    /// A public key, without its comment, that becomes a key pair of ours.
    Import(String),
}

/// The key that the settings name, if they need one.
pub(crate) async fn look_up(aws: &Aws, config: &Config) -> Result<Option<Key>, LayerError> {
    match (config.mode, &config.key_name, &config.public_key_file) {
        (Mode::Ssh, Some(name), _) => {
            let call = aws.ec2.describe_key_pairs().key_names(name);
            let found = call.send().await.or_gone("ec2:DescribeKeyPairs")?.and_then(|found| found.key_pairs).unwrap_or_default();
            if found.is_empty() {
                let region = &aws.region;
                let problem = format!("there is no key pair `{name}` in {region}: import it there, or use public_key_file");
                return Err(DeclareError::setting("bastion.key_name", problem).into());
            }
            Ok(Some(Key::Existing(KeyPairName(name.clone()))))
        }
        (Mode::Ssh, None, Some(path)) => Ok(Some(Key::Import(read(path)?))),
        (Mode::Ssh, None, None) | (Mode::Ssm, ..) => Ok(None),
    }
}

/// Bytes of the longest key that EC2 takes, many times over.
const LARGEST: u64 = 1 << 16;

/// The public key in a file.
///
/// # Errors
/// [`DeclareError::Setting`], which never shows what the file holds.
pub(crate) fn read(path: &Path) -> Result<String, DeclareError> {
    let wrong = |problem: &str| DeclareError::setting("bastion.public_key_file", format!("{}: {problem}", path.display()));
    let meta = std::fs::metadata(path).map_err(|error| wrong(&error.to_string()))?;
    if !meta.is_file() || meta.len() > LARGEST {
        return Err(wrong("this is not a file with one public key"));
    }
    let bytes = std::fs::read(path).map_err(|error| wrong(&error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("this must be one public key, on one line"))?;
    public_key(&text).map_err(wrong)
}

/// Kind and key, without the comment: what AWS gives back has another comment.
pub(crate) fn without_comment(text: &str) -> String {
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// The one public key that `text` holds. The problem never shows what the file holds: it may be a private key.
fn public_key(text: &str) -> Result<String, &'static str> {
    if text.contains("PRIVATE KEY") {
        return Err("this is a private key, which stays with you: use the file beside it that ends in .pub");
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Err("this must be one public key, on one line");
    };
    let mut words = line.split_whitespace();
    let (kind, material) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if kind.starts_with("ecdsa-") || kind.starts_with("sk-") || kind == "ssh-dss" {
        return Err("EC2 imports only RSA and ED25519 keys: make one with `ssh-keygen -t ed25519`");
    }
    if !["ssh-ed25519", "ssh-rsa"].contains(&kind) {
        return Err("this must be a public key that begins with ssh-ed25519 or ssh-rsa");
    }
    let whole = STANDARD.decode(material).is_ok_and(|bytes| is_whole(kind, &bytes));
    if whole { Ok(without_comment(line)) } else { Err("this public key is damaged: copy it again") }
}

/// The material is a row of parts, each after its length; the first is the kind.
fn is_whole(kind: &str, mut bytes: &[u8]) -> bool {
    let mut parts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let Some((part, rest)) = rest.split_at_checked(u32::from_be_bytes(*length) as usize) else { return false };
        parts.push(part);
        bytes = rest;
    }
    bytes.is_empty() && parts.len() > 1 && parts[0] == kind.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

    #[test]
    fn a_public_key_loses_its_comment() {
        assert_eq!(public_key(&format!("\n{KEY} eve@example.com\n")), Ok(KEY.to_owned()));
    }

    #[test]
    fn what_ec2_would_refuse_is_refused_first() {
        let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n";
        let problem = public_key(private).unwrap_err();
        assert!(problem.contains("private key") && !problem.contains("c2VjcmV0"));
        assert!(public_key("ecdsa-sha2-nistp256 AAAA ops").unwrap_err().contains("ED25519"));
        let (two, short, other) = (format!("{KEY}\n{KEY}"), &KEY[..30], KEY.replace("ed25519 ", "rsa "));
        for wrong in ["", "hello", "ssh-ed25519", two.as_str(), short, other.as_str()] {
            assert!(public_key(wrong).is_err(), "{wrong}");
        }
    }
}
