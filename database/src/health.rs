//! How the database is: its state, and how long RDS supports what it runs.

use crate::kinds::{DbInstance, DbInstances};
use crate::version::major;
use aws::{Aws, FaultExt};
use aws_sdk_rds::types::{DbInstance as Live, LifecycleSupportName};
use engine::ledger::Folded;
use engine::settle::now;
use engine::sign::{ends, objects};
use engine::{Fault, LayerName, Level, Sign};

/// States in which the database answers, and RDS works on it.
const WORKING: &[&str] =
    &["backing-up", "modifying", "storage-optimization", "resetting-master-credentials", "upgrading", "storage-config-upgrade"];

/// A line for each instance, and one for a version that ends.
pub(crate) async fn health(aws: &Aws, memory: &Folded) -> Result<Vec<Sign>, Fault> {
    let mut signs = Vec::new();
    for (want, _) in objects::<DbInstance>(memory) {
        let Some(it) = DbInstances(aws.clone()).get(&want.identifier).await? else {
            let gone = format!("the database {} is gone", want.identifier);
            signs.push(
                Sign::new(LayerName::Database, "database", Level::Fail, gone)
                    .hint("restore its last snapshot, or run `deploy` for an empty one"),
            );
            continue;
        };
        signs.push(told(&it));
        // When it ends is worth a line, and no reason to hold back what is known of today.
        let asked = version(aws, it.engine_version().unwrap_or_default()).await;
        signs.extend(asked.unwrap_or_else(|fault| vec![unasked(&fault)]));
    }
    Ok(signs)
}

fn told(it: &Live) -> Sign {
    let status = it.db_instance_status().unwrap_or("unknown");
    let level = match status {
        "available" => Level::Ok,
        working if WORKING.contains(&working) => Level::Warn,
        _ => Level::Fail,
    };
    let (version, class) = (it.engine_version().unwrap_or_default(), it.db_instance_class().unwrap_or_default());
    let text = format!("PostgreSQL {version} on {class} is {status}");
    Sign::new(LayerName::Database, "database", level, text).fact("status", status).fact("version", version).fact("class", class)
}

fn unasked(fault: &Fault) -> Sign {
    let text = format!("how long RDS supports this version cannot be asked: {}: {fault}", fault.call);
    let hint = "allow `rds:DescribeDBMajorEngineVersions` and `rds:DescribeDBEngineVersions`";
    Sign::new(LayerName::Database, "version", Level::Warn, text).hint(hint)
}

/// When RDS ends its standard support of the major, and whether it still offers the minor.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBMajorEngineVersions.html>
async fn version(aws: &Aws, version: &str) -> Result<Vec<Sign>, Fault> {
    let call = aws.rds.describe_db_major_engine_versions().engine("postgres").major_engine_version(major(version)).send().await;
    let majors = call.or_fault("rds:DescribeDBMajorEngineVersions")?.db_major_engine_versions.unwrap_or_default();
    let lifecycles = majors.iter().flat_map(|it| it.supported_engine_lifecycles());
    let standard = lifecycles.filter(|it| it.lifecycle_support_name() == Some(&LifecycleSupportName::OpenSourceRdsStandardSupport));
    let end = standard.filter_map(|it| it.lifecycle_support_end_date()).map(|end| end.as_secs_f64()).reduce(f64::max);
    let what = format!("RDS's standard support of PostgreSQL {}", major(version));
    let mut signs: Vec<Sign> = end.and_then(|end| ends(LayerName::Database, "version", &what, end, now())).into_iter().collect();
    let call = aws.rds.describe_db_engine_versions().engine("postgres").engine_version(version).send().await;
    if call.or_fault("rds:DescribeDBEngineVersions")?.db_engine_versions().is_empty() {
        let text = format!("RDS does not offer PostgreSQL {version} any more: it will be upgraded in a maintenance window");
        signs.push(
            Sign::new(LayerName::Database, "version", Level::Warn, text)
                .hint("set `database.engine_version` to the major to take the newest minor"),
        );
    }
    Ok(signs)
}
