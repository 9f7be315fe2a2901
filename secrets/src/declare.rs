//! The key and the secrets from top to bottom.

use crate::config::{Config, Generate};
use crate::kinds::{KmsAlias, KmsKey, SsmSecret};
use crate::known::{DATABASE_PASSWORD, what};
use contract::{KeyArn, Names, Secret, SecretsDoors};
use engine::handle::Join;
use engine::{DeclareError, Graph, Handle};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the layer needs to know beside its settings.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The names of the environment.
    pub names: Names,
    /// The region, for the key's policy.
    pub region: String,
    /// The account's number, for the key's policy.
    pub account: String,
}

/// Declares the layer.
pub(crate) fn declare(config: &Config, inputs: &Inputs, g: &mut Graph) -> Result<SecretsDoors, DeclareError> {
    let names = &inputs.names;
    let key = g.add(
        "key",
        Handle::known(KmsKey {
            description: format!("Everything of {}", names.prefix()),
            rotation: true,
            policy: key_policy(inputs),
            deletion_days: config.key_deletion_days,
        }),
    );
    let alias = format!("alias/{}", names.prefix());
    g.add("key-alias", key.map(move |key| KmsAlias { name: alias.clone(), key }));

    let mut secret = |what: &str, generate: Generate| {
        let name = names.parameter(what);
        let spec = key.map(move |key| SsmSecret { name: name.clone(), key, length: generate.length, alphabet: generate.alphabet });
        g.add(format!("secret-{what}"), spec)
    };
    let database_password = secret(DATABASE_PASSWORD.0, config.database_password);
    let app: BTreeMap<String, Handle<Secret>> =
        config.app.iter().map(|(variable, generate)| (variable.clone(), secret(&what(variable), *generate))).collect();

    let variables: Vec<String> = app.keys().cloned().collect();
    let app = Handle::all(app.into_values());
    let read_policy = (&key, &database_password, &app).join().map(|(key, password, app)| read_policy(&key, app.iter().chain([&password])));
    let app_secrets = app.map(move |secrets| variables.iter().cloned().zip(secrets).collect());
    Ok(SecretsDoors { key, database_password, app_secrets, read_policy })
}

/// Who may use the key: the account by its own policies, and the services that write for us in this region.
fn key_policy(inputs: &Inputs) -> Value {
    let (region, account) = (&inputs.region, &inputs.account);
    let source = json!({"StringEquals": {"aws:SourceAccount": account}});
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TheAccount", "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
                "Action": "kms:*", "Resource": "*",
            },
            {
                "Sid": "Logs", "Effect": "Allow", "Principal": {"Service": format!("logs.{region}.amazonaws.com")},
                "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"], "Resource": "*",
                "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": format!("arn:aws:logs:{region}:{account}:*")}},
            },
            {
                "Sid": "Alarms", "Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*", "Condition": source,
            },
        ],
    })
}

/// Reads exactly these parameters and decrypts with exactly this key.
fn read_policy<'a>(key: &KeyArn, secrets: impl Iterator<Item = &'a Secret>) -> Value {
    let parameters: Vec<&str> = secrets.map(|secret| secret.arn.as_str()).collect();
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Read", "Effect": "Allow", "Action": "ssm:GetParameters", "Resource": parameters},
            {"Sid": "Decrypt", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": key},
        ],
    })
}
