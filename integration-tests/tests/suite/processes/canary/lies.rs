//! AWS refuses a value and repeats it, as its validation errors do; or its answer with a value in it arrives damaged.

use super::{Honest, Shop, forms};
use bytes::Bytes;
use integration_tests::liar::Liar;
use std::sync::{Arc, Mutex};

/// How the value is repeated.
#[derive(Clone, Copy, Debug)]
pub(super) enum Repeats {
    Plain,
    UrlEncoded,
    Base64,
    CutOff,
}

/// Refuses the first call of `call` and repeats its secret.
pub(super) struct Parrot {
    pub call: &'static str,
    pub how: Repeats,
    pub told: Arc<Mutex<Vec<String>>>,
}

fn value_in(call: &str, body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body).into_owned();
    if call == "ssm:PutParameter" {
        let body: serde_json::Value = serde_json::from_str(&text).ok()?;
        return body["Value"].as_str().map(str::to_owned);
    }
    let field = text.split('&').find_map(|field| field.strip_prefix("MasterUserPassword="))?;
    Some(field.replace("%7E", "~"))
}

impl Liar for Parrot {
    fn instead(&self, call: &str, body: &[u8]) -> Option<http::Response<Bytes>> {
        if call != self.call {
            return None;
        }
        let value = value_in(call, body).unwrap();
        self.told.lock().unwrap().push(value.clone());
        let shown = match self.how {
            Repeats::Plain => value,
            Repeats::UrlEncoded => value.bytes().map(|byte| format!("%{byte:02X}")).collect(),
            Repeats::Base64 => {
                forms::forms(&value).into_iter().find(|form| form.len() > value.len() && form.contains("YW")).unwrap_or(value)
            }
            Repeats::CutOff => value[..value.len() / 2 + 1].to_owned(),
        };
        let message = format!("1 validation error detected: Value '{shown}' at 'value' failed to satisfy constraint");
        let (kind, body) = if call == "ssm:PutParameter" {
            ("application/x-amz-json-1.1", serde_json::json!({"__type": "ValidationException", "message": message}).to_string())
        } else {
            let error = format!("<Error><Type>Sender</Type><Code>InvalidParameterValue</Code><Message>{message}</Message></Error>");
            ("text/xml", format!("<ErrorResponse>{error}<RequestId>5eed</RequestId></ErrorResponse>"))
        };
        let answer = http::Response::builder().status(400).header("content-type", kind).header("x-amzn-requestid", "5eed");
        Some(answer.body(Bytes::from(body)).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_repeats_a_value_is_not_passed_on() {
    let mut shop = Shop::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let parrot = |call, how| Parrot { call, how, told: told.clone() };
    for how in [Repeats::Plain, Repeats::UrlEncoded, Repeats::Base64, Repeats::CutOff] {
        let format = if matches!(how, Repeats::Plain) { "json" } else { "human" };
        assert_eq!(shop.run(&["deploy", "--yes", "--format", format], parrot("ssm:PutParameter", how)).await, Some(1), "{how:?}");
        let said = shop.said(shop.runs);
        assert!(said.contains("ssm:PutParameter") && said.contains("ValidationException") && said.contains("5eed"), "{how:?}: {said}");
    }
    assert!(told.lock().unwrap().len() >= 8, "nothing was repeated");
    for how in [Repeats::Plain, Repeats::CutOff] {
        assert_eq!(shop.run(&["deploy", "--yes"], parrot("rds:CreateDBInstance", how)).await, Some(1), "{how:?}");
        let said = shop.said(shop.runs);
        assert!(said.contains("rds:CreateDBInstance") && said.contains("InvalidParameterValue"), "{how:?}: {said}");
    }
    let told = told.lock().unwrap().clone();
    shop.is_clean(&told, "AWS repeats what it refuses");
    assert_eq!(shop.run(&["deploy", "--yes"], Honest).await, Some(0), "{}", shop.said(shop.runs));
}

/// Damages the answers that hold a value.
struct Damage(fn(&str) -> String);

impl Liar for Damage {
    fn changed(&self, call: &str, answer: http::Response<Bytes>) -> http::Response<Bytes> {
        if call != "ssm:GetParameter" {
            return answer;
        }
        let (mut parts, body) = answer.into_parts();
        let body = (self.0)(&String::from_utf8_lossy(&body));
        parts.headers.remove("content-length");
        http::Response::from_parts(parts, Bytes::from(body))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_answer_with_a_value_is_not_shown() {
    let mut shop = Shop::new();
    let damages: [fn(&str) -> String; 3] = [
        |body| body[..body.len() - 3].to_owned(),
        |body| body.replace("\"Value\":\"", "\"Value\":["),
        |body| body.replace("\"Version\":1", "\"Version\":\"x\"").replace("\"Type\"", "\\\"Type\""),
    ];
    for damage in damages {
        assert_eq!(shop.run(&["deploy", "--yes"], Damage(damage)).await, Some(1), "{}", shop.said(shop.runs));
        assert!(shop.said(shop.runs).contains("ssm:GetParameter"), "{}", shop.said(shop.runs));
    }
    shop.is_clean(&[], "an answer arrives damaged");
}
