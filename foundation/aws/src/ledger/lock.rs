//! The lock: one object that names the holder. It keeps two runs from starting; what keeps a stale one from writing is the sequence.

use super::objects::Put;
use super::rescue::Rescue;
use super::{Shelf, remote, unsealed};
use engine::ledger::{Holder, LedgerError};

/// How often a lock that was released at that very moment is asked for again.
const TRIES: usize = 5;

impl Shelf {
    /// The holder and the ETag of the lock, if there is one.
    pub(super) async fn lock(&self) -> Result<Option<(Holder, String)>, LedgerError> {
        let got = self.objects.get(&self.lock_key()).await.map_err(|fault| remote(&self.place(), "read", fault))?;
        // A holder that cannot be read is still somebody.
        let unknown = || Holder { who: "somebody".into(), ..Holder::default() };
        Ok(got.map(|got| (serde_json::from_slice(&got.text).unwrap_or_else(|_| unknown()), got.etag)))
    }

    /// Takes the lock until [`Shelf::leave`]. A lock that is there with exactly this holder is an earlier attempt of ours whose answer
    /// was lost. The lock of a run that has ended without releasing it is taken over: it is given back.
    pub(super) async fn take_lock(&self, holder: &Holder, rescues: &[Rescue]) -> Result<Option<Holder>, LedgerError> {
        let failed = |fault| remote(&self.place(), "locked", fault);
        let text = serde_json::to_string(holder).map_err(|error| failed(unsealed(&error)))?;
        for _ in 0..TRIES {
            if let Put::Written = self.objects.put_new(&self.lock_key(), &text).await.map_err(failed)? {
                return Ok(None);
            }
            match self.lock().await? {
                None => {}
                Some((found, _)) if found == *holder => return Ok(None),
                Some((found, etag)) if self.has_ended(&found, rescues) => {
                    if let Put::Written = self.objects.replace(&self.lock_key(), &text, &etag).await.map_err(failed)? {
                        return Ok(Some(found));
                    }
                }
                Some((found, _)) => return Err(LedgerError::Locked { layer: self.layer, holder: Box::new(found) }),
            }
        }
        let found = self.lock().await?.map(|(holder, _)| holder).unwrap_or_default();
        Err(LedgerError::Locked { layer: self.layer, holder: Box::new(found) })
    }

    /// Whether a holder has certainly ended: it said so on this machine, or its process is gone from it. No clock tells that.
    fn has_ended(&self, found: &Holder, rescues: &[Rescue]) -> bool {
        rescues.iter().any(|rescue| rescue.ended && rescue.head.run == found.run) || (self.shared.gone)(found)
    }

    /// Deletes the lock if `run` holds it.
    pub(super) async fn release(&self, run: &str) -> Result<(), LedgerError> {
        match self.lock().await? {
            Some((holder, etag)) if holder.run == run => {
                self.objects.remove(&self.lock_key(), &etag).await.map_err(|fault| remote(&self.place(), "unlocked", fault))
            }
            _ => Ok(()),
        }
    }

    /// Releases the lock of a run that ends. Where that cannot be done, this machine remembers that the run has ended.
    pub(super) async fn leave(&self, run: &str) -> Result<(), LedgerError> {
        match self.release(run).await {
            Err(LedgerError::Remote { place, verb, fault, .. }) => {
                Err(LedgerError::Remote { place, verb, fault, rescue: Rescue::ended(self, run) })
            }
            other => other,
        }
    }

    /// Whether `run` still holds the lock.
    pub(super) async fn still_held(&self, run: &str) -> Result<(), LedgerError> {
        let problem = match self.lock().await? {
            Some((holder, _)) if holder.run == run => return Ok(()),
            Some((holder, _)) => format!("its lock is held by {holder}"),
            None => "its lock was broken".to_owned(),
        };
        Err(LedgerError::Superseded { layer: self.layer, problem })
    }
}
