//! What is written into streams: what calls put there, and what the application of a container says, which is not run. The same stream
//! has the same lines whenever it is read: nothing of them is kept.

use super::now;
use crate::table::Item;
use crate::world::{Here, mix};
use serde_json::{Value, json};

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// When AWS got it.
    pub ingested: i64,
    /// The line.
    pub message: String,
    /// 56 digits: in the order of time.
    pub id: String,
    /// Its stream.
    pub stream: String,
}

/// How often the load balancer asks, in seconds of AWS. However fast time runs here, nobody is asked more often than once a second.
const ASKED: f64 = 10.0;
/// How many requests of a stream are shown at most: the newest.
const MOST: i64 = 5000;

/// Every event of a stream until now, the oldest first.
pub(super) fn all(here: &Here<'_>, stream: &Item) -> Vec<Event> {
    let (name, now) = (stream.str("logStreamName"), now(here));
    let place = name.bytes().fold(0, |sum, byte| mix(sum ^ u64::from(byte)));
    let event = |(index, (at, ingested, message)): (usize, (i64, i64, String))| {
        let id = format!("{at:013}{place:020}{index:023}");
        Event { at, ingested, message, id, stream: name.to_owned() }
    };
    let put = stream.inside["events"].as_array().into_iter().flatten().map(|event| {
        let number = |name: &str| event[name].as_i64().unwrap_or_default();
        (number("timestamp"), number("ingestionTime"), event["message"].as_str().unwrap_or_default().to_owned())
    });
    let said = said(stream, now).into_iter().map(|(at, message)| (at, at + 200, message));
    let mut events: Vec<Event> = put.chain(said).enumerate().map(event).collect();
    events.retain(|event| event.at <= now);
    events.sort_by(|a, b| a.id.cmp(&b.id));
    events
}

/// A line as the application of `examples/flask-app` writes it.
fn line(at: i64, level: &str, message: &str, request: &Value) -> (i64, String) {
    let time = jiff::Timestamp::from_millisecond(at).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string();
    let part = |name: &str| request.get(name).cloned().unwrap_or_default();
    let line = json!({
        "time": time, "level": level, "message": message, "request_id": part("request_id"), "path": part("path"),
        "status": part("status"), "duration_ms": part("duration_ms"),
    });
    (at, line.to_string())
}

/// What a container says until `now`.
fn said(stream: &Item, now: i64) -> Vec<(i64, String)> {
    let number = |name: &str| stream.inside[name].as_f64();
    let Some(from) = number("from") else { return Vec::new() };
    let (pace, port) = (number("pace").unwrap_or(1.0), stream.inside["port"].as_i64().unwrap_or(80));
    let ms = |seconds: f64| (seconds * 1000.0) as i64;
    // Within a fast second all is said at once.
    let after = |seconds: f64| ms(from + seconds * pace);
    let info = |seconds: f64, message: &str| line(after(seconds), "INFO", message, &Value::Null);
    let mut lines = vec![
        info(0.1, "Starting gunicorn 23.0.0"),
        info(0.2, &format!("Listening at: http://0.0.0.0:{port} (1)")),
        info(0.3, "Booting worker with pid: 7"),
    ];
    let fate = stream.inside["fate"].as_str().unwrap_or_default();
    let end = number("until").map_or(now, ms);
    if fate == "exits" {
        lines.extend(does_not_boot(&after));
    } else {
        lines.extend(requests(fate, (after(1.0), end.min(now), ms((ASKED * pace).max(1.0))), now));
    }
    match number("until").map(ms) {
        Some(end) if fate == "out-of-memory" => {
            lines.push(line(end, "ERROR", "Worker (pid:7) was sent SIGKILL! Perhaps out of memory?", &Value::Null));
        }
        Some(end) if fate != "exits" => {
            lines.push(line(end, "INFO", "Handling signal: term", &Value::Null));
            lines.push(line(end + 100, "INFO", "Shutting down: Master", &Value::Null));
        }
        _ => {}
    }
    lines
}

/// An application that lacks a setting.
fn does_not_boot(after: &impl Fn(f64) -> i64) -> Vec<(i64, String)> {
    let trace = [
        "Traceback (most recent call last):",
        "  File \"/app/app.py\", line 102, in create_app",
        "    config = config or Config.from_env()",
        "  File \"/app/app.py\", line 54, in from_env",
        "    raise ValueError(f\"not set: {', '.join(missing)}\")",
        "ValueError: not set: PAYMENT_URL",
    ];
    let mut lines = vec![line(after(1.0), "ERROR", "Exception in worker process", &Value::Null)];
    lines.extend(trace.iter().map(|text| (after(1.0), (*text).to_owned())));
    lines.push(line(after(2.0), "INFO", "Worker exiting (pid: 7)", &Value::Null));
    lines.push(line(after(3.0), "ERROR", "Worker (pid:7) exited with code 3", &Value::Null));
    lines.push(line(after(3.5), "ERROR", "Shutting down: Master", &Value::Null));
    lines.push(line(after(3.6), "ERROR", "Reason: Worker failed to boot.", &Value::Null));
    lines
}

/// What the load balancer asks, from the first to the last time, so often; times in milliseconds.
fn requests(fate: &str, (first, last, every): (i64, i64, i64), now: i64) -> Vec<(i64, String)> {
    let count = if last < first { 0 } else { (last.min(now) - first) / every + 1 };
    let mut lines = Vec::new();
    for number in (count - MOST).max(0)..count {
        let (at, luck) = (first + number * every, mix(first as u64 ^ number as u64));
        let (status, why) = match fate {
            "unhealthy" => (503, Some("not ready: OperationalError: connection to the database timed out")),
            "sick" => (500, Some("unexpected error: RuntimeError: the cache is not warm")),
            _ => (200, None),
        };
        let request = json!({
            "request_id": format!("{luck:016x}"), "path": "/healthz", "status": status, "duration_ms": 1.0 + (luck % 90) as f64 / 10.0,
        });
        if let Some(why) = why {
            let request = json!({"request_id": request["request_id"], "path": "/healthz"});
            lines.push(line(at, "ERROR", why, &request));
        }
        lines.push(line(at, "INFO", "GET /healthz", &request));
    }
    lines
}
