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

macro_rules! records {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident),+ $(,)? }),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: String,)+
        }

        impl $name {
            /// What stands for it until it is known.
            pub fn unknown(at: &Address) -> $name {
                $name { $($field: engine::outputs::unknown(at, stringify!($field)),)+ }
            }
        }
    )+};
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
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
    /// A VPC flow log: `fl-…`.
    FlowLogId,
    /// A KMS key's ARN.
    KeyArn,
    /// A log group's name.
    LogGroupName,
    /// An SNS topic's ARN.
    TopicArn,
    /// An SNS subscription's ARN.
    SubscriptionArn,
    /// A CloudWatch alarm's ARN.
    AlarmArn,
    /// An IAM role's ARN.
    RoleArn,
    /// A saved Logs Insights query.
    QueryId,
    /// An RDS subnet group's name.
    SubnetGroupName,
    /// An RDS parameter group's name.
    ParameterGroupName,
    /// A target group's ARN.
    TargetGroupArn,
    /// A listener's ARN.
    ListenerArn,
    /// An ACM certificate's ARN.
    CertificateArn,
    /// A task definition's ARN, revision included.
    TaskDefinitionArn,
    /// An ECS cluster's name.
    ClusterName,
    /// An EC2 instance: `i-…`.
    InstanceId,
    /// A key pair's name.
    KeyPairName,
    /// An instance profile's name.
    InstanceProfileName,
}

records! {
    /// A secret in SSM: where it is, never what it is.
    Secret {
        /// The parameter's name.
        name,
        /// The parameter's ARN: what ECS and IAM call it.
        arn,
    },
    /// A database that answers.
    Database {
        /// The instance's identifier.
        identifier,
        /// Where it listens.
        host,
        /// The port, as text: what an environment variable holds.
        port,
        /// The database in it.
        name,
        /// Its user.
        user,
    },
    /// A load balancer.
    LoadBalancer {
        /// Its ARN.
        arn,
        /// Its DNS name.
        dns_name,
        /// The hosted zone of that name: what an alias record needs.
        zone_id,
    },
}

impl LoadBalancer {
    /// The last part of the ARN, which CloudWatch's dimension `LoadBalancer` takes: `app/shop-prod/50dc6c495c0c9188`.
    pub fn dimension(&self) -> String {
        self.arn.split_once(":loadbalancer/").map_or_else(|| self.arn.clone(), |(_, rest)| rest.to_owned())
    }
}

impl TargetGroupArn {
    /// The last part of the ARN, which CloudWatch's dimension `TargetGroup` takes: `targetgroup/shop-prod-app/73e2d6bc24d8a067`.
    pub fn dimension(&self) -> String {
        self.0.rsplit(':').next().unwrap_or_default().to_owned()
    }
}
