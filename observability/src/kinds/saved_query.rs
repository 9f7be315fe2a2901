//! A saved Logs Insights query. Names are not unique in AWS; ours begin with `stack-env/` and exist once.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html>

use aws::named::{Calls, untagged};
use aws::{Aws, FaultExt};
use aws_sdk_cloudwatchlogs::types::QueryDefinition;
use contract::{LogGroupName, QueryId};
use engine::{Address, Ask, Fault, Found, Identity, IdentityBy, Kind, Replace, Resource, Seen};
use serde::{Deserialize, Serialize};

/// What the query should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedQuery {
    /// Its name; AWS shows a `/` as a folder.
    pub name: String,
    /// The query.
    pub query: String,
    /// The log groups that it reads.
    pub log_groups: Vec<LogGroupName>,
}

impl Resource for SavedQuery {
    const KIND: Kind = "saved_query";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const REPLACE: Replace = Replace::DeleteFirst;
    const SETS: &'static [&'static str] = &["log_groups"];
    type Output = QueryId;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Natural(self.name.clone())
    }

    fn placeholder(&self, at: &Address) -> QueryId {
        QueryId::unknown(at)
    }
}

/// The token in the form that this operation alone insists on: 36 characters, a UUID's.
fn client_token(token: &str) -> String {
    let parts: Vec<&str> = [(0, 8), (8, 12), (12, 16), (16, 20)].iter().filter_map(|(from, to)| token.get(*from..*to)).collect();
    format!("{}-{:0<12}", parts.join("-"), token.get(20..).unwrap_or_default())
}

/// What both begin with: of the queries of one environment at least their folder, of several what these share.
fn common<'a>(one: &'a str, other: &str) -> &'a str {
    let apart = one.char_indices().zip(other.chars()).find(|((_, a), b)| a != b);
    one.get(..apart.map_or(one.len().min(other.len()), |((at, _), _)| at)).unwrap_or(one)
}

/// Works on saved queries.
#[derive(Clone, Debug)]
pub(crate) struct SavedQueries(pub Aws);

impl SavedQueries {
    /// All queries whose name begins with this; with nothing, all.
    pub(crate) async fn all(&self, prefix: &str) -> Result<Vec<QueryDefinition>, Fault> {
        let (mut all, mut token) = (Vec::new(), None);
        loop {
            let prefix = Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty());
            let call = self.0.logs.describe_query_definitions().set_query_definition_name_prefix(prefix).set_next_token(token);
            let page = call.send().await.or_fault("logs:DescribeQueryDefinitions")?;
            all.extend(page.query_definitions.unwrap_or_default());
            token = page.next_token;
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    async fn put(&self, who: &Identity, want: &SavedQuery, id: Option<&QueryId>) -> Result<Option<String>, Fault> {
        let groups = want.log_groups.iter().map(|group| group.0.clone()).collect();
        let call = self.0.logs.put_query_definition().name(&want.name).query_string(&want.query).set_log_group_names(Some(groups));
        let call = match id {
            Some(id) => call.query_definition_id(id.as_str()),
            None => call.client_token(client_token(&who.token)),
        };
        call.send().await.or_fault("logs:PutQueryDefinition").map(|put| put.query_definition_id)
    }
}

impl Calls<SavedQuery> for SavedQueries {
    async fn look(&self, asks: &[Ask<SavedQuery>]) -> Result<Found<SavedQuery>, Fault> {
        let Some(prefix) = asks.iter().map(|ask| ask.want.name.as_str()).reduce(common) else { return Ok(Found::new()) };
        let all = self.all(prefix).await?;
        let mut found = Found::new();
        for ask in asks {
            let Some(it) = all.iter().find(|it| it.name() == Some(ask.want.name.as_str())) else { continue };
            let live = SavedQuery {
                name: ask.want.name.clone(),
                query: it.query_string().unwrap_or_default().to_owned(),
                log_groups: it.log_group_names().iter().map(|group| LogGroupName(group.clone())).collect(),
            };
            let output = QueryId(it.query_definition_id().unwrap_or_default().to_owned());
            // The folder is the stack's and environment's own.
            found.insert(ask.who.address.clone(), untagged(live, output, true));
        }
        Ok(found)
    }

    async fn create(&self, who: &Identity, want: &SavedQuery) -> Result<Option<QueryId>, Fault> {
        self.put(who, want, None).await.map(|id| id.map(QueryId))
    }

    async fn change(&self, who: &Identity, want: &SavedQuery, seen: &Seen<SavedQuery>) -> Result<(), Fault> {
        let same = seen.live.query == want.query && seen.live.log_groups == want.log_groups;
        if same { Ok(()) } else { self.put(who, want, Some(&seen.output)).await.map(|_| ()) }
    }

    async fn remove(&self, _: &SavedQuery, id: &QueryId) -> Result<(), Fault> {
        self.0
            .logs
            .delete_query_definition()
            .query_definition_id(id.as_str())
            .send()
            .await
            .or_gone("logs:DeleteQueryDefinition")
            .map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn queries_of_several_environments_are_listed_by_what_they_share() {
        use super::common;
        assert_eq!(common("shop-prod/errors", "shop-prod/latency"), "shop-prod/");
        assert_eq!(common("shop-prod/errors", "shop-dev/errors"), "shop-");
        assert_eq!((common("a", "b"), common("ä/x", "ä/x")), ("", "ä/x"));
    }

    #[test]
    fn a_token_has_the_form_that_aws_insists_on() {
        assert_eq!(super::client_token("f34e69d1c1b1a2e7b5487d4bd89aded7"), "f34e69d1-c1b1-a2e7-b548-7d4bd89aded7");
    }
}
