//! The values themselves, and their versions: read and written one by one, by somebody who asks for it. A value is in memory for as long
//! as it is needed, in a type that neither prints nor serialises it and wipes it at its end.

use crate::kinds::SsmSecret;
use aws::{Aws, FaultExt, never_twice, withheld};
use aws_sdk_ssm::types::{ParameterStringFilter, ParameterType};
use engine::{Address, Class, Fault, Poll, Sink, Ticks};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::time::Duration;

/// One version of a secret, without its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// Its number, from 1.
    pub number: i64,
    /// When it was written, in seconds since 1970.
    pub at: Option<f64>,
    /// Who wrote it, as AWS calls them.
    pub by: Option<String>,
}

/// How often a write whose answer was lost is sent at most.
const TRIES: usize = 3;
/// Writers that meet are done within seconds; reads are behind by seconds.
const WITHIN: Duration = Duration::from_secs(120);

/// Works on the values of secrets.
#[derive(Clone, Debug)]
pub struct Values<'a>(pub &'a Aws);

fn missing(parameter: &str) -> Fault {
    Fault::new(Class::NotFound, format!("the parameter {parameter} is not there")).hint("run `deploy` first: it makes the secret")
}

impl Values<'_> {
    /// The present versions of those parameters that are there.
    ///
    /// # Errors
    /// The fault of `ssm:DescribeParameters`.
    pub async fn present(&self, parameters: &[String]) -> Result<BTreeMap<String, Version>, Fault> {
        let mut found = BTreeMap::new();
        // AWS takes at most 50 names in a filter.
        for names in parameters.chunks(50) {
            let filter = ParameterStringFilter::builder().key("Name").option("Equals").set_values(Some(names.to_vec())).build();
            let filter = filter.map_err(|error| Fault::new(Class::Bug, error.to_string()))?;
            let mut pages = self.0.ssm.describe_parameters().parameter_filters(filter).max_results(50).into_paginator().send();
            while let Some(page) = pages.next().await {
                for it in page.or_fault("ssm:DescribeParameters")?.parameters.unwrap_or_default() {
                    let at = it.last_modified_date.map(|at| at.as_secs_f64());
                    let version = Version { number: it.version, at, by: it.last_modified_user };
                    found.insert(it.name.unwrap_or_default(), version);
                }
            }
        }
        Ok(found)
    }

    /// The present version of one.
    ///
    /// # Errors
    /// [`Class::NotFound`] when it was not deployed; the fault of the read.
    pub async fn version(&self, parameter: &str) -> Result<i64, Fault> {
        let found = self.present(&[parameter.to_owned()]).await?.remove(parameter);
        found.map(|it| it.number).ok_or_else(|| missing(parameter))
    }

    /// Every version that AWS keeps (the last hundred), the oldest first. Values are never asked for.
    ///
    /// # Errors
    /// The fault of `ssm:GetParameterHistory`.
    pub async fn history(&self, parameter: &str) -> Result<Vec<Version>, Fault> {
        let call = self.0.ssm.get_parameter_history().name(parameter).with_decryption(false);
        let mut pages = call.into_paginator().send();
        let mut versions = Vec::new();
        while let Some(page) = pages.next().await {
            let Some(page) = page.or_gone("ssm:GetParameterHistory")? else { return Err(missing(parameter)) };
            versions.extend(page.parameters.unwrap_or_default().into_iter().map(|it| Version {
                number: it.version,
                at: it.last_modified_date.map(|at| at.as_secs_f64()),
                by: it.last_modified_user,
            }));
        }
        Ok(versions)
    }

    /// The value with its version, which is at least `least`: one that was written a moment ago may not be shown yet.
    ///
    /// # Errors
    /// [`Class::NotFound`]; the fault of `ssm:GetParameter`; [`Class::Timeout`] when that version does not come.
    pub async fn read(&self, parameter: &str, least: i64, ticks: &Ticks) -> Result<(SecretString, i64), Fault> {
        let look = || async {
            let call = self.0.ssm.get_parameter().name(parameter).with_decryption(true);
            let answer = call.send().await.or_gone("ssm:GetParameter")?;
            let it = answer.and_then(|answer| answer.parameter).ok_or_else(|| missing(parameter))?;
            if it.version < least {
                return Ok(Poll::Waiting(format!("AWS shows version {} and not yet {least}", it.version)));
            }
            Ok(Poll::Ready((SecretString::from(it.value.unwrap_or_default()), it.version)))
        };
        self.0.until(WITHIN).poll(ticks, look).await
    }

    /// Writes the version after `before` and says its number. One whose answer was lost is looked for before it is written again.
    ///
    /// # Errors
    /// The fault of `ssm:PutParameter`, without the value.
    pub async fn write(&self, at: &Address, secret: &SsmSecret, before: i64, value: &SecretString) -> Result<i64, Fault> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.write_once(at, secret, value).await {
                Err(fault) if fault.class == Class::InDoubt && tries < TRIES => {
                    let now = self.version(&secret.name).await?;
                    if now > before {
                        return Ok(now);
                    }
                }
                other => return other,
            }
        }
    }

    /// Writes when nobody else writes: SSM refuses what comes at the same time, also to a parameter beside it.
    async fn write_once(&self, at: &Address, secret: &SsmSecret, value: &SecretString) -> Result<i64, Fault> {
        let attempt = || async {
            let once = aws_sdk_ssm::config::Builder::new().retry_classifier(never_twice());
            // Without the key AWS would take its own.
            let call = self.0.ssm.put_parameter().name(&secret.name).value(value.expose_secret()).overwrite(true);
            let call = call.r#type(ParameterType::SecureString).key_id(secret.key.as_str());
            match call.customize().config_override(once).send().await.or_fault("ssm:PutParameter") {
                Ok(answer) => Ok(Poll::Ready(answer.version)),
                Err(fault) if fault.code == "TooManyUpdates" => Ok(Poll::Waiting("somebody else writes".into())),
                Err(fault) => Err(withheld(value.expose_secret(), fault)),
            }
        };
        self.0.until(WITHIN).poll(&Sink::none().ticks(at), attempt).await
    }
}
