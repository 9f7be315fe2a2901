//! The resource kinds that only this layer declares.

mod kms_alias;
mod kms_key;
mod ssm_secret;

pub use kms_alias::KmsAlias;
pub use kms_key::KmsKey;
pub use ssm_secret::SsmSecret;

use aws::Aws;
use aws::named::Named;
use engine::Kinds;

/// Every kind that this layer ever shipped, with its driver.
pub fn kinds(aws: &Aws) -> Kinds {
    Kinds::new()
        .with(kms_key::KmsKeys::new(aws))
        .with(Named(kms_alias::KmsAliases(aws.clone())))
        .with(Named(ssm_secret::SsmSecrets(aws.clone())))
}
