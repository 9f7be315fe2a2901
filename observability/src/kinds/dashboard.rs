//! A dashboard. It has no tags; the text of its first widget says whose it is.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html>

use aws::named::{Calls, each, untagged};
use aws::{Aws, FaultExt};
use engine::{Address, Ask, Fault, Found, Identity, IdentityBy, Kind, Replace, Resource, Seen};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the dashboard should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dashboard {
    /// Its name, unique in the account.
    pub name: String,
    /// What it shows.
    pub body: Value,
}

impl Dashboard {
    fn mark(body: &Value) -> &Value {
        &body["widgets"][0]["properties"]["markdown"]
    }
}

impl Resource for Dashboard {
    const KIND: Kind = "dashboard";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const REPLACE: Replace = Replace::DeleteFirst;
    type Output = ();

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Name(self.name.clone())
    }

    fn placeholder(&self, _: &Address) {}
}

/// Works on dashboards.
#[derive(Clone, Debug)]
pub(super) struct Dashboards(pub Aws);

impl Calls<Dashboard> for Dashboards {
    async fn look(&self, asks: &[Ask<Dashboard>]) -> Result<Found<Dashboard>, Fault> {
        each(asks, |ask| async move {
            let call = self.0.alarms.get_dashboard().dashboard_name(&ask.want.name);
            let Some(answer) = call.send().await.or_gone("cloudwatch:GetDashboard")? else { return Ok(None) };
            let body: Value = serde_json::from_str(answer.dashboard_body().unwrap_or("null")).unwrap_or_default();
            let ours = ask.last.is_some() || Dashboard::mark(&body) == Dashboard::mark(&ask.want.body);
            Ok(Some(untagged(Dashboard { name: ask.want.name.clone(), body }, (), ours)))
        })
        .await
    }

    async fn create(&self, _: &Identity, want: &Dashboard) -> Result<Option<()>, Fault> {
        let call = self.0.alarms.put_dashboard().dashboard_name(&want.name).dashboard_body(want.body.to_string());
        call.send().await.or_fault("cloudwatch:PutDashboard").map(|_| Some(()))
    }

    async fn change(&self, who: &Identity, want: &Dashboard, seen: &Seen<Dashboard>) -> Result<(), Fault> {
        if seen.live.body == want.body { Ok(()) } else { self.create(who, want).await.map(|_| ()) }
    }

    async fn remove(&self, spec: &Dashboard, (): &()) -> Result<(), Fault> {
        self.0.alarms.delete_dashboards().dashboard_names(&spec.name).send().await.or_gone("cloudwatch:DeleteDashboards").map(|_| ())
    }
}
