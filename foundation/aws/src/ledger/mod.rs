//! The ledger that teams share: numbered objects in a bucket. The sequence is the law, the lock is a courtesy.
//!
//! `<prefix>/<env>/<layer>/entries/00000123.json` holds some entries and the digest of the object before it, put so that it can be
//! there only once; `snapshots/` holds what the objects amount to, so that few are read; `lock.json` names the holder.

mod body;
pub mod init;
mod journal;
mod load;
mod lock;
mod objects;
mod rescue;
mod snapshot;

use crate::Aws;
use body::{Chapter, seal};
use engine::ledger::{Folded, Holder, LEDGER_VERSION, LedgerError, Opened, Store, TRUST};
use engine::{Class, Fault, LayerName};
use futures::future::BoxFuture;
use journal::Journal;
use objects::{Objects, Put};
use rescue::Rescue;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How many entries may follow a snapshot before the next one is made.
const SNAPSHOT_EVERY: usize = 100;
/// How many objects stay behind a snapshot, for people.
const HISTORY: u64 = 50;
/// How often a fence is tried again when others write at the same time.
const FENCES: usize = 20;
/// How much longer than a run trusts its lock an unlock waits.
const MARGIN: Duration = Duration::from_millis(200);

/// Where shared ledgers are: `s3://bucket/prefix`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The bucket.
    pub bucket: String,
    /// What every key begins with; may be empty.
    pub prefix: String,
}

