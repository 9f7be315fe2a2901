//! The embedded AWS over HTTP, with some of its answers replaced.

use bytes::Bytes;
use emulator::Emulator;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Decides what is answered.
pub trait Liar: Send + Sync + 'static {
    /// An answer instead of the world's; the call (`service:Operation`) is not carried out then.
    fn instead(&self, _call: &str, _body: &[u8]) -> Option<http::Response<Bytes>> {
        None
    }

    /// The world's answer, changed.
    fn changed(&self, _call: &str, answer: http::Response<Bytes>) -> http::Response<Bytes> {
        answer
    }
}

/// Serves `emulator` behind `liar` until the task is dropped; the address it listens on.
///
/// # Panics
/// When no port is free.
pub async fn serve(emulator: Emulator, liar: Arc<dyn Liar>) -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let accept = async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (emulator, liar) = (emulator.clone(), liar.clone());
            let service = service_fn(move |request| answer(emulator.clone(), liar.clone(), request));
            tokio::spawn(async move {
                // A client that goes away in the middle is its own affair.
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
            });
        }
    };
    (url, tokio::spawn(accept))
}

async fn answer(
    emulator: Emulator,
    liar: Arc<dyn Liar>,
    request: http::Request<Incoming>,
) -> Result<http::Response<Full<Bytes>>, std::io::Error> {
    let closed = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let request = http::Request::from_parts(parts, body.clone());
    let call = emulator::wire::parse(&request).map(|parsed| format!("{}:{}", parsed.call.service, parsed.call.action)).unwrap_or_default();
    if let Some(answer) = liar.instead(&call, &body) {
        return Ok(answer.map(Full::new));
    }
    let answer = emulator.handle(request).await.ok_or_else(closed)?;
    Ok(liar.changed(&call, answer).map(Full::new))
}
