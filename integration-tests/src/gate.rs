//! A gate in front of the embedded AWS over HTTP: what may happen to a call between the wire and the world.

use bytes::Bytes;
use emulator::Emulator;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::net::TcpListener;

/// One call at the gate.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// `service:Operation`.
    pub call: String,
    /// Whether it may change something.
    pub changing: bool,
}

/// What the gate does with a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pass {
    /// It is served and answered.
    Through,
    /// It is served; its answer is not sent.
    Unanswered,
    /// It is not served; the connection closes.
    Closed,
}

/// Decides what happens to each call, in the order of arrival.
pub trait Keeper: Send + Sync + 'static {
    /// Before the call is served.
    fn arrives(&self, arrival: &Arrival) -> Pass;
    /// After it was served, before its answer is sent.
    fn served(&self, _arrival: &Arrival) {}
}

/// Serves `emulator` behind `keeper` until the task is dropped; the address it listens on.
pub async fn serve(emulator: Emulator, keeper: Arc<dyn Keeper>) -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let accept = async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (emulator, keeper) = (emulator.clone(), keeper.clone());
            let service = service_fn(move |request| pass(emulator.clone(), keeper.clone(), request));
            tokio::spawn(async move {
                // A client that goes away in the middle is what the gate is for.
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
            });
        }
    };
    (url, tokio::spawn(accept))
}

async fn pass(
    emulator: Emulator,
    keeper: Arc<dyn Keeper>,
    request: http::Request<Incoming>,
) -> Result<http::Response<Full<Bytes>>, std::io::Error> {
    let closed = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let request = http::Request::from_parts(parts, body);
    let call = emulator::wire::parse(&request).map(|parsed| parsed.call).map_err(|_| closed())?;
    let changing = emulator::services::is_changing(&call.action);
    let arrival = Arrival { call: format!("{}:{}", call.service, call.action), changing };
    let what = keeper.arrives(&arrival);
    if what == Pass::Closed {
        return Err(closed());
    }
    let answer = emulator.handle(request).await.ok_or_else(closed)?;
    keeper.served(&arrival);
    if what == Pass::Unanswered { Err(closed()) } else { Ok(answer.map(Full::new)) }
}
