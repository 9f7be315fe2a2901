//! What each layer gives. A layer that needs something takes it from here and from nowhere else.

use crate::ids::*;
use engine::layer::{Door, door};
use engine::{Doors, Handle, LayerName};
use serde_json::Value;
use std::collections::BTreeMap;

macro_rules! doors {
    ($(#[$doc:meta])* $name:ident of $layer:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: Handle<$type>,)+
        }

        impl Doors for $name {
            const LAYER: LayerName = LayerName::$layer;

            fn export(&self) -> BTreeMap<&'static str, Handle<Value>> {
                // Ids and lists of ids are always JSON.
                BTreeMap::from([$((stringify!($field), self.$field.map(|value| serde_json::to_value(value).unwrap_or_default()))),+])
            }

            fn import(recorded: &BTreeMap<String, Door>) -> Result<Self, Vec<String>> {
                let mut missing = Vec::new();
                $(let $field = door::<$type>(recorded, stringify!($field), &mut missing);)+
                match ($($field,)+) {
                    ($(Some($field),)+) => Ok($name { $($field),+ }),
                    _ => Err(missing),
                }
            }
        }
    };
}

doors! {
    /// The network that everything else lives in.
    NetworkDoors of Network {
        /// The VPC.
        vpc_id: VpcId,
        /// One public subnet per zone: load balancers, NAT gateways.
        public_subnets: Vec<SubnetId>,
        /// One private subnet per zone: tasks.
        private_subnets: Vec<SubnetId>,
        /// One data subnet per zone, without a way to the internet: databases.
        data_subnets: Vec<SubnetId>,
        /// The group of the load balancer.
        edge_security_group: SecurityGroupId,
        /// The group of the tasks.
        app_security_group: SecurityGroupId,
        /// The group of the database.
        data_security_group: SecurityGroupId,
    }
}

doors! {
    /// The key and the secrets: names and ARNs, never values.
    SecretsDoors of Secrets {
        /// The key that everything of the environment is encrypted with.
        key: KeyArn,
        /// The database's password.
        database_password: Secret,
        /// What the application's container gets, by environment variable.
        app_secrets: BTreeMap<String, Secret>,
        /// A policy document that can read exactly these parameters and decrypt with exactly this key.
        read_policy: Value,
    }
}

doors! {
    /// Where logs and alarms go.
    ObservabilityDoors of Observability {
        /// The topic that every alarm tells.
        alarm_topic: TopicArn,
        /// The log group of the application's container.
        app_log_group: LogGroupName,
        /// The log group of sessions opened with ECS Exec.
        exec_log_group: LogGroupName,
        /// The log groups that RDS exports to: made before the database, so that they have a retention.
        database_log_groups: Vec<LogGroupName>,
    }
}

doors! {
    /// The database.
    DatabaseDoors of Database {
        /// Where it is and who it is.
        database: Database,
    }
}

doors! {
    /// The way in from the internet.
    EdgeDoors of Edge {
        /// The load balancer.
        load_balancer: LoadBalancer,
        /// Where tasks register; a listener forwards to it.
        target_group: TargetGroupArn,
        /// What to open in a browser.
        url: String,
    }
}

doors! {
    /// The application.
    ComputeDoors of Compute {
        /// The cluster.
        cluster: ClusterName,
        /// The service in it.
        service: String,
        /// The revision that the service was last given.
        task_definition: TaskDefinitionArn,
    }
}

doors! {
    /// The operators' host.
    BastionDoors of Bastion {
        /// The instance; nothing when the bastion is off.
        instance: Option<InstanceId>,
    }
}
