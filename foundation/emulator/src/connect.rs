//! The SDK's HTTP client without a socket.

use crate::Emulator;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use hyper::body::{Body, Frame};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

impl Emulator {
    /// An HTTP client for the SDK whose other end is this world.
    pub fn connector(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }
}

impl HttpClient for Emulator {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Line { emulator: self.clone(), patience: settings.read_timeout().unwrap_or(Duration::MAX) })
    }
}

/// A connection of one client.
#[derive(Debug)]
struct Line {
    emulator: Emulator,
    /// How long the client waits for an answer.
    patience: Duration,
}

/// A body that ends too early.
struct Cut(Option<Bytes>);

impl Body for Cut {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(Some(match self.0.take() {
            Some(half) => Ok(Frame::data(half)),
            None => Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)),
        }))
    }
}

fn is_cut(answer: &http::Response<Bytes>) -> bool {
    let length = answer.headers().get(http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    length.is_some_and(|length: usize| length > answer.body().len())
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (emulator, patience) = (self.emulator.clone(), self.patience);
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (parts, body) = request.into_parts();
            let body = match body.bytes() {
                Some(bytes) => Bytes::copy_from_slice(bytes),
                None => return Err(ConnectorError::user("the embedded AWS takes no streamed body".into())),
            };
            let answer = tokio::time::timeout(patience, emulator.handle(http::Request::from_parts(parts, body))).await;
            let Some(answer) = answer.map_err(|late| ConnectorError::timeout(late.into()))? else {
                return Err(ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()));
            };
            let cut = is_cut(&answer);
            let (parts, body) = answer.into_parts();
            let body = if cut { SdkBody::from_body_1_x(Cut(Some(body))) } else { SdkBody::from(body) };
            HttpResponse::try_from(http::Response::from_parts(parts, body)).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}
