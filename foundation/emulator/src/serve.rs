//! The same world over HTTP, for any other client.

use crate::Emulator;
use crate::sent::{Sent, sent};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

impl Emulator {
    /// Serves until the task is dropped.
    ///
    /// # Errors
    /// When the listener stops accepting.
    pub async fn serve(self, listener: TcpListener) -> std::io::Result<()> {
        loop {
            let (stream, _) = listener.accept().await?;
            let emulator = self.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(emulator.clone(), request));
                // A client that goes away in the middle is its own affair.
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
            });
        }
    }
}

/// An error here makes hyper close the connection without an answer, which is what bad weather is.
async fn answer(emulator: Emulator, request: http::Request<Incoming>) -> Result<http::Response<Sent>, std::io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let answer = emulator.handle(http::Request::from_parts(parts, body)).await;
    answer.map(sent).ok_or_else(|| std::io::Error::from(std::io::ErrorKind::ConnectionReset))
}
