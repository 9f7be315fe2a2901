//! Which alarms ring.

use aws::{Aws, FaultExt};
use aws_sdk_cloudwatch::types::StateValue;
use contract::Names;
use engine::{Fault, LayerName, Level, Sign};

/// A line for each of the stack's alarms that rings, or one for all of them.
pub(crate) async fn health(aws: &Aws, names: &Names) -> Result<Vec<Sign>, Fault> {
    let mut pages = aws.alarms.describe_alarms().alarm_name_prefix(format!("{}-", names.prefix())).into_paginator().send();
    let (mut all, mut ringing) = (0_usize, Vec::new());
    while let Some(page) = pages.next().await {
        for alarm in page.or_fault("cloudwatch:DescribeAlarms")?.metric_alarms() {
            all += 1;
            if alarm.state_value() == Some(&StateValue::Alarm) {
                let (name, reason) = (alarm.alarm_name().unwrap_or_default(), alarm.state_reason().unwrap_or_default());
                ringing
                    .push(Sign::new(LayerName::Observability, "alarm", Level::Fail, format!("{name} rings: {reason}")).fact("alarm", name));
            }
        }
    }
    if ringing.is_empty() {
        ringing.push(Sign::new(LayerName::Observability, "alarms", Level::Ok, format!("none of {all} alarms rings")).fact("alarms", all));
    }
    Ok(ringing)
}
