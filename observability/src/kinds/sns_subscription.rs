//! Somebody who is told by a topic. An e-mail address confirms by itself; until then AWS neither tells it nor lets it be removed.
//! <https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html>

use aws::named::{Calls, each, untagged};
use aws::{Aws, FaultExt};
use contract::{SubscriptionArn, TopicArn};
use engine::{Address, Ask, Fault, Found, Identity, IdentityBy, Kind, Replace, Resource, Seen};
use serde::{Deserialize, Serialize};

/// What the subscription should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SnsSubscription {
    /// The topic.
    pub topic: TopicArn,
    /// `email`.
    pub protocol: String,
    /// Who.
    pub endpoint: String,
}

impl Resource for SnsSubscription {
    const KIND: Kind = "sns_subscription";
    const REPLACE_ON: &'static [&'static str] = &["topic", "protocol", "endpoint"];
    const REPLACE: Replace = Replace::DeleteFirst;
    type Output = ();

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Natural(format!("{}/{}:{}", self.topic, self.protocol, self.endpoint))
    }

    fn placeholder(&self, _: &Address) {}
}

/// Works on subscriptions.
#[derive(Clone, Debug)]
pub(super) struct SnsSubscriptions(pub Aws);

impl SnsSubscriptions {
    async fn arn(&self, want: &SnsSubscription) -> Result<Option<SubscriptionArn>, Fault> {
        let mut token = None;
        loop {
            let call = self.0.sns.list_subscriptions_by_topic().topic_arn(want.topic.as_str()).set_next_token(token);
            let Some(page) = call.send().await.or_gone("sns:ListSubscriptionsByTopic")? else { return Ok(None) };
            let same =
                |it: &&aws_sdk_sns::types::Subscription| it.protocol() == Some(&want.protocol) && it.endpoint() == Some(&want.endpoint);
            if let Some(it) = page.subscriptions().iter().find(same) {
                return Ok(Some(SubscriptionArn(it.subscription_arn().unwrap_or_default().to_owned())));
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(None);
            }
        }
    }
}

impl Calls<SnsSubscription> for SnsSubscriptions {
    async fn look(&self, asks: &[Ask<SnsSubscription>]) -> Result<Found<SnsSubscription>, Fault> {
        // Who is told by our topic is ours to say.
        each(asks, |ask| async move { Ok(self.arn(&ask.want).await?.map(|_| untagged(ask.want.clone(), (), true))) }).await
    }

    async fn create(&self, _: &Identity, want: &SnsSubscription) -> Result<Option<()>, Fault> {
        let call = self.0.sns.subscribe().topic_arn(want.topic.as_str()).protocol(&want.protocol).endpoint(&want.endpoint);
        call.send().await.or_fault("sns:Subscribe").map(|_| Some(()))
    }

    async fn change(&self, _: &Identity, _: &SnsSubscription, _: &Seen<SnsSubscription>) -> Result<(), Fault> {
        Ok(())
    }

    async fn remove(&self, spec: &SnsSubscription, (): &()) -> Result<(), Fault> {
        let Some(arn) = self.arn(spec).await?.filter(|arn| arn.0.starts_with("arn:")) else {
            // Not confirmed yet: AWS forgets it after three days, or with its topic.
            return Ok(());
        };
        match self.0.sns.unsubscribe().subscription_arn(arn.as_str()).send().await.or_gone("sns:Unsubscribe") {
            Err(fault) if fault.message.contains("pending confirmation") => Ok(()),
            other => other.map(|_| ()),
        }
    }
}
