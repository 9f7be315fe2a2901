//! doctor of the real binary: what the account, its registry and its certificates would make of a deploy, line by line.

use super::status::{document, json};
use bytes::Bytes;
use emulator::World;
use emulator::table::Item;
use emulator::weather::{Fault, Weather};
use integration_tests::liar::{self, Liar};
use integration_tests::process::{binary, command, said};
use integration_tests::processes::Shop;
use serde_json::{Value, json};
use std::sync::Arc;

/// The line about `subject`, of a document.
fn line<'a>(document: &'a Value, subject: &str) -> &'a Value {
    let checks = document["checks"].as_array().unwrap();
    checks.iter().find(|it| it["subject"] == subject).unwrap_or_else(|| panic!("no {subject} in {document:#}"))
}

fn level(document: &Value, subject: &str) -> String {
    line(document, subject)["level"].as_str().unwrap().to_owned()
}

fn text(document: &Value, subject: &str) -> String {
    let line = line(document, subject);
    format!("{} {}", line["text"].as_str().unwrap(), line["hint"].as_str().unwrap_or_default())
}

async fn doctor(shop: &Shop, code: i32) -> Value {
    json(shop, &["doctor"], code).await
}

fn configure(shop: &Shop, more: &str) {
    let file = shop.dir.path().join("envs/local.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + more).unwrap();
}

fn user(world: &mut World, statements: Value) {
    let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    world.account.users.insert("local".into(), Item { inside: json!({"policies": {"deploys": policy}}), ..Item::default() });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permissions_are_simulated_for_every_action_that_the_layers_need() {
    let shop = Shop::new(binary(), "");
    let well = doctor(&shop, 0).await;
    assert_eq!(level(&well, "permissions"), "ok", "{well:#}");
    assert!(line(&well, "permissions")["facts"]["actions"].as_u64() > Some(150), "{well:#}");

    let few = json!({"Effect": "Deny", "Action": ["ec2:CreateVpc", "rds:Delete*"], "Resource": "*"});
    shop.emulator.with_world(|world| user(world, json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}, few])));
    let ill = doctor(&shop, 1).await;
    let denied = line(&ill, "permissions")["facts"]["denied"].clone();
    assert_eq!(
        denied,
        json!(["ec2:CreateVpc", "rds:DeleteDBInstance", "rds:DeleteDBParameterGroup", "rds:DeleteDBSubnetGroup"]),
        "{ill:#}"
    );
    // Only the layers that are asked for.
    let other = json(&shop, &["doctor", "--layer", "secrets"], 0).await;
    assert_eq!(level(&other, "permissions"), "ok", "{other:#}");

    shop.emulator.with_world(|world| user(world, json!([{"Effect": "Allow", "Action": "*:Describe*", "Resource": "*"}])));
    let told = shop.must(&["doctor"], 1, "nothing is allowed").await;
    assert!(
        told.contains("may not do")
            && told.contains("application-autoscaling:")
            && told.contains(" more")
            && !told.contains("ssm:PutParameter"),
        "{told}"
    );

    // A condition about a key that only the call itself has.
    let boss = json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/role": "boss"}}});
    shop.emulator.with_world(|world| user(world, json!([boss])));
    let open = doctor(&shop, 0).await;
    assert!(level(&open, "permissions") == "warn" && text(&open, "permissions").contains("aws:PrincipalTag/role"), "{open:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_ask_is_told_what_to_allow_and_everything_else() {
    let shop = Shop::new(binary(), "");
    shop.emulator.weather(Weather::always(Fault::AccessDenied, "iam:SimulatePrincipalPolicy"));
    let told = doctor(&shop, 0).await;
    assert!(
        level(&told, "permissions") == "warn" && text(&told, "permissions").contains("allow it iam:SimulatePrincipalPolicy"),
        "{told:#}"
    );
    assert_eq!((level(&told, "names"), level(&told, "image")), ("ok".into(), "ok".into()));
    // A list of objects that is refused ends nothing but its own line.
    let denied = |call: &str| Weather::always(Fault::AccessDenied, call);
    shop.emulator.weather(denied("rds:DescribeDBSubnetGroups"));
    let told = doctor(&shop, 1).await;
    assert!(level(&told, "tags") == "fail" && text(&told, "tags").contains("rds:DescribeDBSubnetGroups"), "{told:#}");
    assert_eq!((level(&told, "permissions"), level(&told, "vpc quota")), ("ok".into(), "ok".into()));
    shop.emulator.weather(denied("rds:DescribeOrderableDBInstanceOptions"));
    let told = doctor(&shop, 1).await;
    assert!(text(&told, "preflight").contains("rds:DescribeOrderableDBInstanceOptions"), "{told:#}");
    // Credentials that have ended end it: nothing can be told.
    shop.emulator.weather(Weather::always(Fault::ExpiredToken, "sts:GetCallerIdentity"));
    shop.must(&["doctor"], 6, "ended credentials").await;
}

