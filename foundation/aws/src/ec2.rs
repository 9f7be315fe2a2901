//! What every EC2 kind needs: tags on create, search by tags, tags in place.

use crate::{Aws, FaultExt};
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use engine::resource::tag;
use engine::{Address, Ask, Fault, Identity, Lead, Resource, Scope};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

/// Tags of an object.
pub type Tags = BTreeMap<String, String>;

/// One object that a Describe call returned.
#[derive(Clone, Debug)]
pub struct Item<T> {
    /// Its id.
    pub id: String,
    /// Its tags.
    pub tags: Tags,
    /// The object.
    pub it: T,
}

impl<T> Item<T> {
    /// An item with the SDK's tags.
    pub fn new(id: Option<&str>, tags: &[Tag], it: T) -> Item<T> {
        Item { id: id.unwrap_or_default().to_owned(), tags: tags_of(tags), it }
    }
}

/// The SDK's tags as a map.
pub fn tags_of(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect()
}

/// A filter with these values.
pub fn filter(name: &str, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().collect())).build()
}

/// The tags of a create call.
pub fn tag_specification(what: ResourceType, who: &Identity) -> TagSpecification {
    let tags = who.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    TagSpecification::builder().resource_type(what).set_tags(Some(tags)).build()
}

/// Finds the object of each question: by the identity tags, and by the remembered id for one whose tags were taken away.
///
/// # Errors
/// The fault of a read.
pub async fn find<R, T, F, Fut>(
    asks: &[Ask<R>],
    id_filter: &str,
    id_of: fn(&R::Output) -> &str,
    fetch: F,
) -> Result<BTreeMap<Address, Item<T>>, Fault>
where
    R: Resource,
    T: Clone,
    F: Fn(Vec<Filter>) -> Fut + Send,
    Fut: Future<Output = Result<Vec<Item<T>>, Fault>> + Send,
{
    if asks.is_empty() {
        return Ok(BTreeMap::new());
    }
    // Several environments may ask at once; what only some of them could own is sorted out below.
    let of = |key: &str| asks.iter().filter_map(|ask| ask.who.tags.get(key).cloned()).collect::<BTreeSet<String>>();
    let scope = [tag::STACK, tag::ENV].map(|key| filter(&format!("tag:{key}"), of(key)));
    let items = fetch(scope.to_vec()).await?;
    let mut found = BTreeMap::new();
    let mut lost = Vec::new();
    for ask in asks {
        match (items.iter().find(|item| ask.who.is_exactly(&item.tags)), &ask.last) {
            (Some(item), _) => {
                found.insert(ask.who.address.clone(), item.clone());
            }
            (None, Some(last)) => lost.push((ask, id_of(last).to_owned())),
            (None, None) => {}
        }
    }
    if !lost.is_empty() {
        let items = fetch(vec![filter(id_filter, lost.iter().map(|(_, id)| id.clone()))]).await?;
        for (ask, id) in lost {
            found.extend(items.iter().find(|item| item.id == id).map(|item| (ask.who.address.clone(), item.clone())));
        }
    }
    Ok(found)
}

/// Leads to every object that carries the tags of this stack and environment.
///
/// # Errors
/// The fault of a read.
pub async fn leads<R, T, F, Fut>(scope: &Scope, fetch: F) -> Result<Option<Vec<Lead<R>>>, Fault>
where
    R: Resource<Output: From<String>> + Default,
    F: Fn(Vec<Filter>) -> Fut + Send,
    Fut: Future<Output = Result<Vec<Item<T>>, Fault>> + Send,
{
    let items = fetch(in_scope(scope)).await?.into_iter();
    Ok(Some(items.map(|item| Lead { want: R::default(), last: Some(item.id.into()) }).collect()))
}

/// The filters for everything of a stack and environment.
pub fn in_scope(scope: &Scope) -> Vec<Filter> {
    [(tag::STACK, &scope.stack), (tag::ENV, &scope.env)].map(|(key, value)| filter(&format!("tag:{key}"), [value.clone()])).to_vec()
}

/// Brings the tags of `id` to those of `who`, where `seen` are the ones that it has.
///
/// # Errors
/// The fault of a call; none is made when nothing differs.
pub async fn sync_tags(aws: &Aws, id: &str, who: &Identity, seen: Option<&Tags>) -> Result<(), Fault> {
    let Some(seen) = seen else { return Ok(()) };
    let make = |key: &String, value: &String| Tag::builder().key(key).value(value).build();
    let set: Vec<Tag> =
        who.tags.iter().filter(|(key, value)| seen.get(*key) != Some(*value)).map(|(key, value)| make(key, value)).collect();
    if !set.is_empty() {
        aws.ec2.create_tags().resources(id).set_tags(Some(set)).send().await.or_fault("ec2:CreateTags")?;
    }
    let stale = seen.keys().filter(|key| !who.tags.contains_key(*key) && !key.starts_with("aws:"));
    let stale: Vec<Tag> = stale.map(|key| Tag::builder().key(key).build()).collect();
    if !stale.is_empty() {
        aws.ec2.delete_tags().resources(id).set_tags(Some(stale)).send().await.or_fault("ec2:DeleteTags")?;
    }
    Ok(())
}

/// Makes an object once in this run: one that was made for `token` is not looked for, because AWS may not show it yet; otherwise looks
/// for it, unless that was just done, then creates it. What becomes of a lost answer is the engine's: it looks until the object must be visible and asks again.
///
/// # Errors
/// The fault of the look or of the create.
pub async fn once<T, L, Fut>(
    aws: &Aws,
    token: &str,
    absent: bool,
    look: L,
    create: impl Future<Output = Result<Option<String>, Fault>>,
) -> Result<T, Fault>
where
    T: From<String>,
    L: Fn() -> Fut,
    Fut: Future<Output = Result<Option<T>, Fault>>,
{
    if let Some(id) = aws.remembered(token) {
        return Ok(id.into());
    }
    if !absent && let Some(there) = look().await? {
        return Ok(there);
    }
    let id = create.await?.unwrap_or_default();
    aws.remember(token, &id);
    Ok(id.into())
}

/// Deletes as soon as nothing uses the object any more: AWS frees what a deleted neighbour held only after a while.
///
/// # Errors
/// The fault of the delete; [`engine::Class::Timeout`] when the object is still in use after `budget`.
pub async fn when_free<F, Fut>(aws: &Aws, budget: std::time::Duration, ticks: &engine::Ticks, delete: F) -> Result<(), Fault>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<(), Fault>>,
{
    let look = || async {
        match delete().await {
            Ok(()) => Ok(engine::Poll::Ready(())),
            Err(fault) if fault.class == engine::Class::Busy => {
                Ok(engine::Poll::Refused(format!("still in use: {}", fault.message), fault))
            }
            Err(fault) => Err(fault),
        }
    };
    aws.until(budget).poll(ticks, look).await
}
