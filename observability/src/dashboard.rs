//! The dashboard: the way in, the application and the database on one page.

use contract::Names;
use serde_json::{Value, json};

/// A graph of metrics; each is namespace, metric, dimensions as CloudWatch's search takes them, and statistic.
fn graph(title: &str, place: (u32, u32), region: &str, statistic: &str, metrics: &[Value]) -> Value {
    json!({
        "type": "metric", "x": place.0, "y": place.1, "width": 8, "height": 6,
        "properties": {"title": title, "region": region, "view": "timeSeries", "stat": statistic, "period": 60, "metrics": metrics},
    })
}

/// The dashboard's body. Its first widget carries the mark by which it is known as ours: dashboards have no tags.
pub fn body(names: &Names, region: &str) -> Value {
    let (cluster, service, database) = (names.cluster(), names.service(), names.database());
    let ecs = |metric: &str| json!(["AWS/ECS", metric, "ClusterName", cluster, "ServiceName", service]);
    let rds = |metric: &str| json!(["AWS/RDS", metric, "DBInstanceIdentifier", database]);
    let edge = |metric: &str| json!([{"expression": format!("SEARCH('{{AWS/ApplicationELB,LoadBalancer}} {metric} {}', 'Sum', 60)", names.prefix())}]);
    let tasks = |metric: &str| json!(["ECS/ContainerInsights", metric, "ClusterName", cluster, "ServiceName", service]);
    json!({
        "widgets": [
            {"type": "text", "x": 0, "y": 0, "width": 24, "height": 1, "properties": {"markdown": mark(names)}},
            graph("Requests", (0, 1), region, "Sum", &[edge("RequestCount")]),
            graph("Errors 5xx", (8, 1), region, "Sum", &[edge("HTTPCode_Target_5XX_Count")]),
            graph("Tasks", (16, 1), region, "Average", &[tasks("RunningTaskCount"), tasks("DesiredTaskCount")]),
            graph("Application: CPU and memory", (0, 7), region, "Average", &[ecs("CPUUtilization"), ecs("MemoryUtilization")]),
            graph("Database: CPU", (8, 7), region, "Average", &[rds("CPUUtilization")]),
            graph("Database: connections", (16, 7), region, "Average", &[rds("DatabaseConnections")]),
        ],
    })
}

/// What marks the dashboard as the one of this stack and environment.
pub fn mark(names: &Names) -> String {
    format!("**{}** · kept by orchestrator", names.prefix())
}
