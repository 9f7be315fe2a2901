//! Tags of objects of all services by one call, where each service gives only those of one object: for the time of a pass.
//! <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>

use crate::FaultExt;
use crate::named::Tags;
use aws_sdk_resourcegroupstagging::Client;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use engine::pass::Shared;
use engine::resource::tag;
use engine::{Fault, Identity, Scope};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared as Flight};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// The services of which one call gives the tags of one object only.
const TYPES: &[&str] =
    &["acm:certificate", "cloudwatch:alarm", "elasticloadbalancing", "kms:key", "logs:log-group", "rds", "sns", "ssm:parameter"];
/// AWS takes so many values in a filter.
const VALUES: usize = 20;
/// The most objects in a page.
const PAGE: i32 = 100;

/// Tags by ARN; none where AWS would not tell.
type Told = Option<Arc<BTreeMap<String, Tags>>>;

/// A stack and an environment.
type Place = (String, String);

/// A pass that is under way, and what was told in it, once somebody asked.
struct Open {
    place: Place,
    told: Option<Flight<BoxFuture<'static, Told>>>,
}

/// Asks for the tags of everything of an environment when they are first needed in a pass over it, and forgets them when it is over. The answer may be some
/// seconds old, so only tags that are as they should be are believed: whatever else was told is asked of the object's own service.
#[derive(Clone)]
pub struct Tagging {
    client: Client,
    open: Arc<Mutex<Vec<Open>>>,
}

impl std::fmt::Debug for Tagging {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("Tagging")
    }
}

fn place(scope: &Scope) -> Place {
    (scope.stack.clone(), scope.env.clone())
}

/// A filter by one tag, unless there are too many values: then more is told than was asked for.
fn filter<'a>(key: &str, values: impl Iterator<Item = &'a String>) -> Option<TagFilter> {
    let values: BTreeSet<String> = values.cloned().collect();
    (values.len() <= VALUES).then(|| TagFilter::builder().key(key).set_values(Some(values.into_iter().collect())).build())
}

async fn ask(client: Client, places: BTreeSet<Place>) -> Result<BTreeMap<String, Tags>, Fault> {
    let stacks = filter(tag::STACK, places.iter().map(|(stack, _)| stack));
    let filters = stacks.into_iter().chain(filter(tag::ENV, places.iter().map(|(_, env)| env))).collect();
    let types = TYPES.iter().map(|it| (*it).to_owned()).collect();
    let call = client.get_resources().set_tag_filters(Some(filters)).set_resource_type_filters(Some(types)).resources_per_page(PAGE);
    let mut pages = call.into_paginator().items().send();
    let mut told = BTreeMap::new();
    while let Some(it) = pages.next().await {
        let it = it.or_fault("tag:GetResources")?;
        let tags = it.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
        told.extend(it.resource_arn.map(|arn| (arn, tags)));
    }
    Ok(told)
}

impl Tagging {
    pub(crate) fn new(client: Client) -> Tagging {
        Tagging { client, open: Arc::default() }
    }

    /// The tags of the object with this ARN, by the pass that is under way if they are those of `who`, and otherwise by `own`.
    ///
    /// # Errors
    /// Those of `own`.
    pub async fn or_own(
        &self,
        who: &Identity,
        arn: &str,
        own: impl Future<Output = Result<Option<Tags>, Fault>>,
    ) -> Result<Option<Tags>, Fault> {
        let told = self.told(who).await;
        let tags =
            told.as_ref().and_then(|told| told.get(arn)).filter(|tags| who.tags.iter().all(|(key, value)| tags.get(key) == Some(value)));
        match tags {
            Some(tags) => Ok(Some(tags.clone())),
            None => own.await,
        }
    }

    async fn told(&self, who: &Identity) -> Told {
        let place = (who.tags.get(tag::STACK)?.clone(), who.tags.get(tag::ENV)?.clone());
        self.flight(&place)?.await
    }

    /// What is told of a place. Whoever asks first asks for every pass that nobody has asked for yet.
    fn flight(&self, place: &Place) -> Option<Flight<BoxFuture<'static, Told>>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = open.iter().find(|it| it.place == *place)?;
        if let Some(told) = &mine.told {
            return Some(told.clone());
        }
        let unasked = |it: &&mut Open| it.told.is_none();
        let places = open.iter().filter(|it| it.told.is_none()).map(|it| it.place.clone()).collect();
        // Whoever may not ask this asks each service.
        let told = ask(self.client.clone(), places).map(|told| told.ok().map(Arc::new)).boxed().shared();
        open.iter_mut().filter(unasked).for_each(|it| it.told = Some(told.clone()));
        Some(told)
    }
}

impl Shared for Tagging {
    fn begin(&self, scope: &Scope) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push(Open { place: place(scope), told: None });
    }

    fn end(&self, scope: &Scope) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().position(|it| it.place == place(scope)) {
            open.remove(at);
        }
    }
}
