//! Reading a layer's objects: the newest snapshot and every object after it, without a hole, each the successor of the one before.

use super::body::{Bad, Chapter, Snapshot, open};
use super::{Shelf, remote};
use engine::ledger::{Folded, LedgerError};
use futures::{StreamExt, TryStreamExt};
use serde::de::DeserializeOwned;

/// How many objects are read at once.
const READS: usize = 16;

/// What a layer's objects hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Loaded {
    /// The number of the last object.
    pub object: u64,
    /// Its digest.
    pub previous: String,
    /// The digest of the last object with entries.
    pub anchor: String,
    /// The last object with entries: its run and its first entry.
    pub last: Option<(String, u64)>,
    /// What the entries amount to.
    pub folded: Folded,
    /// The numbers of the objects and of the snapshots that there are.
    pub objects: Vec<u64>,
    pub snapshots: Vec<u64>,
    /// How many entries came after the newest snapshot.
    pub fresh: usize,
}

/// The number in a key: `…/00000123.json`.
fn number(key: &str) -> Option<u64> {
    key.rsplit('/').next()?.strip_suffix(".json")?.parse().ok()
}

impl Shelf {
    async fn document<T: DeserializeOwned>(&self, key: &str, number: u64) -> Result<(T, String), LedgerError> {
        let got = self.objects.get(key).await.map_err(|fault| remote(&self.place(), "read", fault))?;
        let got = got.ok_or_else(|| self.damaged(key, number, "it was taken away just now"))?;
        open(&got.text).map_err(|bad| match bad {
            Bad::Newer(found) => LedgerError::Newer { path: self.objects.name(key).into(), found },
            Bad::Damaged(problem) => self.damaged(key, number, &problem),
        })
    }

    /// Damage with the way to repair it: the bucket keeps earlier versions.
    pub(super) fn damaged(&self, key: &str, number: u64, problem: &str) -> LedgerError {
        let name = self.objects.name(key);
        let (bucket, key) = name.trim_start_matches("s3://").split_once('/').unwrap_or_default();
        let repair = format!("restore it from an earlier version: aws s3api list-object-versions --bucket {bucket} --prefix {key}");
        LedgerError::Damaged { path: name.clone().into(), number: number as usize, problem: format!("{problem}; {repair}") }
    }

    /// Reads the layer.
    pub(super) async fn load(&self) -> Result<Loaded, LedgerError> {
        let keys = self.objects.list(&self.under()).await.map_err(|fault| remote(&self.place(), "read", fault))?;
        let within = |folder: &str| {
            let folder = format!("{}{folder}/", self.under());
            keys.iter().filter(|key| key.starts_with(&folder)).filter_map(|key| number(key)).collect::<Vec<u64>>()
        };
        let mut loaded = Loaded { objects: within("entries"), snapshots: within("snapshots"), ..Loaded::default() };
        if let Some(newest) = loaded.snapshots.last().copied() {
            self.begin(&mut loaded, newest).await?;
        }
        let after = loaded.objects.iter().copied().filter(|number| *number > loaded.object).zip(loaded.object + 1..);
        let hole = after.clone().find(|(number, wanted)| number != wanted);
        let numbers: Vec<u64> = after.take_while(|(number, wanted)| number == wanted).map(|(number, _)| number).collect();
        let read = |number: u64| async move {
            let key = self.entries_key(number);
            self.document::<Chapter>(&key, number).await.map(|(body, sum)| (number, body, sum))
        };
        let mut chapters = futures::stream::iter(numbers).map(read).buffered(READS);
        while let Some((number, chapter, sum)) = chapters.try_next().await? {
            self.take(&mut loaded, number, chapter, sum)?;
        }
        if let Some((found, missing)) = hole {
            let problem = format!("it is missing, and object {found} is there");
            return Err(self.damaged(&self.entries_key(missing), loaded.folded.sequence + 1, &problem));
        }
        Ok(loaded)
    }

    async fn begin(&self, loaded: &mut Loaded, newest: u64) -> Result<(), LedgerError> {
        let key = self.snapshot_key(newest);
        let (snapshot, _) = self.document::<Snapshot>(&key, newest).await?;
        if snapshot.object != newest || snapshot.of != self.of() {
            let problem = format!("it is the snapshot of object {} of {}", snapshot.object, snapshot.of);
            return Err(self.damaged(&key, newest, &problem));
        }
        (loaded.object, loaded.previous, loaded.anchor) = (newest, snapshot.previous, snapshot.anchor);
        loaded.folded = snapshot.folded;
        Ok(())
    }

    /// Takes one object in, if it is the successor of what was read so far.
    fn take(&self, loaded: &mut Loaded, number: u64, chapter: Chapter, sum: String) -> Result<(), LedgerError> {
        let first = loaded.folded.sequence + 1;
        let problem = match () {
            () if chapter.of != self.of() => format!("it belongs to {}", chapter.of),
            () if chapter.object != number => format!("it says that it is object {}", chapter.object),
            () if chapter.first != first => format!("it begins with entry {} and not {first}", chapter.first),
            () if chapter.previous != loaded.previous => "it is not the successor of the object before it".to_owned(),
            () => String::new(),
        };
        if !problem.is_empty() {
            return Err(self.damaged(&self.entries_key(number), first, &problem));
        }
        loaded.fresh += chapter.entries.len();
        if !chapter.entries.is_empty() {
            loaded.anchor.clone_from(&sum);
            loaded.last = Some((chapter.run, chapter.first));
        }
        chapter.entries.into_iter().for_each(|entry| loaded.folded.take(entry));
        (loaded.object, loaded.previous) = (number, sum);
        Ok(())
    }
}
