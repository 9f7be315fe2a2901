//! doctor's question about the caller: may it do what a deploy needs.

use crate::connect::{connect, shared};
use crate::stack::{self, Configs};
use aws::permissions::{LEDGER, Principal, Simulation, Verdict, actions, principal};
use cli::Problem;
use cli::app::Wanted;
use engine::{Class, Level, Sign};
use std::collections::BTreeSet;

/// How many actions a line names.
const TOLD: usize = 6;

fn sign(level: Level, text: String) -> Sign {
    Sign::new(None, "permissions", level, text)
}

/// A line for what is refused, and one for what hangs on conditions.
pub(crate) async fn permissions(wanted: Wanted<'_>) -> Result<Vec<Sign>, Problem> {
    let configs = Configs::read(wanted.settings)?;
    let aws = connect(wanted.settings, wanted.endpoint_url, wanted.guard).await?;
    let who = aws::caller(&aws).await?;
    let ledger = shared(wanted.settings)?;
    let bucket = ledger.as_ref().map(|it| format!("arn:aws:s3:::{}", it.place.bucket));
    let mut named = stack::named(&aws, &configs).await;
    named.extend(bucket.into_iter().flat_map(|arn| [format!("{arn}/{}", wanted.settings.env), arn]));
    let calls = stack::calls(&configs, wanted.layers);
    let needed = actions(calls.into_iter().chain(ledger.iter().flat_map(|_| LEDGER.iter().copied())));
    let entity = match principal(&aws, &who.arn).await {
        Principal::Root => return Ok(vec![sign(Level::Ok, format!("{} is the root user: it may do everything", who.arn))]),
        Principal::Unknown => {
            let text = format!("what {} may do cannot be asked: IAM keeps the policies of users and roles only", who.arn);
            return Ok(vec![sign(Level::Warn, text).hint("run `doctor` as the user or the role that deploys")]);
        }
        Principal::Entity(entity) => entity,
    };
    let simulation = Simulation { principal: &entity, account: &who.account, scope: &wanted.settings.scope(), named: &named };
    match simulation.run(&aws, &needed).await {
        Ok(verdict) => Ok(told(&entity, &needed, &verdict)),
        Err(fault) if [Class::Denied, Class::NotFound, Class::Invalid].contains(&fault.class) => {
            let text = format!("what {entity} may do cannot be asked: {}", fault.message);
            Ok(vec![sign(Level::Warn, text).hint(format!("allow it iam:SimulatePrincipalPolicy and iam:GetRole on {entity}"))])
        }
        Err(fault) => Err(fault.into()),
    }
}

/// A few of them, and how many more there are.
fn few(all: &[String]) -> String {
    let first = all[..all.len().min(TOLD)].join(", ");
    if all.len() > TOLD { format!("{first} and {} more", all.len() - TOLD) } else { first }
}

fn told(entity: &str, needed: &BTreeSet<&str>, verdict: &Verdict) -> Vec<Sign> {
    let mut signs = Vec::new();
    let count = needed.len();
    if !verdict.denied.is_empty() {
        let text =
            format!("{entity} may not do {} of the {count} actions that these layers need: {}", verdict.denied.len(), few(&verdict.denied));
        let hint = "allow them, or look for what denies them in its policies, its boundary and the organization's; `doctor --format json` names all";
        signs.push(sign(Level::Fail, text).fact("denied", verdict.denied.clone()).hint(hint));
    }
    if !verdict.open.is_empty() {
        let keys: BTreeSet<&str> = verdict.open.values().flatten().map(String::as_str).collect();
        let (actions, keys): (Vec<String>, Vec<&str>) = (verdict.open.keys().cloned().collect(), keys.into_iter().collect());
        let text = format!("whether {entity} may do {} depends on {}", few(&actions), keys.join(", "));
        signs.push(
            sign(Level::Warn, text)
                .fact("conditional", actions)
                .hint("a condition in its policies asks for what is known at the call only"),
        );
    }
    if signs.is_empty() {
        signs.push(sign(Level::Ok, format!("{entity} may do the {count} actions that these layers need")).fact("actions", count));
    }
    signs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_actions_are_named_and_the_others_counted() {
        let denied: Vec<String> = (0..8).map(|number| format!("ec2:Action{number}")).collect();
        let signs = told("arn", &BTreeSet::from(["ec2:Action0"]), &Verdict { denied, ..Verdict::default() });
        assert!(signs[0].level == Level::Fail && signs[0].text.ends_with("ec2:Action5 and 2 more"), "{signs:#?}");
        assert_eq!(signs[0].facts["denied"].as_array().map(Vec::len), Some(8));
    }
}
