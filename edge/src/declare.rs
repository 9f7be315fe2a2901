//! The way in from the internet, from top to bottom.

use crate::config::Config;
use crate::kinds::{
    Action, Certificate, CertificateIssued, DnsRecord, Listener, LoadBalancerSpec, Protocol, RecordValue, TargetGroup, WebAclAssociation,
};
use aws::kinds::alarm::{Alarm, Comparison, Metric};
use contract::{CertificateArn, EdgeDoors, LoadBalancer, Names, NetworkDoors, ObservabilityDoors, TargetGroupArn};
use engine::handle::Join;
use engine::{DeclareError, Graph, Handle};

/// What the layer needs to know beside its settings.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The names of the environment.
    pub names: Names,
    /// The id of the hosted zone, looked up.
    pub zone: Option<String>,
    /// Where it lives.
    pub network: NetworkDoors,
    /// Whom its alarms tell.
    pub observability: ObservabilityDoors,
}

/// Declares the layer.
pub(crate) fn declare(config: &Config, inputs: &Inputs, g: &mut Graph) -> Result<EdgeDoors, DeclareError> {
    let (names, network) = (&inputs.names, &inputs.network);
    let name = names.short("alb")?;
    let balancer = (&network.public_subnets, &network.edge_security_group).join().map({
        let config = config.clone();
        move |(subnets, group)| LoadBalancerSpec {
            name: name.clone(),
            subnets,
            security_groups: vec![group],
            drop_invalid_headers: true,
            idle_timeout: config.idle_timeout,
            deletion_protection: config.deletion_protection,
            access_logs: config.access_logs.as_ref().map(|logs| (logs.bucket.clone(), logs.prefix.clone())),
        }
    });
    let balancer = g.add("load-balancer", balancer);
    let (name, port, check, delay) = (names.short("app")?, config.port, config.health_check.clone(), config.deregistration_delay);
    let group = network.vpc_id.map(move |vpc| TargetGroup {
        name: name.clone(),
        vpc,
        port: port.into(),
        health_check: check.clone(),
        deregistration_delay: delay,
    });
    let group = g.add("target-group", group);

    let certificate = certificate(config, inputs, g);
    let open = listeners(g, certificate.as_ref(), &balancer, &group);
    if let (Some(domain), Some(zone), true) = (config.domain.clone(), inputs.zone.clone(), config.alias_record) {
        let alias = balancer.map(move |balancer| {
            let target = RecordValue::Alias { dns_name: balancer.dns_name, zone_id: balancer.zone_id };
            DnsRecord { zone: zone.clone(), name: domain.clone(), record_type: "A".into(), value: target }
        });
        g.add("alias-record", alias);
    }
    if let Some(web_acl) = config.web_acl_arn.clone() {
        g.add("web-acl", balancer.map(move |balancer| WebAclAssociation { resource: balancer.arn, web_acl: web_acl.clone() }));
    }
    alarms(config, inputs, g, &balancer, &group);
    let (https, domain) = (config.https, config.domain.clone());
    let url = balancer.map(move |balancer| {
        let host = domain.clone().unwrap_or(balancer.dns_name);
        format!("{}://{host}", if https { "https" } else { "http" })
    });
    // A service may register only after a listener forwards to its group.
    Ok(EdgeDoors { load_balancer: balancer, target_group: group.after(&open), url })
}

/// The certificate for HTTPS: the given one, or one that is requested and validated through the zone.
fn certificate(config: &Config, inputs: &Inputs, g: &mut Graph) -> Option<Handle<CertificateArn>> {
    if !config.https {
        return None;
    }
    if let Some(arn) = &config.certificate_arn {
        return Some(Handle::known(CertificateArn(arn.clone())));
    }
    let (domain, zone) = (config.domain.clone()?, inputs.zone.clone()?);
    let requested = g.add("certificate", Handle::known(Certificate::of(domain)));
    let record = requested.map(move |it| DnsRecord {
        zone: zone.clone(),
        name: it.record_name.trim_end_matches('.').to_owned(),
        record_type: "CNAME".into(),
        value: RecordValue::Text(it.record_value),
    });
    let record = g.add("certificate-record", record);
    let issued = requested.after(&record).map(|it| CertificateIssued { certificate: CertificateArn(it.arn) });
    // A listener reads the certificate itself as well: an old one is deleted only when no listener has it any more.
    Some(g.add("certificate-issued", issued).after(&requested))
}

/// HTTP forwards, or redirects to HTTPS which forwards. Returns the HTTP listener: it is there with and without HTTPS, and comes
/// after the one that forwards, so that who waits for it need not change when HTTPS is switched.
fn listeners(
    g: &mut Graph,
    certificate: Option<&Handle<CertificateArn>>,
    balancer: &Handle<LoadBalancer>,
    group: &Handle<TargetGroupArn>,
) -> Handle<contract::ListenerArn> {
    let forward = |balancer: LoadBalancer, group, port, protocol| Listener {
        load_balancer: balancer.arn,
        port,
        protocol,
        action: Action::Forward(group),
    };
    let Some(certificate) = certificate else {
        let both = (balancer, group).join();
        return g.add("listener-http", both.map(move |(balancer, group)| forward(balancer, group, 80, Protocol::Http)));
    };
    let all = (balancer, group, certificate).join();
    let https = all.map(move |(balancer, group, certificate)| forward(balancer, group, 443, Protocol::Https { certificate }));
    let https = g.add("listener-https", https);
    let redirect = |balancer: LoadBalancer| Listener {
        load_balancer: balancer.arn,
        port: 80,
        protocol: Protocol::Http,
        action: Action::RedirectToHttps,
    };
    // Nobody is sent to HTTPS before it answers: a certificate can take long. Off again, HTTP forwards before HTTPS goes.
    g.add("listener-http", balancer.after(&https).map(redirect))
}

fn alarms(config: &Config, inputs: &Inputs, g: &mut Graph, balancer: &Handle<LoadBalancer>, group: &Handle<TargetGroupArn>) {
    let limits = config.alarms;
    let all = (balancer, group, &inputs.observability.alarm_topic).join();
    type Looks = (&'static str, &'static str, usize);
    let mut alarm = |what: &'static str, description: &'static str, (metric, statistic, dimensions): Looks, threshold: f64| {
        let name = inputs.names.of(&format!("edge-{what}"));
        let spec = all.map(move |(balancer, group, topic)| {
            let (balancer, group) = (balancer.dimension(), group.dimension());
            let both = [("LoadBalancer", balancer.as_str()), ("TargetGroup", group.as_str())];
            let metric = Metric::new("AWS/ApplicationELB", metric, &both[..dimensions], statistic);
            let alarm = Alarm::above(name.clone(), description, metric, threshold, topic);
            Alarm { periods: 3, comparison: Comparison::AtLeast, ..alarm }
        });
        g.add(format!("alarm-{what}"), spec);
    };
    alarm(
        "errors",
        "The application answers with 5xx: see the saved query `errors`",
        // Of the whole load balancer: a target group that is replaced does not end the series.
        ("HTTPCode_Target_5XX_Count", "Sum", 1),
        limits.errors_5xx,
    );
    alarm("unhealthy", "A task fails its health check: see its log", ("UnHealthyHostCount", "Maximum", 2), 1.0);
    alarm(
        "latency",
        "The slowest answers are too slow: see the saved query `slow`",
        ("TargetResponseTime", "p99", 2),
        limits.latency_seconds,
    );
}
