//! logs of the real binary: what people and programs read, and how following ends.

use integration_tests::process::binary;
use integration_tests::processes::{Gate, Shop};
use integration_tests::schema::valid;
use std::time::Duration;

async fn deployed() -> Shop {
    let shop = Shop::new(binary(), "");
    shop.must(&["deploy", "--yes"], 0, "deploy").await;
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_are_shown_in_the_order_of_time_and_filtered() {
    let shop = deployed().await;
    let said = shop.must(&["logs"], 0, "logs").await;
    let times: Vec<&str> = said.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert!(times.len() > 4 && times.is_sorted() && said.contains("Starting gunicorn"), "{said}");
    let filtered = shop.must(&["logs", "--filter", "Booting", "--json", "--since", "1d"], 0, "logs").await;
    for line in filtered.lines() {
        let document = valid("logs.json", line);
        assert!(document["message"].as_str().unwrap().contains("Booting") && document["group"] == "/ecs/shop-local/app", "{document:#}");
    }
    assert!(!filtered.is_empty() && shop.must(&["logs", "--filter", "NOTHING"], 0, "logs").await.is_empty());
    let wrong = shop.must(&["logs", "--filter", "not-quoted"], 1, "logs").await;
    assert!(wrong.contains("double quotes"), "{wrong}");
    let flow = shop.must(&["logs", "--service", "flow"], 1, "logs").await;
    assert!(flow.contains("observability.flow_logs"), "{flow}");
    shop.must(&["logs", "--service", "database"], 0, "logs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn following_shows_each_line_once_until_ctrl_c() {
    let shop = deployed().await;
    let mut following = shop.start("calm", &["logs", "--follow", "--json"], &Gate::open()).await;
    following.says("GET /healthz").await;
    let before = following.said().lines().count();
    while following.said().lines().count() < before + 4 {
        assert!(following.poll().is_none(), "{}", following.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    following.signal("INT");
    assert_eq!(following.ended().await.code, Some(0), "{}", following.said());
    let said = following.said();
    let mut ids: Vec<String> = said.lines().map(|line| valid("logs.json", line)["id"].to_string()).collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "a line was shown twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saved_query_is_a_table_or_a_document() {
    let shop = deployed().await;
    let table = shop.must(&["logs", "query", "status"], 0, "a query").await;
    assert!(table.contains("requests") && table.contains("200") && table.contains("rows from"), "{table}");
    let document = shop.must(&["logs", "query", "status", "--format", "json"], 0, "a query").await;
    let document = valid("log_query.json", &document);
    assert!(document["rows"][0]["status"] == "200" && document["scanned"].as_f64() > Some(0.0), "{document:#}");
    let unknown = shop.must(&["logs", "query", "nix"], 1, "a query").await;
    assert!(unknown.contains("there are: ") && unknown.contains("latency"), "{unknown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_in_the_bucket_or_says_what_its_policy_lacks() {
    let shop = deployed().await;
    for (to, words) in [("bucket", "not a place in S3"), ("s3://", "not a place in S3")] {
        let said = shop.must(&["logs", "export", "--to", to], 3, "an export").await;
        assert!(said.contains(words), "{said}");
    }
    let said = shop.must(&["logs", "export", "--to", "s3://nowhere/logs"], 1, "an export").await;
    assert!(said.contains("does not exist or is in a different region"), "{said}");
    let mut bucket = emulator::services::s3::Bucket { region: "eu-north-1".into(), ..Default::default() };
    let put = |bucket| shop.emulator.with_world(|world| world.account.buckets.insert("shop-archive".into(), bucket));
    put(bucket.clone());
    let said = shop.must(&["logs", "export", "--to", "s3://shop-archive/logs"], 1, "an export").await;
    assert!(said.contains("logs.eu-north-1.amazonaws.com") && said.contains("s3:PutObject"), "{said}");
    let policy = serde_json::json!({"Statement": [{"Effect": "Allow", "Principal": {"Service": "logs.eu-north-1.amazonaws.com"},
        "Action": ["s3:GetBucketAcl", "s3:PutObject"], "Resource": "*"}]});
    bucket.settings.insert("BucketPolicy".into(), serde_json::json!(policy.to_string()));
    put(bucket);
    let said = shop.must(&["logs", "export", "--to", "s3://shop-archive/logs/", "--format", "json"], 0, "an export").await;
    let document = valid("log_exports.json", &said);
    let place = document["exports"][0]["place"].as_str().unwrap().strip_prefix("s3://shop-archive/").unwrap().to_owned();
    let files = shop.emulator.with_world(|world| world.account.buckets["shop-archive"].objects.clone());
    let file = files.iter().find(|(name, _)| name.starts_with(&place)).unwrap_or_else(|| panic!("{place} in {:?}", files.keys()));
    assert!(file.1.text().contains("Starting gunicorn"));
}