/// Another end, which does not know one operation.
struct Without(&'static str);

impl Liar for Without {
    fn instead(&self, call: &str, _: &[u8]) -> Option<http::Response<Bytes>> {
        let answer = http::Response::builder().status(400).header("content-type", "application/x-amz-json-1.1");
        (call == self.0).then(|| answer.body(Bytes::from_static(br#"{"__type": "UnknownOperationException"}"#)).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_fails_is_a_line_and_ends_nothing() {
    let shop = Shop::new(binary(), "");
    let call = "application-autoscaling:DescribeScalableTargets";
    let (url, server) = liar::serve(shop.emulator.clone(), Arc::new(Without(call))).await;
    let mut asked = command(shop.dir.path(), &["doctor", "--format", "json", "--env", "local", "--endpoint-url", &url]);
    let output = tokio::task::spawn_blocking(move || asked.output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let told = document(&said(&output));
    assert!(level(&told, "tags") == "fail" && text(&told, "tags").contains(call), "{told:#}");
    assert_eq!((level(&told, "permissions"), level(&told, "vpc quota")), ("ok".into(), "ok".into()));
    server.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_vpc_must_fit_into_the_quota_of_the_region() {
    let shop = Shop::new(binary(), "");
    let free = doctor(&shop, 0).await;
    let facts = &line(&free, "vpc quota")["facts"];
    assert_eq!((level(&free, "vpc quota"), &facts["taken"], &facts["limit"]), ("ok".into(), &json!(0), &json!(5)), "{free:#}");
    shop.must(&["deploy", "--yes"], 0, "deploy").await;
    assert!(text(&doctor(&shop, 0).await, "vpc quota").contains("the VPC is there"));
    // Another account, which is full of VPCs of others.
    let mut one = shop.emulator.with_world(|world| world.regions["eu-north-1"].ec2.vpcs.values().next().unwrap().clone());
    one.tags.clear();
    let full = Shop::new(binary(), "");
    let others = (0..5).map(|number| (format!("vpc-0{number}"), one.clone()));
    full.emulator.with_world(|world| world.regions.entry("eu-north-1".into()).or_default().ec2.vpcs.extend(others));
    let told = doctor(&full, 1).await;
    assert!(level(&told, "vpc quota") == "fail" && text(&told, "vpc quota").contains("5 of 5 VPCs"), "{told:#}");
    let plan = full.must(&["plan"], 0, "plan").await;
    assert!(plan.contains("warning: vpc quota: 5 of 5 VPCs") && !plan.contains("permissions"), "{plan}");
    full.emulator.with_world(|world| world.regions.get_mut("eu-north-1").unwrap().quotas.extend([("L-F678F1CE".to_owned(), 20.0)]));
    assert!(text(&doctor(&full, 0).await, "vpc quota").contains("5 of 20 VPCs"));
    full.emulator.weather(Weather::always(Fault::AccessDenied, "servicequotas:GetServiceQuota"));
    let told = doctor(&full, 0).await;
    assert!(level(&told, "vpc quota") == "warn" && text(&told, "vpc quota").contains("allow servicequotas:GetServiceQuota"), "{told:#}");
}

/// A call of ECR's JSON protocol.
fn ecr(shop: &Shop, operation: &str, input: &Value) -> Value {
    let request = http::Request::post("https://api.ecr.eu-north-1.amazonaws.com/")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=test/20261124/eu-north-1/ecr/aws4_request, SignedHeaders=host, Signature=0")
        .header("x-amz-target", format!("AmazonEC2ContainerRegistry_V20150921.{operation}"));
    let call = emulator::wire::parse(&request.body(input.to_string().into()).unwrap()).unwrap().call;
    shop.emulator.with_world(|world| emulator::services::dispatch(world, &call)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_in_ecr_must_be_there() {
    let shop = Shop::new(binary(), "");
    assert!(text(&doctor(&shop, 0).await, "image").contains("only ECR can be"));
    let repository = "123456789012.dkr.ecr.eu-north-1.amazonaws.com/shop/app";
    configure(&shop, &format!("\n[compute]\nimage = \"{repository}:1.0\"\n"));
    let none = doctor(&shop, 1).await;
    assert!(level(&none, "image") == "fail" && text(&none, "image").contains("create-repository --repository-name shop/app"), "{none:#}");
    ecr(&shop, "CreateRepository", &json!({"repositoryName": "shop/app"}));
    let put = |tag: &str| {
        ecr(&shop, "PutImage", &json!({"repositoryName": "shop/app", "imageTag": tag, "imageManifest": format!("{{\"{tag}\": 1}}")}))
    };
    let digest = put("0.9")["image"]["imageId"]["imageDigest"].as_str().unwrap().to_owned();
    let other = doctor(&shop, 1).await;
    assert!(level(&other, "image") == "fail" && text(&other, "image").contains("push it"), "{other:#}");
    let plan = shop.must(&["plan"], 0, "plan").await;
    assert!(plan.contains("warning: image: ") && plan.contains("this image is not in it"), "{plan}");
    put("1.0");
    assert_eq!(level(&doctor(&shop, 0).await, "image"), "ok");
    // By digest, with and without a tag that somebody may have moved.
    for name in [format!("{repository}@{digest}"), format!("{repository}:gone@{digest}")] {
        let told = shop.must(&["doctor", "--format", "json"], 0, "before").await;
        assert_eq!(level(&document(&told), "image"), "ok");
        let file = shop.dir.path().join("envs/local.toml");
        let toml = std::fs::read_to_string(&file).unwrap();
        let (before, _) = toml.split_once("image = ").unwrap();
        std::fs::write(&file, format!("{before}image = \"{name}\"\n")).unwrap();
        assert_eq!(level(&doctor(&shop, 0).await, "image"), "ok", "{name}");
    }
    // What runs is not made anew: its image may go.
    shop.must(&["deploy", "--yes"], 0, "deploy").await;
    shop.emulator.with_world(|world| world.regions.values_mut().next().unwrap().repositories.clear());
    assert_eq!(level(&doctor(&shop, 0).await, "image"), "warn");
    shop.emulator.weather(Weather::always(Fault::AccessDenied, "ecr:DescribeImages"));
    assert!(text(&doctor(&shop, 0).await, "image").contains("allow ecr:DescribeImages"));
}

const CERTIFICATE: &str = "arn:aws:acm:eu-north-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef";

fn certificate(shop: &Shop, status: &str) {
    let body = json!({"CertificateArn": CERTIFICATE, "DomainName": "*.example.com", "SubjectAlternativeNames": ["*.example.com"],
        "Status": status, "Type": "AMAZON_ISSUED", "KeyAlgorithm": "RSA_2048", "DomainValidationOptions": []});
    let item = Item::new(body, Default::default());
    shop.emulator.with_world(|world| drop(world.regions.values_mut().next().unwrap().certificates.insert(CERTIFICATE.into(), item)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_given_must_be_issued() {
    let shop = Shop::new(binary(), "");
    let without = doctor(&shop, 0).await;
    assert!(!without["checks"].as_array().unwrap().iter().any(|it| it["subject"] == "certificate"), "{without:#}");
    let file = shop.dir.path().join("envs/local.toml");
    let toml = std::fs::read_to_string(&file).unwrap();
    let edge = format!("[edge]\nhttps = true\ndomain = \"shop.example.com\"\ncertificate_arn = \"{CERTIFICATE}\"");
    std::fs::write(&file, toml.replace("[edge]", &edge)).unwrap();
    let gone = doctor(&shop, 1).await;
    assert!(level(&gone, "certificate") == "fail" && text(&gone, "certificate").contains("does not exist in this region"), "{gone:#}");
    for (status, told) in [
        ("PENDING_VALIDATION", "write the CNAME record"),
        ("FAILED", "is failed"),
        ("EXPIRED", "is expired"),
        ("VALIDATION_TIMED_OUT", "is validation timed out"),
    ] {
        certificate(&shop, status);
        let ill = doctor(&shop, 1).await;
        assert!(level(&ill, "certificate") == "fail" && text(&ill, "certificate").contains(told), "{status}: {ill:#}");
        assert_eq!(line(&ill, "certificate")["facts"]["status"], status);
    }
    certificate(&shop, "ISSUED");
    assert_eq!(level(&doctor(&shop, 0).await, "certificate"), "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_ours_needs_its_zone() {
    let shop = Shop::new(binary(), "");
    let file = shop.dir.path().join("envs/local.toml");
    let toml = std::fs::read_to_string(&file).unwrap();
    let edge = "[edge]\nhttps = true\ndomain = \"shop.example.com\"\nhosted_zone = \"example.com\"";
    std::fs::write(&file, toml.replace("[edge]", edge)).unwrap();
    let gone = doctor(&shop, 1).await;
    assert!(
        level(&gone, "hosted zone") == "fail" && text(&gone, "hosted zone").contains("no public hosted zone `example.com`"),
        "{gone:#}"
    );
    shop.emulator.with_world(integration_tests::furnish);
    let there = doctor(&shop, 0).await;
    assert_eq!((level(&there, "hosted zone"), line(&there, "hosted zone")["facts"]["zone"].clone()), ("ok".into(), json!("Z0EXAMPLE")));
    assert!(text(&there, "certificate").contains("will be made, and validated in the zone example.com"), "{there:#}");
    shop.must(&["deploy", "--yes"], 0, "deploy").await;
    assert!(text(&doctor(&shop, 0).await, "certificate").contains("is issued"));
}
