//! The master user's password of a database that is there. Connections that are open stay open; whoever connects needs the new one.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html>

use crate::kinds::{DbInstances, available};
use aws::{Aws, withheld};
use engine::{Class, Fault, Poll, Ticks};
use secrecy::{ExposeSecret, SecretString};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// A new password is in force within a minute; RDS was seen to need ten on a busy day.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(30 * 60);
/// RDS shows within seconds that it works on a change. One that shows nothing for so long has done it.
const SHOWN_WITHIN: Duration = Duration::from_secs(60);

/// Works on the password of one instance.
#[derive(Clone, Debug)]
pub struct Password<'a> {
    /// The clients.
    pub aws: &'a Aws,
    /// The instance.
    pub instance: &'a str,
}

/// What RDS would refuse as a master password.
pub fn problem(value: &SecretString) -> Option<&'static str> {
    let value = value.expose_secret();
    if !(8..=128).contains(&value.len()) {
        return Some("the password of a PostgreSQL on RDS has 8 to 128 characters");
    }
    let fits = |c: char| c.is_ascii_graphic() && !"/\"@".contains(c);
    (!value.chars().all(fits)).then_some("RDS takes printable ASCII characters without `/`, `\"`, `@` and spaces")
}

impl Password<'_> {
    /// Waits until the instance takes a change; whether it is there.
    ///
    /// # Errors
    /// [`Class::Invalid`] for an instance that will take none; [`Class::Timeout`]; the fault of the read.
    pub async fn ready(&self, ticks: &Ticks) -> Result<bool, Fault> {
        match DbInstances(self.aws.clone()).until_available(self.instance, ticks).await {
            Err(fault) if fault.is_not_found() => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// Gives the instance this password and waits until it is in force. The same one again changes nothing.
    ///
    /// # Errors
    /// [`Class::NotFound`] when the instance is gone; the fault of a call, without the value.
    pub async fn set(&self, value: &SecretString, ticks: &Ticks) -> Result<(), Fault> {
        let instances = DbInstances(self.aws.clone());
        let call = self.aws.rds.modify_db_instance().db_instance_identifier(self.instance);
        let call = call.master_user_password(value.expose_secret()).apply_immediately(true);
        instances.modified(self.instance, call, ticks).await.map_err(|fault| withheld(value.expose_secret(), fault))?;
        self.in_force(&instances, ticks).await
    }

    async fn in_force(&self, instances: &DbInstances, ticks: &Ticks) -> Result<(), Fault> {
        let (began, worked) = (Instant::now(), AtomicBool::new(false));
        let quiet = SHOWN_WITHIN.div_f64(self.aws.speed);
        let look = || async {
            let live = instances.get(self.instance).await?;
            let state = available(self.instance, live.as_ref())?;
            let pending = live.and_then(|it| it.pending_modified_values?.master_user_password).is_some();
            Ok(match state {
                Poll::Ready(()) if !pending && (worked.load(Ordering::Relaxed) || began.elapsed() >= quiet) => Poll::Ready(()),
                Poll::Ready(()) if !pending => Poll::Waiting("RDS does not show the change yet".to_owned()),
                Poll::Ready(()) => {
                    worked.store(true, Ordering::Relaxed);
                    Poll::Waiting("the new password is pending".to_owned())
                }
                Poll::Waiting(state) => {
                    worked.store(true, Ordering::Relaxed);
                    Poll::Waiting(state)
                }
                refused @ Poll::Refused(..) => refused,
            })
        };
        match self.aws.until(IN_FORCE_WITHIN).poll(ticks, look).await {
            Err(fault) if fault.class == Class::Timeout => Err(fault.hint("run the same command again: it continues where it stopped")),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rds_refuses_is_known_before() {
        for good in ["abcdefgh", "A-b_c.d~e!f#g$", &"x".repeat(128)] {
            assert_eq!(problem(&SecretString::from(good)), None, "{good}");
        }
        for bad in ["short", &"x".repeat(129), "with space", "slash/slash", "quote\"quote", "at@at@at@", "umlaut-äöü"] {
            assert!(problem(&SecretString::from(bad)).is_some(), "{bad}");
        }
    }
}
