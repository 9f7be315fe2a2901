//! Saved queries of Logs Insights.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html>

use crate::kinds::SavedQueries;
use aws::{Aws, FaultExt};
use aws_sdk_cloudwatchlogs::types::{QueryDefinition, QueryStatus};
use contract::Names;
use engine::log::Queried;
use engine::{Address, Class, Fault, LayerName, Poll, Sink};
use std::time::Duration;

/// AWS ends a query after an hour.
const WITHIN: Duration = Duration::from_secs(3600);
/// AWS's own field, by which a line can be read again; it says nothing to people.
const POINTER: &str = "@ptr";

/// A query that runs.
#[derive(Debug)]
pub struct Running<'a> {
    aws: &'a Aws,
    id: String,
    query: String,
}

/// The environment's saved queries; their names without the environment's folder.
async fn saved(aws: &Aws, names: &Names) -> Result<Vec<(String, QueryDefinition)>, Fault> {
    let folder = format!("{}/", names.prefix());
    let named = |it: QueryDefinition| Some((it.name()?.strip_prefix(&folder)?.to_owned(), it));
    Ok(SavedQueries(aws.clone()).all(&folder).await?.into_iter().filter_map(named).collect())
}

/// Starts the saved query `name` over what was written from `from` to `to`, in seconds since 1970.
///
/// # Errors
/// [`Class::NotFound`] with the names that are there; the fault of `logs:StartQuery`.
pub async fn start<'a>(aws: &'a Aws, names: &Names, name: &str, (from, to): (i64, i64)) -> Result<Running<'a>, Fault> {
    let all = saved(aws, names).await?;
    let Some((_, definition)) = all.iter().find(|(known, _)| known == name) else {
        let known = all.iter().map(|(known, _)| known.as_str()).collect::<Vec<_>>().join(", ");
        let hint = if known.is_empty() { "run `deploy` first: it saves them".to_owned() } else { format!("there are: {known}") };
        return Err(Fault::new(Class::NotFound, format!("there is no saved query `{name}`")).hint(hint));
    };
    let query = definition.query_string().unwrap_or_default().to_owned();
    let call = aws.logs.start_query().set_log_group_names(definition.log_group_names.clone());
    let answer = call.query_string(&query).start_time(from).end_time(to).send().await.or_fault("logs:StartQuery")?;
    Ok(Running { aws, id: answer.query_id.unwrap_or_default(), query })
}

impl Running<'_> {
    /// Waits for its rows.
    ///
    /// # Errors
    /// [`Class::Unavailable`] when it does not complete; the fault of `logs:GetQueryResults`.
    pub async fn found(&self) -> Result<Queried, Fault> {
        let ticks = Sink::none().ticks(&Address::new(LayerName::Observability, "query"));
        let look = || async {
            let answer = self.aws.logs.get_query_results().query_id(&self.id).send().await.or_fault("logs:GetQueryResults")?;
            match answer.status() {
                Some(QueryStatus::Complete) => {}
                Some(QueryStatus::Running | QueryStatus::Scheduled) => return Ok(Poll::Waiting("the query".to_owned())),
                status => {
                    let status = status.map_or("unknown", QueryStatus::as_str);
                    return Err(Fault::new(Class::Unavailable, format!("the query ended as {status}")).call("logs:GetQueryResults"));
                }
            }
            let statistics = answer.statistics().map(|it| (it.records_matched(), it.records_scanned())).unwrap_or_default();
            let rows = answer.results.unwrap_or_default().into_iter().map(|row| {
                let fields = row.into_iter().filter_map(|it| Some((it.field?, it.value.unwrap_or_default())));
                fields.filter(|(field, _)| field != POINTER).collect()
            });
            Ok(Poll::Ready(Queried { query: self.query.clone(), rows: rows.collect(), matched: statistics.0, scanned: statistics.1 }))
        };
        self.aws.until(WITHIN).poll(&ticks, look).await
    }

    /// Stops it: one that nobody waits for still costs what it reads.
    ///
    /// # Errors
    /// The fault of `logs:StopQuery`; one that has ended is stopped.
    pub async fn stop(&self) -> Result<(), Fault> {
        match self.aws.logs.stop_query().query_id(&self.id).send().await.or_fault("logs:StopQuery") {
            Err(fault) if fault.code == "InvalidParameterException" => Ok(()),
            other => other.map(drop),
        }
    }
}
