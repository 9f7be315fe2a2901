//! The edge layer, read back from the world.

use engine::Address;
use engine::LayerName;
use integration_tests::{Bench, EVERYTHING, all_done, deployed, region};
use serde_json::{Value, json};

fn records(bench: &Bench) -> Vec<Value> {
    bench.emulator.with_world(|world| world.account.hosted_zones["Z0EXAMPLE"].inside["records"].as_array().unwrap().clone())
}

/// The listener on this port.
fn listener(bench: &Bench, port: &str) -> Option<Value> {
    region(bench, |region| region.listeners.values().find(|it| it.str("Port") == port).map(|it| it.body.clone()))
}

const PLAIN: &str = "embedded = true\n[database]\nfinal_snapshot = false\n[edge]\ndeletion_protection = false\n";

#[tokio::test(start_paused = true)]
async fn the_load_balancer_is_in_public_and_guarded() {
    let bench = deployed(EVERYTHING).await;
    region(&bench, |region| {
        let it = region.load_balancers.values().next().unwrap();
        assert_eq!(
            (it.str("LoadBalancerName"), it.str("Scheme"), &it.body["State"]["Code"]),
            ("shop-test-alb", "internet-facing", &json!("active"))
        );
        let attributes = &it.inside["attributes"];
        assert_eq!(attributes["routing.http.drop_invalid_header_fields.enabled"], "true");
        assert_eq!(attributes["deletion_protection.enabled"], "true");
        let public =
            |zone: &Value| region.ec2.subnets[zone["SubnetId"].as_str().unwrap()].tags["orchestrator:address"].contains("subnet-public");
        assert!(it.body["AvailabilityZones"].as_array().unwrap().iter().all(public));
        assert!(region.web_acl_associations.contains_key(it.str("LoadBalancerArn")));
        for alarm in ["errors", "unhealthy", "latency"] {
            assert!(region.alarms.contains_key(&format!("shop-test-edge-{alarm}")), "{alarm}");
        }
    });
}

#[tokio::test(start_paused = true)]
async fn tasks_are_asked_as_configured() {
    let bench = deployed(&EVERYTHING.replace("[edge]", "[edge]\nderegistration_delay = 45\nhealth_check = { path = \"/ready\" }")).await;
    region(&bench, |region| {
        let group = region.target_groups.values().next().unwrap();
        let wanted = json!({"TargetType": "ip", "Port": "8000", "Protocol": "HTTP", "HealthCheckPath": "/ready", "HealthCheckIntervalSeconds": "10",
            "HealthyThresholdCount": "2"});
        wanted.as_object().unwrap().iter().for_each(|(field, value)| assert_eq!(&group.body[field], value, "{field}"));
        assert_eq!(group.inside["attributes"]["deregistration_delay.timeout_seconds"], "45");
    });
}

#[tokio::test(start_paused = true)]
async fn without_https_http_forwards() {
    let bench = deployed(PLAIN).await;
    assert_eq!(listener(&bench, "80").unwrap()["DefaultActions"][0]["Type"], "forward");
    assert_eq!(listener(&bench, "443"), None);
}

#[tokio::test(start_paused = true)]
async fn https_has_a_certificate_that_dns_proved_and_http_redirects() {
    let bench = deployed(EVERYTHING).await;
    let https = listener(&bench, "443").unwrap();
    assert_eq!((&https["Protocol"], &https["SslPolicy"]), (&json!("HTTPS"), &json!("ELBSecurityPolicy-TLS13-1-2-2021-06")));
    let arn = https["Certificates"][0]["CertificateArn"].as_str().unwrap().to_owned();
    assert_eq!(region(&bench, |region| region.certificates[&arn].str("Status").to_owned()), "ISSUED");
    let http = listener(&bench, "80").unwrap();
    assert_eq!(http["DefaultActions"][0]["RedirectConfig"]["StatusCode"], "HTTP_301");
    let records = records(&bench);
    let of = |kind: &str| records.iter().find(|it| it["Type"] == kind).cloned().unwrap_or_else(|| panic!("no {kind} in {records:?}"));
    assert!(of("CNAME")["Name"].as_str().unwrap().ends_with("shop.example.com."));
    assert_eq!(of("A")["Name"], "shop.example.com.");
    all_done(bench.destroy().await);
    let left = self::records(&bench);
    assert!(left.len() == 2 && left.iter().all(|it| it["Type"] != "A" && it["Type"] != "CNAME"), "records of ours were left: {left:?}");
}

#[tokio::test(start_paused = true)]
async fn https_is_switched_on_and_off_in_place() {
    let bench = deployed(PLAIN).await;
    let https = format!("{PLAIN}https = true\ndomain = \"shop.example.com\"\nhosted_zone = \"example.com\"\n");
    all_done(bench.deploy(&https).await);
    assert!(listener(&bench, "443").is_some());
    assert!(!bench.plan(&https).await.changes());
    all_done(bench.deploy(PLAIN).await);
    assert_eq!(listener(&bench, "80").unwrap()["DefaultActions"][0]["Type"], "forward");
    assert_eq!(listener(&bench, "443"), None);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_somebody_else_made_is_not_overwritten() {
    let bench = Bench::new();
    bench.emulator.with_world(|world| {
        let zone = world.account.hosted_zones.get_mut("Z0EXAMPLE").unwrap();
        let theirs = json!({"Name": "shop.example.com.", "Type": "A", "TTL": "60", "ResourceRecords": [{"Value": "192.0.2.1"}]});
        zone.inside["records"].as_array_mut().unwrap().push(theirs);
    });
    let outcome = bench.deploy(EVERYTHING).await.unwrap();
    let at = Address::new(LayerName::Edge, "alias-record");
    assert!(outcome.failed.iter().any(|(address, fault)| *address == at && fault.class == engine::Class::Foreign), "{:#?}", outcome.failed);
    assert!(records(&bench).iter().any(|it| it["ResourceRecords"][0]["Value"] == "192.0.2.1"));
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_of_that_name_that_is_not_ours_is_refused() {
    let bench = deployed(PLAIN).await;
    region(&bench, |region| region.load_balancers.values_mut().for_each(|it| it.tags.clear()));
    let again = Bench { emulator: bench.emulator.clone(), ..Bench::new() };
    let refused = again.deploy(PLAIN).await.unwrap_err();
    assert!(refused.contains("not ours"), "{refused}");
}
