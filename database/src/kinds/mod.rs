//! The resource kinds that only this layer declares.

mod db_instance;
mod db_parameter_group;
mod db_subnet_group;
mod tags;

pub use db_instance::DbInstance;
pub use db_parameter_group::DbParameterGroup;
pub use db_subnet_group::DbSubnetGroup;

pub(crate) use db_instance::{DbInstances, available};

use aws::Aws;
use aws::kinds::alarm::Alarms;
use aws::named::Named;
use engine::Kinds;

/// Every kind that this layer ever shipped, with its driver.
pub fn kinds(aws: &Aws) -> Kinds {
    Kinds::new()
        .with(Named(db_subnet_group::DbSubnetGroups(aws.clone())))
        .with(Named(db_parameter_group::DbParameterGroups(aws.clone())))
        .with(Named(db_instance::DbInstances(aws.clone())))
        .with(Named(Alarms(aws.clone())))
}
