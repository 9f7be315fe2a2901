//! The SDK's HTTP client without a socket.

use crate::Emulator;
use crate::sent::sent;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
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
            let (parts, body) = sent(answer).into_parts();
            let body = SdkBody::from_body_1_x(body);
            HttpResponse::try_from(http::Response::from_parts(parts, body)).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}
