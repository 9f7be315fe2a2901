//! The `[edge]` table of `envs/*.toml`.

use engine::DeclareError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the load balancer asks a task whether it is well.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthCheck {
    /// The path that is asked.
    pub path: String,
    /// The HTTP codes that mean well, for example `200` or `200-299`.
    pub matcher: String,
    /// Seconds between two questions, 5 to 300.
    pub interval: i32,
    /// Seconds to wait for an answer; less than the interval.
    pub timeout: i32,
    /// Good answers in a row that make a task healthy, 2 to 10.
    pub healthy: i32,
    /// Bad answers in a row that make it unhealthy, 2 to 10.
    pub unhealthy: i32,
}

impl Default for HealthCheck {
    fn default() -> HealthCheck {
        HealthCheck { path: "/healthz".into(), matcher: "200".into(), interval: 10, timeout: 5, healthy: 2, unhealthy: 2 }
    }
}

/// Where the load balancer writes its access log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessLogs {
    /// A bucket whose policy lets the load balancer write.
    pub bucket: String,
    /// What the objects' names begin with.
    #[serde(default)]
    pub prefix: String,
}

/// Where the edge's alarms ring.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Alarms {
    /// Answers with a code of 500 or above in a minute.
    pub errors_5xx: f64,
    /// Seconds that the slowest hundredth of answers takes.
    pub latency_seconds: f64,
}

impl Default for Alarms {
    fn default() -> Alarms {
        Alarms { errors_5xx: 10.0, latency_seconds: 2.0 }
    }
}

/// The settings of the edge layer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether there is HTTPS; HTTP then redirects to it.
    pub https: bool,
    /// The domain name of the application.
    pub domain: Option<String>,
    /// The Route 53 zone that the domain is in: it validates the certificate and holds the alias.
    pub hosted_zone: Option<String>,
    /// A certificate that exists already.
    pub certificate_arn: Option<String>,
    /// Whether the domain leads to the load balancer, when a zone is given.
    pub alias_record: bool,
    /// A WAF web ACL (regional, WAFv2) that guards the load balancer.
    pub web_acl_arn: Option<String>,
    /// The port of the application's container; `compute.port` and `network.app_port` must be the same.
    pub port: u16,
    /// How tasks are asked whether they are well.
    pub health_check: HealthCheck,
    /// Seconds that a leaving task keeps its open requests.
    pub deregistration_delay: u32,
    /// Seconds after which a silent connection is closed.
    pub idle_timeout: u32,
    /// Whether AWS refuses to delete the load balancer.
    pub deletion_protection: bool,
    /// Where the access log is written; nowhere when it is missing.
    pub access_logs: Option<AccessLogs>,
    /// Where the alarms ring.
    pub alarms: Alarms,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            https: false,
            domain: None,
            hosted_zone: None,
            certificate_arn: None,
            alias_record: true,
            web_acl_arn: None,
            port: 8000,
            health_check: HealthCheck::default(),
            deregistration_delay: 30,
            idle_timeout: 60,
            deletion_protection: true,
            access_logs: None,
            alarms: Alarms::default(),
        }
    }
}

fn setting(key: &str, problem: impl Into<String>) -> DeclareError {
    DeclareError::setting(format!("edge.{key}"), problem)
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`DeclareError::Setting`] with the key.
    pub fn check(&self) -> Result<(), DeclareError> {
        let check = &self.health_check;
        if !check.path.starts_with('/') {
            return Err(setting("health_check.path", format!("`{}` must begin with `/`", check.path)));
        }
        if !(5..=300).contains(&check.interval) || check.timeout >= check.interval || check.timeout < 2 {
            let problem = format!("every {} s with {} s to answer: 5 to 300 s, and the answer sooner", check.interval, check.timeout);
            return Err(setting("health_check.interval", problem));
        }
        if !(2..=10).contains(&check.healthy) || !(2..=10).contains(&check.unhealthy) {
            return Err(setting("health_check.healthy", "AWS counts 2 to 10 answers"));
        }
        if self.deregistration_delay > 3600 {
            return Err(setting("deregistration_delay", "at most 3600 s"));
        }
        self.check_https()
    }

    fn check_https(&self) -> Result<(), DeclareError> {
        let requested = self.domain.is_some() && self.hosted_zone.is_some();
        if self.https && self.certificate_arn.is_none() && !requested {
            let problem = "it needs a certificate: give `certificate_arn`, or `domain` and `hosted_zone` to request one";
            return Err(setting("https", problem));
        }
        if let (Some(domain), Some(zone)) = (&self.domain, &self.hosted_zone) {
            let zone = zone.trim_end_matches('.');
            if domain != zone && !domain.ends_with(&format!(".{zone}")) {
                return Err(setting("domain", format!("`{domain}` is not in the zone `{zone}`")));
            }
        }
        match (&self.certificate_arn, &self.web_acl_arn) {
            (Some(arn), _) if !arn.starts_with("arn:aws:acm:") => {
                Err(setting("certificate_arn", format!("`{arn}` is not an ACM certificate's ARN")))
            }
            (_, Some(arn)) if !arn.contains(":wafv2:") || !arn.contains(":regional/webacl/") => {
                Err(setting("web_acl_arn", format!("`{arn}` is not the ARN of a regional WAFv2 web ACL")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_needs_a_certificate_from_somewhere() {
        let https = Config { https: true, ..Config::default() };
        assert!(https.check().unwrap_err().to_string().contains("certificate_arn"));
        let requested = Config { domain: Some("a.example.com".into()), hosted_zone: Some("example.com".into()), ..https.clone() };
        assert!(requested.check().is_ok());
        assert!(Config { domain: Some("a.example.org".into()), ..requested }.check().is_err());
    }
}
