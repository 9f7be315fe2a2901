//! What every request passes on its way out: an answer that is known already, then the pace, then the fence.

use crate::pace::Pace;
use crate::request;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

/// How long one attempt may take once it has left, where the SDK does not count that itself.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(30);

/// A good answer, as it came.
#[derive(Debug)]
struct Answer {
    response: http::response::Parts,
    body: Bytes,
}

/// What was asked and answered: a question that was asked before, or is on its way, is not asked again. For a command that looks once and
/// changes nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memo(Arc<Mutex<HashMap<Question, Arc<OnceCell<Answer>>>>>);

/// Everything that makes a request different from another, without its time and its signature.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Question {
    method: String,
    uri: String,
    target: String,
    body: Bytes,
}

impl Memo {
    /// The place of this question; none for one that is not remembered: S3's objects are large, and a stream cannot be compared.
    fn place(&self, request: &HttpRequest) -> Option<Arc<OnceCell<Answer>>> {
        if !request::reads(request) || ["", "s3"].contains(&request::service(request)) {
            return None;
        }
        let question = Question {
            method: request.method().to_owned(),
            uri: request.uri().to_owned(),
            target: request.headers().get("x-amz-target").unwrap_or_default().to_owned(),
            body: Bytes::copy_from_slice(request.body().bytes()?),
        };
        Some(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(question).or_default().clone())
    }
}

/// A client, or the connector that it gives, behind pace and memory.
#[derive(Debug)]
struct Passage<T> {
    inner: T,
    pace: Pace,
    memo: Option<Memo>,
}

/// `client` at this pace, with this memory.
pub(crate) fn paced(client: SharedHttpClient, pace: &Pace, memo: Option<Memo>) -> SharedHttpClient {
    SharedHttpClient::new(Passage { inner: client, pace: pace.clone(), memo })
}

impl HttpClient for Passage<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Passage { inner, pace: self.pace.clone(), memo: self.memo.clone() })
    }

    fn validate_base_client_config(&self, components: &RuntimeComponentsBuilder, config: &ConfigBag) -> Result<(), BoxError> {
        self.inner.validate_base_client_config(components, config)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, config: &ConfigBag) -> Result<(), BoxError> {
        self.inner.validate_final_config(components, config)
    }
}

impl HttpConnector for Passage<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, pace) = (self.inner.clone(), self.pace.clone());
        let place = self.memo.as_ref().and_then(|memo| memo.place(&request));
        let timed = self.memo.is_some();
        HttpConnectorFuture::new(async move {
            let send = || async {
                pace.wait(request::service(&request), request::operation(&request)).await;
                if !timed {
                    return inner.call(request).await;
                }
                let late = |error: tokio::time::error::Elapsed| ConnectorError::timeout(error.into());
                tokio::time::timeout(ATTEMPT, inner.call(request)).await.map_err(late)?
            };
            match place {
                None => send().await,
                Some(place) => remembered(&place, send).await,
            }
        })
    }
}

/// The answer that is known, or the one that `send` brings. What is not a good answer is for the one who sent alone: the next one asks.
async fn remembered<F>(place: &OnceCell<Answer>, send: impl FnOnce() -> F) -> Result<HttpResponse, ConnectorError>
where
    F: Future<Output = Result<HttpResponse, ConnectorError>>,
{
    let mut other = None;
    let ask = || async {
        let response = send().await.map_err(Some)?;
        if !response.status().is_success() {
            other = Some(response);
            return Err(None);
        }
        let broken = |error: BoxError| Some(ConnectorError::io(error));
        let response = response.try_into_http1x().map_err(|error| broken(error.into()))?;
        let (response, body) = response.into_parts();
        let body = ByteStream::new(body).collect().await.map_err(|error| broken(error.into()))?.into_bytes();
        Ok(Answer { response, body })
    };
    match place.get_or_try_init(ask).await {
        Ok(Answer { response, body }) => {
            let answer = http::Response::from_parts(response.clone(), SdkBody::from(body.clone()));
            HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
        }
        Err(Some(error)) => Err(error),
        Err(None) => other.ok_or_else(|| ConnectorError::other("an answer was lost on its way here".into(), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Answers after a while; the first answers are refusals.
    #[derive(Clone, Debug, Default)]
    struct Far {
        calls: Arc<AtomicUsize>,
        refused: usize,
    }

    impl HttpConnector for Far {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            let number = self.calls.fetch_add(1, Ordering::SeqCst);
            let status: u16 = if number < self.refused { 400 } else { 200 };
            HttpConnectorFuture::new(async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(format!("answer {number}"))))
            })
        }
    }

    fn asking(service: &str, body: &'static str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST").unwrap();
        request.set_uri("https://aws/").unwrap();
        let scope = format!("AWS4-HMAC-SHA256 Credential=test/20261124/eu-north-1/{service}/aws4_request, SignedHeaders=host, Signature=0");
        request.headers_mut().insert("authorization", scope);
        request
    }

    /// What ten of the same are answered, and how many were sent.
    async fn ten(far: Far, memo: bool, service: &str, body: &'static str) -> (Vec<String>, usize) {
        let connector = SharedHttpConnector::new(far.clone());
        let passage = Passage { inner: connector, pace: Pace::new(1.0, None), memo: memo.then(Memo::default) };
        let asked = (0..10).map(|_| async {
            let answer = passage.call(asking(service, body)).await.unwrap();
            let (status, body) = (answer.status().as_u16(), answer.into_body());
            format!("{status} {}", String::from_utf8_lossy(body.bytes().unwrap()))
        });
        (join_all(asked).await, far.calls.load(Ordering::SeqCst))
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_twice_is_sent_once() {
        let (answers, sent) = ten(Far::default(), true, "ec2", "Action=DescribeVpcs").await;
        assert_eq!((answers, sent), (vec!["200 answer 0".to_owned(); 10], 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_told_to_the_one_who_asked_and_forgotten() {
        let (answers, sent) = ten(Far { refused: 2, ..Far::default() }, true, "ec2", "Action=DescribeVpcs").await;
        assert_eq!(answers.iter().filter(|it| it.starts_with("400")).count(), 2, "{answers:?}");
        assert_eq!((answers.iter().filter(|it| *it == "200 answer 2").count(), sent), (8, 3), "{answers:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_something_is_always_sent_and_so_is_everything_of_a_run() {
        assert_eq!(ten(Far::default(), true, "ec2", "Action=CreateVpc").await.1, 10);
        assert_eq!(ten(Far::default(), true, "s3", "Action=GetObject").await.1, 10);
        assert_eq!(ten(Far::default(), false, "ec2", "Action=DescribeVpcs").await.1, 10);
    }

    #[test]
    fn a_request_tells_its_service_and_its_operation() {
        let asked = asking("elasticloadbalancing", "Action=DescribeTags&Version=2015-12-01");
        assert_eq!((request::service(&asked), request::operation(&asked)), ("elasticloadbalancing", "DescribeTags"));
        let unsigned = HttpRequest::new(SdkBody::from("{}"));
        assert_eq!((request::service(&unsigned), request::operation(&unsigned)), ("", ""));
    }
}
