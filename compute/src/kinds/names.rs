//! The names of clusters and of the services in them.

use aws::{Aws, FaultExt};
use engine::{Fault, Scope};

fn last(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or_default().to_owned()
}

/// The clusters that may be this stack's and environment's.
pub(super) async fn clusters(aws: &Aws, scope: &Scope) -> Result<Vec<String>, Fault> {
    let mut pages = aws.ecs.list_clusters().into_paginator().items().send();
    let mut names = Vec::new();
    while let Some(arn) = pages.next().await {
        names.extend(Some(last(&arn.or_fault("ecs:ListClusters")?)).filter(|name| scope.may_name(name)));
    }
    Ok(names)
}

/// The services in these clusters, with the name of the cluster. A cluster that goes away meanwhile has none.
pub(super) async fn services(aws: &Aws, scope: &Scope) -> Result<Vec<(String, String)>, Fault> {
    let mut names = Vec::new();
    for cluster in clusters(aws, scope).await? {
        let mut pages = aws.ecs.list_services().cluster(&cluster).into_paginator().items().send();
        while let Some(arn) = pages.next().await {
            let Some(arn) = arn.or_gone("ecs:ListServices")? else { break };
            names.push((cluster.clone(), last(&arn)));
        }
    }
    Ok(names)
}
