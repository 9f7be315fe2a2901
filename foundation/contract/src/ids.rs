//! Ids as types: a subnet where a VPC belongs does not compile.
//!
//! ```compile_fail,E0308
//! use contract::{SubnetId, VpcId};
//! use engine::Handle;
//! let subnets: Handle<Vec<SubnetId>> = Handle::known(vec![SubnetId("subnet-1".into())]);
//! let vpc: Handle<VpcId> = subnets;
//! ```

use engine::Address;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// What stands for it until it is known.
            pub fn unknown(at: &Address) -> $name {
                $name(engine::outputs::unknown(at, "id"))
            }

            /// The text that AWS knows.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> $name {
                $name(text)
            }
        }
    )+};
}

ids! {
    /// A VPC: `vpc-…`.
    VpcId,
    /// A subnet: `subnet-…`.
    SubnetId,
    /// An internet gateway: `igw-…`.
    InternetGatewayId,
    /// An Elastic IP's allocation: `eipalloc-…`.
    AllocationId,
    /// A NAT gateway: `nat-…`.
    NatGatewayId,
    /// A route table: `rtb-…`.
    RouteTableId,
    /// A route table's association with a subnet: `rtbassoc-…`.
    AssociationId,
    /// A security group: `sg-…`.
    SecurityGroupId,
    /// A security-group rule: `sgr-…`.
    RuleId,
    /// A VPC endpoint: `vpce-…`.
    VpcEndpointId,
}
