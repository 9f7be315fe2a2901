//! Many roles at once: IAM tells of all roles of the account in a few pages, and of one role in four calls.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>

use super::{IamRole, IamRoles, document};
use crate::FaultExt;
use crate::named::owned;
use aws_sdk_iam::types::{EntityType, RoleDetail};
use contract::RoleArn;
use engine::{Ask, Class, Fault, Found, Seen};
use futures::try_join;
use std::collections::BTreeMap;

/// All that were asked for; `None` where the caller may not list them: then each is asked for by itself.
pub(super) async fn look(roles: &IamRoles, asks: &[Ask<IamRole>]) -> Result<Option<Found<IamRole>>, Fault> {
    let (details, descriptions) = match try_join!(details(roles), descriptions(roles)) {
        Err(fault) if fault.class == Class::Denied && !fault.is_expired() => return Ok(None),
        listed => listed?,
    };
    let seen = |ask: &Ask<IamRole>| {
        let it = details.get(ask.want.name.as_str())?;
        Some((ask.who.address.clone(), seen(ask, it, descriptions.get(&ask.want.name).cloned().unwrap_or_default())))
    };
    Ok(Some(asks.iter().filter_map(seen).collect()))
}

/// Everything but the description, by name.
async fn details(roles: &IamRoles) -> Result<BTreeMap<String, RoleDetail>, Fault> {
    let call = roles.0.iam.get_account_authorization_details().filter(EntityType::Role).max_items(1000);
    let (mut pages, mut all) = (call.into_paginator().send(), BTreeMap::new());
    while let Some(page) = pages.next().await {
        let page = page.or_fault("iam:GetAccountAuthorizationDetails")?.role_detail_list.unwrap_or_default();
        all.extend(page.into_iter().filter_map(|it| Some((it.role_name.clone()?, it))));
    }
    Ok(all)
}

async fn descriptions(roles: &IamRoles) -> Result<BTreeMap<String, String>, Fault> {
    let (mut pages, mut all) = (roles.0.iam.list_roles().max_items(1000).into_paginator().items().send(), BTreeMap::new());
    while let Some(role) = pages.next().await {
        let role = role.or_fault("iam:ListRoles")?;
        all.insert(role.role_name, role.description.unwrap_or_default());
    }
    Ok(all)
}

fn seen(ask: &Ask<IamRole>, it: &RoleDetail, description: String) -> Seen<IamRole> {
    let policies = it.role_policy_list().iter();
    let policies = policies.filter_map(|it| Some((it.policy_name()?.to_owned(), document(it.policy_document().unwrap_or_default()))));
    let live = IamRole {
        name: ask.want.name.clone(),
        description,
        trust: document(it.assume_role_policy_document().unwrap_or_default()),
        policies: policies.collect(),
        managed: it.attached_managed_policies().iter().filter_map(|policy| policy.policy_arn().map(str::to_owned)).collect(),
    };
    let tags = it.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    owned(&ask.who, live, RoleArn(it.arn().unwrap_or_default().to_owned()), tags)
}