impl Place {
    /// Reads `s3://bucket/prefix`.
    ///
    /// # Errors
    /// A sentence about what is wrong.
    pub fn parse(text: &str) -> Result<Place, String> {
        let rest = text.strip_prefix("s3://").ok_or_else(|| format!("`{text}` is not a place for a ledger: write s3://bucket/prefix"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let fits = (3..=63).contains(&bucket.len()) && bucket.chars().all(plain) && bucket.starts_with(ends) && bucket.ends_with(ends);
        if !fits {
            return Err(format!("`{bucket}` cannot be a bucket: 3 to 63 lower-case letters, digits, hyphens and dots"));
        }
        let prefix = prefix.trim_matches('/');
        let path = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if !prefix.chars().all(path) || prefix.split('/').any(|part| part == "." || part == "..") || prefix.contains("//") {
            return Err(format!("`{prefix}` cannot be a prefix: letters, digits, `-`, `_`, `.` and single slashes"));
        }
        Ok(Place { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "s3://{}{slash}{}", self.bucket, self.prefix)
    }
}

/// What a shared store is made from.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Where it is.
    pub place: Place,
    /// The stack whose ledgers these are.
    pub stack: String,
    /// The environment.
    pub env: String,
    /// The KMS key that encrypts the objects: id, ARN, alias, or `alias/aws/s3`; the bucket decides when there is none.
    pub kms_key: Option<String>,
    /// The local directory for what cannot be written.
    pub rescue: PathBuf,
    /// Whether a holder's process has certainly ended: a lock outlives it.
    pub gone: fn(&Holder) -> bool,
}

/// The ledgers of an environment in a bucket.
#[derive(Clone, Debug)]
pub struct S3Store {
    shared: Arc<Shared>,
    objects: Objects,
}

impl S3Store {
    /// The ledgers there. Nothing is called before one of them is used.
    pub fn new(aws: &Aws, shared: Shared) -> S3Store {
        let objects = Objects::new(aws, &shared.place.bucket, shared.kms_key.clone(), &shared.env);
        S3Store { shared: Arc::new(shared), objects }
    }

    fn shelf(&self, layer: LayerName) -> Shelf {
        Shelf { shared: self.shared.clone(), objects: self.objects.clone(), layer }
    }
}

/// The objects of one layer.
#[derive(Clone, Debug)]
struct Shelf {
    shared: Arc<Shared>,
    objects: Objects,
    layer: LayerName,
}

fn remote(place: &str, verb: &'static str, fault: Fault) -> LedgerError {
    LedgerError::Remote { place: place.to_owned(), verb, fault: Box::new(fault), rescue: None }
}

/// A document of ours that cannot be written as JSON.
fn unsealed(error: &serde_json::Error) -> Fault {
    Fault::new(Class::Bug, error.to_string())
}

/// Whether it may be better in a moment, or may have been done although it failed.
fn may_pass(fault: &Fault) -> bool {
    matches!(fault.class, Class::Throttled | Class::InDoubt | Class::Busy | Class::Timeout | Class::Unavailable) && !fault.is_expired()
}

impl Shelf {
    /// What its keys begin with, with the slash.
    fn under(&self) -> String {
        let Shared { place, env, .. } = &*self.shared;
        let prefix = if place.prefix.is_empty() { String::new() } else { format!("{}/", place.prefix) };
        format!("{prefix}{env}/{}/", self.layer)
    }

    /// `stack/env/layer`.
    fn of(&self) -> String {
        format!("{}/{}/{}", self.shared.stack, self.shared.env, self.layer)
    }

    /// Where it is, for people.
    fn place(&self) -> String {
        self.objects.name(self.under().trim_end_matches('/'))
    }

    fn entries_key(&self, number: u64) -> String {
        format!("{}entries/{number:08}.json", self.under())
    }

    fn snapshot_key(&self, number: u64) -> String {
        format!("{}snapshots/{number:08}.json", self.under())
    }

    fn lock_key(&self) -> String {
        format!("{}lock.json", self.under())
    }

    /// Opens the layer for `holder`; the texts are worth a line each.
    async fn open(self, holder: &Holder) -> Result<(Journal, Vec<String>), LedgerError> {
        let rescues = Rescue::all(&self)?;
        let taken_over = match self.take_lock(holder, &rescues).await {
            Ok(taken_over) => taken_over,
            Err(refused) => {
                if matches!(&refused, LedgerError::Remote { fault, .. } if may_pass(fault)) {
                    // A lock whose answer was lost is ours all the same; what went wrong first is told.
                    self.leave(&holder.run).await.ok();
                }
                return Err(refused);
            }
        };
        let opened = async {
            let mut warnings = Vec::new();
            if let Some(ended) = &taken_over {
                // A write that it had sent before it ended may still be on its way.
                self.fence(&ended.run).await?;
                warnings.push(format!("the lock of {} was taken over from {ended}: that process has ended", self.layer));
            }
            let loaded = self.load().await?;
            warnings.extend(self.tidy(&loaded).await.err());
            let journal = Journal::new(&self, &holder.run, loaded);
            for rescue in rescues {
                warnings.extend(journal.take_in(rescue).await?);
            }
            Ok((journal, warnings))
        };
        let opened = opened.await;
        if opened.is_err() {
            self.leave(&holder.run).await.ok();
        }
        opened
    }

    /// Breaks the lock of `run`; whether it held it.
    async fn break_lock(&self, run: &str) -> Result<bool, LedgerError> {
        match self.lock().await? {
            Some((holder, etag)) if holder.run == run => {
                self.fence(run).await?;
                // Until then that run may believe what it last heard. Nobody else enters before the lock is gone.
                tokio::time::sleep(TRUST + MARGIN).await;
                let removed = self.objects.remove(&self.lock_key(), &etag).await;
                removed.map(|()| true).map_err(|fault| remote(&self.place(), "unlocked", fault))
            }
            _ => Ok(false),
        }
    }

    /// Takes the next number, so that the next write of `run` finds it taken.
    async fn fence(&self, run: &str) -> Result<(), LedgerError> {
        let failed = |fault| remote(&self.place(), "written", fault);
        for _ in 0..FENCES {
            let loaded = self.load().await?;
            let chapter = Chapter {
                v: LEDGER_VERSION,
                of: self.of(),
                object: loaded.object + 1,
                first: loaded.folded.sequence + 1,
                run: format!("fence of {run}"),
                previous: loaded.previous,
                fences: Some(run.to_owned()),
                entries: Vec::new(),
            };
            let (text, _) = seal(&chapter).map_err(|error| failed(unsealed(&error)))?;
            // A number that is taken was taken by that run, or by this fence itself: both are looked at again.
            if self.objects.put_new(&self.entries_key(chapter.object), &text).await.map_err(failed)? == Put::Written {
                return Ok(());
            }
        }
        let busy = Fault::new(Class::Busy, format!("run {run} keeps writing")).hint("stop that run first");
        Err(remote(&self.place(), "unlocked", busy))
    }
}

impl Store for S3Store {
    fn place(&self) -> String {
        self.shared.place.to_string()
    }

    fn read(&self, layer: LayerName) -> BoxFuture<'_, Result<Folded, LedgerError>> {
        Box::pin(async move { self.shelf(layer).load().await.map(|loaded| loaded.folded) })
    }

    fn open<'a>(&'a self, layer: LayerName, holder: &'a Holder) -> BoxFuture<'a, Result<Opened, LedgerError>> {
        Box::pin(async move {
            let (journal, warnings) = self.shelf(layer).open(holder).await?;
            Ok(Opened { ledger: Arc::new(journal), warnings })
        })
    }

    fn holder(&self, layer: LayerName) -> BoxFuture<'_, Result<Option<Holder>, LedgerError>> {
        Box::pin(async move { Ok(self.shelf(layer).lock().await?.map(|(holder, _)| holder)) })
    }

    fn unlock<'a>(&'a self, layer: LayerName, run: &'a str) -> BoxFuture<'a, Result<bool, LedgerError>> {
        Box::pin(async move { self.shelf(layer).break_lock(run).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_and_a_wrong_one_is_told() {
        let place = Place::parse("s3://shop-ledger/teams/blue/").unwrap();
        assert_eq!(
            (place.bucket.as_str(), place.prefix.as_str(), place.to_string().as_str()),
            ("shop-ledger", "teams/blue", "s3://shop-ledger/teams/blue")
        );
        assert_eq!(Place::parse("s3://shop-ledger").unwrap().to_string(), "s3://shop-ledger");
        for wrong in ["/var/ledger", "s3://", "s3://Shop", "s3://sh", "s3://shop/../x", "s3://shop/a//b", "s3://-shop/a", "s3://shop/ü"] {
            assert!(Place::parse(wrong).is_err(), "{wrong}");
        }
    }
}
