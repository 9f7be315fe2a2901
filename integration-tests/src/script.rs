//! Refusals in AWS's own words, for so many calls of one operation, and the time that calls are on their way: what the embedded AWS does
//! not come to by itself.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use emulator::{AwsError, Emulator};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// What is refused; clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Script {
    rules: Arc<Mutex<Vec<Rule>>>,
    calls: Arc<Mutex<BTreeMap<String, usize>>>,
    breaks: Option<String>,
    carried: Arc<Mutex<Vec<String>>>,
    latency: Duration,
    log: Arc<Mutex<Vec<(String, Instant)>>>,
}

#[derive(Clone, Debug)]
struct Rule {
    call: String,
    times: usize,
    error: AwsError,
}

impl Script {
    /// Refuses the next `times` calls of `call` (`service:Operation`).
    pub fn refuse(self, call: &str, times: usize, code: &str, message: &str) -> Script {
        let rule = Rule { call: call.to_owned(), times, error: AwsError::bad(code, message) };
        self.rules.lock().unwrap().push(rule);
        self
    }

    /// Each call takes so long to arrive. On a paused clock, the time of a run counts the calls that wait for each other.
    pub fn slow(self, latency: Duration) -> Script {
        Script { latency, ..self }
    }

    /// The client panics at the first call of `call`.
    pub fn breaks(self, call: &str) -> Script {
        Script { breaks: Some(call.to_owned()), ..self }
    }

    /// The secret values that were on their way when the client broke.
    pub fn carried(&self) -> Vec<String> {
        self.carried.lock().unwrap().clone()
    }

    fn may_break(&self, call: &str, body: &[u8]) {
        if self.breaks.as_deref() != Some(call) {
            return;
        }
        let text = String::from_utf8_lossy(body).into_owned();
        let json = serde_json::from_str(&text).ok().and_then(|body: serde_json::Value| body["Value"].as_str().map(str::to_owned));
        let form = text.split('&').find_map(|field| field.strip_prefix("MasterUserPassword=")).map(|value| value.replace("%7E", "~"));
        self.carried.lock().unwrap().extend(json.or(form));
        panic!("the client breaks in {call}");
    }

    /// How often each call arrived, refused or not.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.calls.lock().unwrap().clone()
    }

    /// Every call with the moment at which it left, in their order.
    pub fn log(&self) -> Vec<(String, Instant)> {
        self.log.lock().unwrap().clone()
    }

    /// How often `call` arrived, refused or not.
    pub fn count(&self, call: &str) -> usize {
        self.calls.lock().unwrap().get(call).copied().unwrap_or_default()
    }

    /// A client of `emulator` that comes by this script first.
    pub fn connector(&self, emulator: &Emulator) -> SharedHttpClient {
        SharedHttpClient::new(Scripted { script: self.clone(), emulator: emulator.clone() })
    }

    fn next(&self, call: &str) -> Option<AwsError> {
        *self.calls.lock().unwrap().entry(call.to_owned()).or_default() += 1;
        let mut rules = self.rules.lock().unwrap();
        let rule = rules.iter_mut().find(|rule| rule.call == call && rule.times > 0)?;
        rule.times -= 1;
        Some(rule.error.clone())
    }
}

#[derive(Clone, Debug)]
struct Scripted {
    script: Script,
    emulator: Emulator,
}

impl HttpClient for Scripted {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Scripted {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let here = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (parts, body) = request.into_parts();
            let body = body.bytes().map(Bytes::copy_from_slice).unwrap_or_default();
            let request = http::Request::from_parts(parts, body);
            let refused = match emulator::wire::parse(&request) {
                Ok(parsed) => {
                    let call = format!("{}:{}", parsed.call.service, parsed.call.action);
                    here.script.log.lock().unwrap().push((call.clone(), Instant::now()));
                    tokio::time::sleep(here.script.latency).await;
                    here.script.may_break(&call, request.body());
                    let error = here.script.next(&call);
                    error.map(|error| emulator::wire::render_error(parsed.protocol, &error, "5c417700"))
                }
                Err(_) => None,
            };
            let answer = match refused {
                Some(refused) => Some(refused),
                None => here.emulator.handle(request).await,
            };
            let reset = || ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into());
            let (parts, body) = answer.ok_or_else(reset)?.into_parts();
            HttpResponse::try_from(http::Response::from_parts(parts, SdkBody::from(body)))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}
