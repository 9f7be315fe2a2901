//! The resource kinds that only this layer declares.

mod instance;
mod instance_profile;
mod key_pair;

pub use instance::{Instance, Metadata};
pub use instance_profile::InstanceProfile;
pub use key_pair::KeyPair;

use aws::Aws;
use aws::kinds::iam_role::IamRoles;
use aws::kinds::security_group::SecurityGroups;
use aws::kinds::security_group_rule::SecurityGroupRules;
use aws::named::Named;
use engine::Kinds;

/// Every kind that this layer ever shipped, with its driver.
pub fn kinds(aws: &Aws) -> Kinds {
    Kinds::new()
        .with(instance::Instances(aws.clone()))
        .with(Named(instance_profile::InstanceProfiles(aws.clone())))
        .with(Named(key_pair::KeyPairs(aws.clone())))
        .with(Named(IamRoles(aws.clone())))
        .with(SecurityGroups(aws.clone()))
        .with(SecurityGroupRules(aws.clone()))
}
