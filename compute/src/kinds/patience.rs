//! What AWS refuses only for a while: it still drains a predecessor, or does not yet know a role.

use aws::{Aws, FaultExt};
use engine::{Address, Class, Fault, Poll, Sink, Until};
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// How long a refusal is waited out; `None` when waiting cannot help.
pub(super) type Patience = fn(&Fault) -> Option<Duration>;

/// Calls until AWS accepts, for as long as `patience` says about each refusal.
pub(super) async fn patiently<T, F, Fut>(until: Until, at: &Address, patience: Patience, call: F) -> Result<T, Fault>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, Fault>>,
{
    let started = Instant::now();
    let attempt = || async {
        match call().await {
            Ok(made) => Ok(Poll::Ready(made)),
            Err(fault) => match patience(&fault) {
                Some(most) if started.elapsed() < most => Ok(Poll::Refused(fault.message.clone(), fault)),
                _ => Err(fault),
            },
        }
    };
    // The kinds that need patience get no ticks in their create and change.
    until.poll(&Sink::none().ticks(at), attempt).await
}

/// Whether AWS cannot take its own role for ECS: in a new account it makes that role with the first cluster, and may be too quick.
pub(super) fn lacks_linked_role(fault: &Fault) -> bool {
    let message = fault.message.to_ascii_lowercase();
    message.contains("service linked role") || message.contains("service-linked role")
}

/// Hands `result` on; when AWS lacked its own role for ECS, makes that role first, so that the next attempt finds it.
pub(super) async fn with_linked_role<T>(aws: &Aws, result: Result<T, Fault>) -> Result<T, Fault> {
    if result.as_ref().err().is_some_and(lacks_linked_role) {
        let made = aws.iam.create_service_linked_role().aws_service_name("ecs.amazonaws.com").send().await;
        match made.or_fault("iam:CreateServiceLinkedRole") {
            // It is there and not yet known everywhere.
            Err(fault) if fault.class == Class::Invalid => {}
            other => drop(other?),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::LayerName;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn refusal(message: &str) -> Fault {
        Fault::new(Class::Invalid, message)
    }

    async fn refused(times: u32, message: &'static str) -> (Result<u32, Fault>, u32, Duration) {
        let (calls, started) = (AtomicU32::new(0), Instant::now());
        let patience: Patience = |fault| fault.message.contains("not yet").then_some(Duration::from_secs(120));
        let at = Address::new(LayerName::Compute, "service");
        let call = || async {
            let call = calls.fetch_add(1, Ordering::SeqCst);
            if call < times { Err(refusal(message)) } else { Ok(call) }
        };
        let result = patiently(Until::within(Duration::from_secs(300)), &at, patience, call).await;
        (result, calls.load(Ordering::SeqCst), started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_passing_refusal_is_waited_out() {
        let (result, calls, _) = refused(4, "not yet").await;
        assert_eq!((result.ok(), calls), (Some(4), 5));
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_ends_with_aws_own_words() {
        let (result, _, took) = refused(u32::MAX, "not yet").await;
        assert_eq!(result.unwrap_err().message, "not yet");
        assert!((120..150).contains(&took.as_secs()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn another_refusal_is_final() {
        let (result, calls, took) = refused(1, "never").await;
        assert_eq!((result.unwrap_err().message.as_str(), calls, took), ("never", 1, Duration::ZERO));
    }

    #[test]
    fn aws_own_role_is_told_from_ours() {
        assert!(lacks_linked_role(&refusal("Unable to assume the service linked role. Please verify that it exists.")));
        assert!(!lacks_linked_role(&refusal("ECS was unable to assume the role 'arn:aws:iam::123456789012:role/shop-prod-task'")));
    }
}
