//! What a deploy of the database would meet: whether RDS offers the class with that version, and in enough zones.

use crate::config::Config;
use crate::version::is_exact;
use aws::{Aws, FaultExt};
use engine::{Fault, LayerName, Level, Sign};
use std::collections::BTreeSet;

/// A line for class and version.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeOrderableDBInstanceOptions.html>
pub(crate) async fn preflight(aws: &Aws, config: &Config) -> Result<Vec<Sign>, Fault> {
    let call = aws.rds.describe_orderable_db_instance_options().engine("postgres").db_instance_class(&config.class);
    let exact = is_exact(&config.engine_version).then(|| config.engine_version.clone());
    let mut pages = call.set_engine_version(exact).into_paginator().items().send();
    let mut zones = BTreeSet::new();
    while let Some(option) = pages.next().await {
        let option = option.or_fault("rds:DescribeOrderableDBInstanceOptions")?;
        let fits =
            option.engine_version().is_some_and(|it| it == config.engine_version || it.starts_with(&format!("{}.", config.engine_version)));
        if fits {
            zones.extend(option.availability_zones().iter().filter_map(|zone| zone.name().map(str::to_owned)));
        }
    }
    let what = format!("PostgreSQL {} on {} is offered in {} zones", config.engine_version, config.class, zones.len());
    let sign = |level| Sign::new(LayerName::Database, "offer", level, what.clone()).fact("zones", zones.len());
    Ok(vec![if zones.len() < 2 {
        sign(Level::Fail).hint("set database.class to a class that RDS offers with this version in two zones of the region")
    } else {
        sign(Level::Ok)
    }])
}
