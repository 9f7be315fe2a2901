//! The embedded AWS over HTTP, with some of its answers replaced.

use crate::gate;
use bytes::Bytes;
use emulator::Emulator;
use http_body_util::Full;
use std::sync::Arc;

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
    gate::listen(move |request| answer(emulator.clone(), liar.clone(), request)).await
}

async fn answer(
    emulator: Emulator,
    liar: Arc<dyn Liar>,
    request: http::Request<Bytes>,
) -> Result<http::Response<Full<Bytes>>, std::io::Error> {
    let body = request.body().clone();
    let call = emulator::wire::parse(&request).map(|parsed| format!("{}:{}", parsed.call.service, parsed.call.action)).unwrap_or_default();
    if let Some(answer) = liar.instead(&call, &body) {
        return Ok(answer.map(Full::new));
    }
    let answer = emulator.handle(request).await.ok_or_else(gate::closed)?;
    Ok(liar.changed(&call, answer).map(Full::new))
}
