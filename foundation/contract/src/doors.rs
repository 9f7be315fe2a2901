//! What each layer gives. A layer that needs something takes it from here and from nowhere else.

use crate::ids::{SecurityGroupId, SubnetId, VpcId};
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
