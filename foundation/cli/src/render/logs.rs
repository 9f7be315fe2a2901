//! Lines of logs for people. Others wrote them: no character of them may move a terminal's cursor.

use super::words::visible;
use anstyle::{AnsiColor, Style};
use engine::log::Line;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// Told apart on light and dark ground.
const COLOURS: [AnsiColor; 6] =
    [AnsiColor::Cyan, AnsiColor::Green, AnsiColor::Yellow, AnsiColor::Magenta, AnsiColor::Blue, AnsiColor::BrightRed];
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The same stream has the same colour in every run.
fn colour(stream: &str) -> Style {
    let mut hash = DefaultHasher::new();
    stream.hash(&mut hash);
    COLOURS[(hash.finish() % COLOURS.len() as u64) as usize].on_default()
}

/// `app/app/0123456789abcdef0123456789abcdef` as `app/01234567`: the container and the beginning of its task.
fn short(stream: &str) -> String {
    let parts: Vec<&str> = stream.split('/').collect();
    match parts.as_slice() {
        [_, container, task] if task.len() >= 32 && task.is_ascii() => format!("{container}/{}", &task[..8]),
        _ => stream.to_owned(),
    }
}

/// A time of a log: `2026-11-24T10:00:00.000Z`, in the form of [`jiff::Timestamp::strftime`].
pub(crate) fn time(at: i64, form: &str) -> String {
    jiff::Timestamp::from_millisecond(at).unwrap_or_default().strftime(form).to_string()
}

/// A line with its time and stream. Within a day the date is known. All times are UTC, as in the lines themselves.
pub(crate) fn line(it: &Line, since: Duration) -> String {
    let at = time(it.at, if since < DAY { "%H:%M:%S%.3f" } else { "%Y-%m-%d %H:%M:%S%.3f" });
    let (style, stream) = (colour(&it.stream), short(&it.stream));
    let message = visible(it.message.trim_end()).replace('\n', "\n    ");
    format!("{style}{at} {}{style:#} {message}", visible(&stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_told_by_its_container_and_task() {
        assert_eq!(short("app/app/0123456789abcdef0123456789abcdef"), "app/01234567");
        assert_eq!(short("shop-test.0"), "shop-test.0");
        assert_eq!(colour("a"), colour("a"));
    }

    #[test]
    fn a_line_cannot_move_the_cursor() {
        let it = Line { at: 0, group: "g".into(), stream: "s".into(), message: "a\u{1b}[2Jb\nc\r\n".into(), id: "1".into() };
        assert!(line(&it, Duration::from_secs(60)).ends_with("00:00:00.000 s\u{1b}[0m a\\u{1b}[2Jb\n    c"));
        assert!(line(&it, DAY).contains("1970-01-01 00:00:00.000 s"));
    }
}
