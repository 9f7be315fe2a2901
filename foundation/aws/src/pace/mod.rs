//! The pace of our requests: never above what AWS takes of an account, so that a look at many environments is throttled by nobody. The
//! buckets are those that AWS keeps ([`QUOTAS`]); one stack's plan or deploy fits into what they hold at once.

mod quotas;

pub use quotas::Quota;
use quotas::{ACCOUNT, OTHERS, QUOTAS};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a request of a run waits at most: longer, and it would eat the time that an attempt has. AWS may throttle it then, and the
/// SDK tries it again.
pub const PATIENCE: Duration = Duration::from_secs(10);

impl Quota {
    fn fits(&self, operation: &str) -> bool {
        self.operations.iter().any(|it| match it.strip_suffix('*') {
            Some(start) => operation.starts_with(start),
            None => *it == operation,
        })
    }
}

/// The buckets that a request takes a token from: its operation's, and its service's where AWS has one. None for a request of no service.
///
/// `service` is a signing name, `operation` the API's name of it; it is empty where the protocol does not tell it (Route 53, S3).
pub fn quotas(service: &str, operation: &str) -> impl Iterator<Item = &'static Quota> {
    let fits = |it: &&Quota| it.service == service && it.fits(operation);
    let own = QUOTAS.iter().find(fits).or_else(|| OTHERS.iter().find(|it| it.fits(operation)));
    ACCOUNT.iter().filter(move |it| it.service == service).chain(own).filter(|_| !service.is_empty())
}

/// A bucket: its tokens may be owed.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// Takes a token, and says how long it is until it is there. A debt of more than `patience` is forgiven.
    fn take(&mut self, burst: f64, rate: f64, patience: Duration, now: Instant) -> Duration {
        let back = now.saturating_duration_since(self.at).as_secs_f64() * rate;
        self.tokens = (self.tokens + back).min(burst);
        self.at = now;
        self.tokens = (self.tokens - 1.0).max(-rate * patience.as_secs_f64());
        Duration::try_from_secs_f64(-self.tokens / rate).unwrap_or_default()
    }
}

/// The pace of one connection; clones share it.
#[derive(Clone, Debug)]
pub struct Pace {
    patience: Option<Duration>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    speed: f64,
    /// By quota and service, and by operation where each has its own.
    buckets: BTreeMap<(usize, String, String), Bucket>,
}

impl Pace {
    /// Full buckets of another end whose time runs so many times faster than AWS's. Nothing waits longer than `patience`.
    pub fn new(speed: f64, patience: Option<Duration>) -> Pace {
        Pace { patience, state: Arc::new(Mutex::new(State { speed, buckets: BTreeMap::new() })) }
    }

    /// So many times faster from now on.
    pub fn faster(&self, times: f64) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).speed *= times;
    }

    /// Takes the tokens of one request, and says when it may leave. First come, first served.
    pub fn take(&self, service: &str, operation: &str) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, speed, patience) = (Instant::now(), state.speed, self.patience.unwrap_or(Duration::MAX));
        let wait = |quota: &Quota| {
            let of = if quota.each { operation } else { "" };
            // Every quota is in one place of the lists.
            let key = (std::ptr::from_ref(quota) as usize, service.to_owned(), of.to_owned());
            let bucket = state.buckets.entry(key).or_insert(Bucket { tokens: quota.burst, at: now });
            bucket.take(quota.burst, quota.rate * speed, patience, now)
        };
        quotas(service, operation).map(wait).max().unwrap_or_default()
    }

    /// Waits until a request of this operation may leave.
    pub async fn wait(&self, service: &str, operation: &str) {
        let wait = self.take(service, operation);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Sends `count` requests as fast as the pace lets them go; when each left, in seconds.
    async fn sent(pace: &Pace, count: usize, service: &'static str, operation: &'static str) -> Vec<f64> {
        let began = Instant::now();
        let one = |_| async {
            pace.wait(service, operation).await;
            began.elapsed().as_secs_f64()
        };
        futures::future::join_all((0..count).map(one)).await
    }

    #[tokio::test(start_paused = true)]
    async fn no_window_has_more_than_a_bucket_and_what_comes_back() {
        for (service, operation, burst, rate) in [
            ("ec2", "DescribeVpcs", 100.0, 20.0),
            ("ssm", "PutParameter", 3.0, 3.0),
            ("elasticloadbalancing", "DescribeTags", 40.0, 10.0),
            ("route53", "", 5.0, 5.0),
            ("new-service", "DescribeAll", 50.0, 20.0),
        ] {
            let left = sent(&Pace::new(1.0, None), 300, service, operation).await;
            for (at, from) in left.iter().enumerate() {
                for (number, to) in left[at..].iter().enumerate() {
                    // Timers have a millisecond's grain.
                    assert!((number + 1) as f64 <= burst + rate * (to - from + 0.002) + 1e-6, "{service}: {} in {}", number + 1, to - from);
                }
            }
            assert!((left[299] - (300.0 - burst) / rate).abs() < 0.01, "{service} is slower than it must be: {}", left[299]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_plan_waits_for_nothing_and_operations_not_for_each_other() {
        let pace = Pace::new(1.0, None);
        assert_eq!(sent(&pace, 100, "ec2", "DescribeVpcs").await.last(), Some(&0.0));
        assert_eq!(sent(&pace, 100, "ec2", "DescribeSubnets").await.last(), Some(&0.0));
        // A credentials endpoint is no service.
        assert_eq!(sent(&pace, 1000, "", "").await.last(), Some(&0.0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_bucket_of_the_account_counts_beside_that_of_the_operation() {
        let pace = Pace::new(1.0, None);
        assert!(sent(&pace, 40, "elasticloadbalancing", "DescribeTags").await.iter().all(|at| *at == 0.0));
        // Its own bucket is full, the account's is empty.
        assert!((sent(&pace, 1, "elasticloadbalancing", "AddTags").await[0] - 0.1).abs() < 0.005);
    }

    #[tokio::test(start_paused = true)]
    async fn the_pace_follows_the_other_ends_time_and_a_run_does_not_wait_for_long() {
        let pace = Pace::new(60.0, None);
        let last = sent(&pace, 183, "ssm", "PutParameter").await[182];
        assert!((last - 1.0).abs() < 0.01, "{last}");
        let impatient = Pace::new(1.0, Some(PATIENCE));
        assert!(sent(&impatient, 300, "ssm", "PutParameter").await[299] <= PATIENCE.as_secs_f64() + 0.01);
    }

    #[test]
    fn every_bucket_can_be_used_and_names_its_page_or_is_a_guess() {
        let (mut seen, all) = (BTreeSet::new(), QUOTAS.iter().chain(&ACCOUNT));
        for quota in all {
            assert!(quota.burst >= 1.0 && quota.rate > 0.0, "{quota:?}");
            assert!(quota.page.is_empty() || quota.page.starts_with("https://docs.aws.amazon.com/"), "{quota:?}");
            seen.insert(quota.service);
            let first = quota.operations[0].trim_end_matches('*');
            assert!(quotas(quota.service, first).any(|it| it == quota), "{quota:?} is hidden by another one");
        }
        for service in ["ec2", "ecs", "elasticloadbalancing", "rds", "iam", "kms", "logs", "monitoring", "ssm", "sns", "acm", "route53"] {
            assert!(seen.contains(service), "{service}");
        }
    }
}
