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

impl AccessLogs {
    fn check(&self) -> Result<(), DeclareError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        if !(3..=63).contains(&self.bucket.len()) || !self.bucket.chars().all(plain) {
            let problem = format!("`{}` is no bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens", self.bucket);
            return Err(setting("access_logs.bucket", problem));
        }
        if self.prefix.len() > 512 || !self.prefix.bytes().all(|byte| byte.is_ascii_graphic()) || self.prefix.contains("AWSLogs") {
            let problem = format!("`{}`: use at most 512 ASCII characters without spaces and without `AWSLogs`", self.prefix);
            return Err(setting("access_logs.prefix", problem));
        }
        Ok(())
    }
}

impl HealthCheck {
    fn check(&self) -> Result<(), DeclareError> {
        if !self.path.starts_with('/') || self.path.len() > 1024 || !self.path.bytes().all(|byte| byte.is_ascii_graphic()) {
            let problem = format!("`{}` must begin with `/` and have at most 1024 ASCII characters without spaces", self.path);
            return Err(setting("health_check.path", problem));
        }
        if !self.matcher.split(',').all(is_codes) {
            let problem = format!("`{}` must be codes of 200 to 499, for example `200`, `200,202` or `200-299`", self.matcher);
            return Err(setting("health_check.matcher", problem));
        }
        if !(5..=300).contains(&self.interval) {
            return Err(setting("health_check.interval", format!("{} s: AWS allows 5 to 300", self.interval)));
        }
        if !(2..=120).contains(&self.timeout) || self.timeout >= self.interval {
            let problem = format!("{} s: AWS allows 2 to 120, less than the interval of {} s", self.timeout, self.interval);
            return Err(setting("health_check.timeout", problem));
        }
        for (key, count) in [("healthy", self.healthy), ("unhealthy", self.unhealthy)] {
            if !(2..=10).contains(&count) {
                return Err(setting(&format!("health_check.{key}"), format!("{count} answers: AWS counts 2 to 10")));
            }
        }
        Ok(())
    }
}

/// Whether a text is a code or a range of codes that a load balancer can wait for.
fn is_codes(text: &str) -> bool {
    let code = |text: &str| text.parse::<u16>().ok().filter(|code| (200..=499).contains(code));
    match text.split_once('-') {
        Some((from, to)) => code(from).zip(code(to)).is_some_and(|(from, to)| from <= to),
        None => code(text).is_some(),
    }
}

fn is_domain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let label =
        |label: &str| (1..=63).contains(&label.len()) && label.chars().all(plain) && !label.starts_with('-') && !label.ends_with('-');
    name.len() <= 253 && name.contains('.') && name.split('.').all(label)
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`DeclareError::Setting`] with the key.
    pub fn check(&self) -> Result<(), DeclareError> {
        self.health_check.check()?;
        if self.port == 0 {
            return Err(setting("port", "0 is no port: use the one that the application's container listens on"));
        }
        if self.deregistration_delay > 3600 {
            return Err(setting("deregistration_delay", format!("{} s: AWS allows 0 to 3600", self.deregistration_delay)));
        }
        if !(1..=4000).contains(&self.idle_timeout) {
            return Err(setting("idle_timeout", format!("{} s: AWS allows 1 to 4000", self.idle_timeout)));
        }
        if let Some(logs) = &self.access_logs {
            logs.check()?;
        }
        for (key, limit) in [("errors_5xx", self.alarms.errors_5xx), ("latency_seconds", self.alarms.latency_seconds)] {
            if !limit.is_finite() || limit <= 0.0 {
                return Err(setting(&format!("alarms.{key}"), format!("{limit} would ring always or never: use a number above 0")));
            }
        }
        self.check_domain()?;
        self.check_https()
    }

    /// Route 53 keeps names in lower case: one that is not would never be found again.
    fn check_domain(&self) -> Result<(), DeclareError> {
        let zone = self.hosted_zone.as_deref().map(|zone| zone.trim_end_matches('.'));
        for (key, name) in [("domain", self.domain.as_deref()), ("hosted_zone", zone)] {
            if let Some(name) = name.filter(|name| !is_domain(name)) {
                let problem = format!("`{name}` must be a name such as `shop.example.com`: lower-case letters, digits, hyphens and dots");
                return Err(setting(key, problem));
            }
        }
        let requested = self.https && self.certificate_arn.is_none();
        match &self.domain {
            Some(domain) if requested && domain.len() > 64 => {
                Err(setting("domain", format!("`{domain}` has {} characters, and ACM allows 64 in a certificate", domain.len())))
            }
            _ => Ok(()),
        }
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
        for (key, arn) in [("certificate_arn", &self.certificate_arn), ("web_acl_arn", &self.web_acl_arn)] {
            if let Some(arn) = arn.as_ref().filter(|arn| arn.len() > 2048 || !arn.bytes().all(|byte| byte.is_ascii_graphic())) {
                return Err(setting(key, format!("`{arn}` is not an ARN")));
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

    #[test]
    fn what_aws_refuses_is_refused_first_with_its_key() {
        let refused = |config: Config| config.check().unwrap_err().to_string();
        let check = |health_check: HealthCheck| refused(Config { health_check, ..Config::default() });
        assert!(Config::default().check().is_ok());
        for matcher in ["", "OK", "200,", "299-200", "500"] {
            let problem = check(HealthCheck { matcher: matcher.into(), ..HealthCheck::default() });
            assert!(problem.starts_with("edge.health_check.matcher"), "{matcher}: {problem}");
        }
        assert!(check(HealthCheck { timeout: 10, ..HealthCheck::default() }).starts_with("edge.health_check.timeout"));
        assert!(check(HealthCheck { unhealthy: 1, ..HealthCheck::default() }).starts_with("edge.health_check.unhealthy"));
        assert!(refused(Config { idle_timeout: 4001, ..Config::default() }).starts_with("edge.idle_timeout"));
        for domain in ["Shop.example.com", "*.example.com", "shop.example.com.", "localhost"] {
            let problem = refused(Config { domain: Some(domain.into()), ..Config::default() });
            assert!(problem.starts_with("edge.domain"), "{problem}");
        }
    }
}
