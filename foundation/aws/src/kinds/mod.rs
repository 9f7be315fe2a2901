//! Kinds that several layers declare.

pub mod security_group;
pub mod security_group_rule;

pub use security_group::SecurityGroup;
pub use security_group_rule::SecurityGroupRule;
