//! Kinds that several layers declare.

pub mod alarm;
pub mod iam_role;
pub mod security_group;
pub mod security_group_rule;

pub use alarm::Alarm;
pub use iam_role::IamRole;
pub use security_group::SecurityGroup;
pub use security_group_rule::SecurityGroupRule;
