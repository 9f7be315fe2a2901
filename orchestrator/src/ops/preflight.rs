//! doctor's questions about the account: who we are, for how long, and what a deploy would meet.

use crate::connect::connect;
use crate::stack::{self, Configs};
use cli::Problem;
use cli::app::Wanted;
use engine::{Level, Sign};
use std::time::SystemTime;

/// Everything that can be told before a deploy.
pub(crate) async fn preflight(wanted: Wanted<'_>) -> Result<Vec<Sign>, Problem> {
    let configs = Configs::read(wanted.settings)?;
    let aws = connect(wanted.settings, wanted.endpoint_url, wanted.guard).await?;
    let who = aws::caller(&aws).await?;
    let mut signs = vec![credentials(&who.arn, &who.account, aws.expires, SystemTime::now())];
    signs.extend(who.ahead.map(clock));
    signs.extend(stack::preflight(&aws, &configs, &wanted).await?);
    Ok(signs)
}

/// How long a first deploy takes at least: RDS alone needs most of it.
const DEPLOY_MINUTES: u64 = 15;

fn credentials(arn: &str, account: &str, expires: Option<SystemTime>, now: SystemTime) -> Sign {
    let left = expires.map(|end| end.duration_since(now).unwrap_or_default().as_secs() / 60);
    let (level, time) = match left {
        None => (Level::Ok, "without an end".to_owned()),
        Some(minutes) if minutes < DEPLOY_MINUTES => (Level::Warn, format!("which end in {minutes} min")),
        Some(minutes) => (Level::Ok, format!("which end in {minutes} min")),
    };
    let sign = Sign::new(None, "credentials", level, format!("{arn} in account {account}, {time}")).fact("account", account);
    if level == Level::Ok { sign } else { sign.hint("get new ones before a deploy: it usually takes 15 minutes") }
}

/// From how many seconds on a clock is worth a line, and from how many AWS refuses what it signs.
const SKEW: (f64, f64) = (60.0, 300.0);

fn clock(ahead: f64) -> Sign {
    let level = match ahead.abs() {
        off if off >= SKEW.1 => Level::Fail,
        off if off >= SKEW.0 => Level::Warn,
        _ => Level::Ok,
    };
    let way = if ahead < 0.0 { "behind" } else { "ahead of" };
    let sign =
        Sign::new(None, "clock", level, format!("this machine's clock is {:.0} s {way} AWS's", ahead.abs())).fact("ahead", ahead.round());
    if level == Level::Ok { sign } else { sign.hint("set it (`timedatectl set-ntp true`): AWS refuses what is signed five minutes off") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn credentials_that_end_before_a_deploy_does_are_told() {
        let now = SystemTime::UNIX_EPOCH;
        let told = |minutes: u64| credentials("arn", "1", Some(now + Duration::from_secs(60 * minutes)), now);
        assert_eq!((told(60).level, told(5).level, credentials("arn", "1", None, now).level), (Level::Ok, Level::Warn, Level::Ok));
        assert!(told(5).text.contains("end in 5 min"));
    }

    #[test]
    fn a_clock_that_is_off_is_told_before_aws_refuses_it() {
        assert_eq!([0.4, -90.0, 400.0].map(|ahead| clock(ahead).level), [Level::Ok, Level::Warn, Level::Fail]);
        assert!(clock(-90.0).text.contains("90 s behind"));
    }
}
