//! Requests to an application behind a load balancer, one by one or as a steady load: each begins at its time, whatever became of others.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HOST};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Nobody waits longer for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two questions.
const AGAIN: Duration = Duration::from_millis(100);

/// Where an application answers: an address, and the name by which the load balancer there knows it.
#[derive(Clone, Debug)]
pub struct Site {
    /// The load balancer's address.
    pub address: SocketAddr,
    /// Its name.
    pub host: String,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The request: its method and path.
    pub what: String,
    /// When it began, after the load did.
    pub at: Duration,
    /// How long it took.
    pub took: Duration,
    /// The status, or why there is none.
    pub status: Result<u16, String>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// Whether the user got what was asked for.
    pub fn good(&self) -> bool {
        self.status.as_ref().is_ok_and(|status| (200..300).contains(status))
    }

    /// The version that the application says it is, in an answer of `/healthz`.
    pub fn version(&self) -> Option<String> {
        self.json()["version"].as_str().map(str::to_owned)
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

impl Site {
    /// Asks once, on a connection of its own.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, String::new(), "alone").await
    }

    /// Asks until the answer is good and as it should be.
    ///
    /// # Panics
    /// When it is not within a minute.
    pub async fn until(&self, path: &str, as_it_should: impl Fn(&Answer) -> bool) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.get(path).await;
            if answer.good() && as_it_should(&answer) {
                return answer;
            }
            assert!(began.elapsed() < PATIENCE * 2, "{path}: {answer:?}");
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Sends a note with this title.
    pub async fn note(&self, title: &str, request_id: &str) -> Answer {
        self.ask("POST", "/notes", serde_json::json!({ "title": title }).to_string(), request_id).await
    }

    async fn ask(&self, method: &str, path: &str, body: String, request_id: &str) -> Answer {
        let (what, began) = (format!("{method} {path}"), Instant::now());
        let exchanged = timeout(PATIENCE, self.exchange(method, path, body, request_id)).await;
        let (status, body) = match exchanged {
            Ok(Ok((status, body))) => (Ok(status), String::from_utf8_lossy(&body).into_owned()),
            Ok(Err(problem)) => (Err(problem.to_string()), String::new()),
            Err(_) => (Err("no answer".to_owned()), String::new()),
        };
        Answer { what, at: Duration::ZERO, took: began.elapsed(), status, body }
    }

    async fn exchange(
        &self,
        method: &str,
        path: &str,
        body: String,
        id: &str,
    ) -> Result<(u16, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        let stream = tokio::net::TcpStream::connect(self.address).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let request = http::Request::builder().method(method).uri(path).header(HOST, &self.host).header(CONNECTION, "close");
        let request = request.header(CONTENT_TYPE, "application/json").header("x-request-id", id).body(Full::new(Bytes::from(body)))?;
        let answer = sender.send_request(request).await?;
        let (status, body) = (answer.status().as_u16(), answer.into_body().collect().await?.to_bytes());
        connection.abort();
        Ok((status, body))
    }

    /// One of the requests that users send: a note of five, else a reader.
    async fn user(&self, number: u32) -> Answer {
        match number % 5 {
            0 => self.note(&format!("note {number}"), &format!("load-{number}")).await,
            1 | 2 => self.get("/notes").await,
            3 => self.get("/readyz").await,
            _ => self.get("/healthz").await,
        }
    }
}

/// Users who come at a steady rate.
pub struct Load {
    stop: CancellationToken,
    users: JoinHandle<Vec<Answer>>,
}

impl Load {
    /// Begins with `rate` requests a second, for at most ten minutes.
    pub fn begin(site: &Site, rate: u32) -> Load {
        let (site, stop) = (Arc::new(site.clone()), CancellationToken::new());
        let stopped = stop.clone();
        let users = tokio::spawn(async move {
            let (began, mut users) = (Instant::now(), JoinSet::new());
            for number in 0..rate * 600 {
                let at = Duration::from_secs(1) * number / rate;
                tokio::select! {
                    () = stopped.cancelled() => break,
                    () = tokio::time::sleep_until(began + at) => {}
                }
                let site = site.clone();
                users.spawn(async move { Answer { at, ..site.user(number).await } });
            }
            users.join_all().await
        });
        Load { stop, users }
    }

    /// No new request; all answers.
    ///
    /// # Panics
    /// When a request did.
    pub async fn end(self) -> Vec<Answer> {
        self.stop.cancel();
        self.users.await.unwrap()
    }
}
