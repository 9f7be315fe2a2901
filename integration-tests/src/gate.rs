//! A gate in front of an AWS over HTTP: what may happen to a call between the wire and the world.

use crate::models;
use bytes::Bytes;
use emulator::sent::{Sent, sent};
use emulator::weather::{Fault, Weather, error, truncated};
use emulator::wire::Protocol;
use emulator::{AwsError, Emulator};
use futures::future::BoxFuture;
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

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
    /// Until when the call waits at the gate. It is carried out even when its client has gone meanwhile.
    fn holds(&self, _arrival: &Arrival) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
    /// After it was served, before its answer is sent.
    fn served(&self, _arrival: &Arrival) {}
}

/// Forwards to the emulator at `upstream` (`127.0.0.1:4566`) what fits AWS's models, until the end of the suite; the address it listens on.
pub async fn judged(upstream: &str) -> String {
    weather(upstream, Weather::calm()).await.0
}

/// Forwards to the emulator at `upstream` through this weather, until the task is dropped; the address it listens on. What does not fit
/// AWS's models is refused; calls of protocols that the embedded AWS does not know pass through.
pub async fn weather(upstream: &str, weather: Weather) -> (String, JoinHandle<()>) {
    models::enforce();
    let (upstream, weather) = (upstream.to_owned(), Arc::new(Mutex::new(weather)));
    listen(move |request| brave(upstream.clone(), weather.clone(), request)).await
}

/// Answers each request until the task is dropped; the address it listens on. An error closes the connection.
///
/// # Panics
/// When no port is free.
pub async fn listen<F, B>(answer: impl Fn(http::Request<Bytes>) -> F + Clone + Send + Sync + 'static) -> (String, JoinHandle<()>)
where
    F: Future<Output = Result<http::Response<B>, std::io::Error>> + Send,
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let accept = async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).ok();
            let answer = answer.clone();
            let service = service_fn(move |request: http::Request<Incoming>| {
                let answer = answer.clone();
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
                    answer(http::Request::from_parts(parts, body)).await
                }
            });
            tokio::spawn(async move {
                // A client that goes away in the middle is its own affair.
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
            });
        }
    };
    (url, tokio::spawn(accept))
}

/// The connection ends without an answer.
pub fn closed() -> std::io::Error {
    std::io::ErrorKind::ConnectionReset.into()
}

async fn brave(
    upstream: String,
    weather: Arc<Mutex<Weather>>,
    request: http::Request<Bytes>,
) -> Result<http::Response<Sent>, std::io::Error> {
    let Ok(parsed) = emulator::wire::parse(&request) else { return forward(&upstream, request).await.map(sent) };
    if let Some(error) = emulator::judge::refusal(&parsed.call) {
        return Ok(refused(parsed.protocol, &error));
    }
    let fault = weather.lock().unwrap().next(&parsed.call);
    match fault {
        None => forward(&upstream, request).await.map(sent),
        Some(Fault::ResetBefore) => Err(closed()),
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::CommittedThenLost) => forward(&upstream, request).await.and_then(|_| Err(closed())),
        Some(Fault::TruncatedBody) => forward(&upstream, request).await.and_then(|answer| truncated(answer).ok_or_else(closed)).map(sent),
        Some(fault) => {
            let error = error(fault, &parsed.call.service).ok_or_else(closed)?;
            Ok(refused(parsed.protocol, &error))
        }
    }
}

fn refused(protocol: Protocol, error: &AwsError) -> http::Response<Sent> {
    sent(emulator::wire::render_error(protocol, error, "00000000-0000-4000-8000-000000000000"))
}

/// Sends one request to the server at `upstream`.
///
/// # Errors
/// When no whole answer comes.
pub async fn forward(upstream: &str, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, std::io::Error> {
    let stream = TcpStream::connect(upstream).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
    tokio::spawn(connection);
    let answer = sender.send_request(request.map(Full::new)).await.map_err(std::io::Error::other)?;
    let (mut parts, body) = answer.into_parts();
    // The body is sent on as a whole, whatever form it came in.
    parts.headers.remove(http::header::TRANSFER_ENCODING);
    Ok(http::Response::from_parts(parts, body.collect().await.map_err(std::io::Error::other)?.to_bytes()))
}

/// Serves `emulator` behind `keeper` until the task is dropped; the address it listens on.
pub async fn serve(emulator: Emulator, keeper: Arc<dyn Keeper>) -> (String, JoinHandle<()>) {
    listen(move |request| pass(emulator.clone(), keeper.clone(), request)).await
}

async fn pass(
    emulator: Emulator,
    keeper: Arc<dyn Keeper>,
    request: http::Request<Bytes>,
) -> Result<http::Response<Full<Bytes>>, std::io::Error> {
    let call = emulator::wire::parse(&request).map(|parsed| parsed.call).map_err(|_| closed())?;
    let changing = emulator::services::is_changing(&call.action);
    let arrival = Arrival { call: format!("{}:{}", call.service, call.action), changing };
    let what = keeper.arrives(&arrival);
    if what == Pass::Closed {
        return Err(closed());
    }
    let held = keeper.holds(&arrival);
    let served = async move {
        held.await;
        let answer = emulator.handle(request).await;
        keeper.served(&arrival);
        answer
    };
    let answer = tokio::spawn(served).await.map_err(std::io::Error::other)?.ok_or_else(closed)?;
    if what == Pass::Unanswered { Err(closed()) } else { Ok(answer.map(Full::new)) }
}
