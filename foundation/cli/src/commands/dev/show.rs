//! What is seen of it: a screen of its own in a terminal, lines in a pipe, documents for programs.

use super::container::answers;
use super::pick::World;
use crate::app::{App, LogsOf, Reading};
use crate::args::{Common, Format, Service};
use crate::commands::context::Context;
use crate::commands::{logs, status, watch};
use crate::document;
use crate::out::{note, tell};
use crate::problem::Problem;
use crate::{out, render};
use engine::ledger::{Folded, Guard};
use engine::log::Line;
use engine::{LayerName, Level, Sign};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// How often the screen asks how the service is.
const LOOK: Duration = Duration::from_secs(2);
/// Lines come together.
const TOGETHER: Duration = Duration::from_millis(100);
/// How many lines are kept for the screen, and remembered as shown.
const KEPT: usize = 500;

/// What it shows, and what it has shown.
pub(super) struct Show {
    json: bool,
    world: World,
    env: String,
    url: Option<String>,
    image: Option<String>,
    error: Option<String>,
    watching: String,
    began: Instant,
    lines: VecDeque<Line>,
}

/// What is needed to look and to follow.
pub(super) struct Idle<'a, A> {
    pub at: &'a Context<'a, A>,
    pub memory: &'a BTreeMap<LayerName, Folded>,
    pub asked: &'a CancellationToken,
}

impl<A> Idle<'_, A> {
    /// Whether something of the layer is there, whatever became of the last deploy.
    fn has(&self, layer: LayerName) -> bool {
        self.memory.get(&layer).is_some_and(|folded| !folded.rows.is_empty())
    }
}

impl Show {
    pub(super) fn new(common: &Common, world: &World) -> Show {
        let (env, watching) = (common.env.clone(), String::new());
        let (json, world, began) = (common.format == Format::Json, world.clone(), Instant::now());
        Show { json, world, env, url: None, image: None, error: None, watching, began, lines: VecDeque::new() }
    }

    /// Says a line to people.
    pub(super) fn says(&self, line: &str) {
        if !self.json {
            note!("{line}");
        }
    }

    /// How a deploy or a release ended.
    pub(super) fn brought(&mut self, url: Option<String>, image: Option<&str>, error: Option<Problem>, watching: &str) {
        self.error = error.map(|problem| problem.render());
        (self.url, self.image, self.watching) = (url, image.map(str::to_owned), watching.to_owned());
        if self.json {
            self.document(if self.error.is_some() { "failed" } else { "running" });
            return;
        }
        match (&self.error, &self.url) {
            (Some(error), _) => note!("{error}"),
            (None, Some(url)) => tell!("the application answers at {url}"),
            (None, None) => {}
        }
        if matches!(self.world, World::Embedded) && self.error.is_none() {
            note!("(the embedded AWS runs no containers: nothing answers there)");
        }
        note!("watching {watching}; Ctrl-C ends this, and not the emulator");
    }

    /// It was interrupted.
    pub(super) fn left(&self, env: &str) {
        if self.json {
            self.document("ended");
        } else {
            note!("{}", self.world.stays(env));
        }
    }

    fn document(&self, state: &str) {
        let container = match &self.world {
            World::Container(it) => Some(it.id.clone()),
            World::Endpoint(_) | World::Embedded => None,
        };
        document::write(document::Dev {
            env: self.env.clone(),
            state: state.to_owned(),
            emulator: self.world.kind().to_owned(),
            endpoint: self.world.endpoint().map(str::to_owned),
            container,
            image: self.image.clone(),
            url: self.url.clone(),
            error: self.error.clone(),
        });
    }

    /// Follows the logs and shows how it is, for ever or until nobody reads.
    pub(super) async fn idle<A: App>(&mut self, idle: Idle<'_, A>) -> Result<(), Problem> {
        let (lines, taken) = mpsc::channel(logs::UNDERWAY);
        let newest = self.lines.iter().map(|line| line.at).max();
        let since = newest.map_or(self.began.elapsed(), |at| Duration::from_millis((now() - at).max(0).unsigned_abs()));
        // A little more: what was shown is known by its id.
        let since = since + Duration::from_secs(1);
        let of = LogsOf { looking: idle.at.looking(idle.memory), service: Service::App, since, cancel: idle.asked };
        let following = async {
            let telling = lines.clone();
            if idle.has(LayerName::Observability) {
                let read = idle.at.app.logs(Reading { of, follow: true, filter: None, lines }).await;
                if let Err(problem) = read {
                    telling.send(unread(&problem)).await.ok();
                }
            }
            // Its lines are not at an end as long as it may be told of something.
            std::future::pending::<()>().await;
            drop(telling);
        };
        tokio::select! {
            () = following => Ok(()),
            shown = async {
                match out::size() {
                    Some(_) if !self.json => self.on_screen(&idle, taken).await,
                    _ => self.in_lines(taken).await,
                }
            } => shown,
        }
    }

    /// Whether it was not shown before; it counts as shown now.
    fn is_new(&mut self, line: &Line) -> bool {
        if !line.id.is_empty() && self.lines.iter().any(|shown| shown.id == line.id) {
            return false;
        }
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line.clone());
        true
    }

    async fn in_lines(&mut self, mut taken: mpsc::Receiver<Line>) -> Result<(), Problem> {
        while let Some(line) = taken.recv().await {
            if !self.is_new(&line) {
                continue;
            }
            if self.json {
                document::write(logs::document(line));
            } else {
                tell!("{}", render::logs::line(&line, Duration::ZERO));
            }
            if out::gone() {
                break;
            }
        }
        Ok(())
    }

    async fn on_screen<A: App>(&mut self, idle: &Idle<'_, A>, mut taken: mpsc::Receiver<Line>) -> Result<(), Problem> {
        let screen = watch::Screen::enter();
        let (mut report, mut next) = (String::new(), Instant::now());
        loop {
            if Instant::now() >= next {
                report = look(idle).await?;
                next = Instant::now() + LOOK;
            }
            if let Some(size) = out::size() {
                screen.show(&self.drawn(&report, size));
            }
            tokio::select! {
                () = sleep_until(next) => {}
                Some(line) = taken.recv() => {
                    self.is_new(&line);
                    sleep(TOGETHER).await;
                    while let Ok(line) = taken.try_recv() {
                        self.is_new(&line);
                    }
                }
            }
        }
    }

    /// The screen: where it is, how it is, what went wrong last, and as many lines of the log as there is room for.
    fn drawn(&self, report: &str, size: (usize, usize)) -> String {
        let mut text = format!("{} on {}\n", self.env, self.world.name());
        text += &self.url.as_ref().map(|url| format!("{url}\n")).unwrap_or_default();
        text += report;
        if let Some(error) = &self.error {
            text += &format!("{}\n", render::failure(error));
        }
        text += &format!("watching {}; Ctrl-C ends this, and not the emulator\n", self.watching);
        let (columns, rows) = size;
        let head = watch::fitting(&text, size);
        let room = rows.saturating_sub(head.lines().map(|line| watch::taken(line, columns)).sum::<usize>() + 1);
        let skip = self.lines.len().saturating_sub(room);
        let cut = |line: &Line| {
            let line = render::logs::line(line, Duration::ZERO);
            let plain = anstream::adapter::strip_str(&line).to_string().replace('\n', " ");
            plain.chars().take(columns).collect::<String>() + "\n"
        };
        head + &self.lines.iter().skip(skip).map(cut).collect::<String>()
    }
}

/// The layers as they are remembered, and the service as it is.
async fn look<A: App>(idle: &Idle<'_, A>) -> Result<String, Problem> {
    let mut status = status::look(idle.at, true).await?;
    if idle.has(LayerName::Compute) {
        let guard = Guard::default();
        let health = idle.at.app.health(idle.at.wanted(&[LayerName::Compute], idle.memory, &guard)).await;
        status.signs = health.unwrap_or_else(|problem| vec![Sign::new(None, "health", Level::Fail, problem.to_string())]);
    }
    Ok(status::text(&status))
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Why the log cannot be followed, as a line of it.
fn unread(problem: &Problem) -> Line {
    let message = format!("the log cannot be followed: {problem}");
    Line { at: now(), group: String::new(), stream: "dev".into(), message, id: String::new() }
}

/// Where the application answers. MiniStack's load balancers answer on its own port, by a name that every browser takes for this machine.
pub(super) async fn url(world: &World, memory: &BTreeMap<LayerName, Folded>) -> Option<String> {
    let doors = memory.get(&LayerName::Edge)?.doors.as_ref()?;
    let url = doors.get("url")?.value.as_str()?.to_owned();
    match world.endpoint() {
        Some(endpoint) if answers(endpoint, "/_ministack/health").await => Some(local(&url, endpoint).unwrap_or(url)),
        Some(endpoint) if url.ends_with("localhost.localstack.cloud") => Some(format!("{url}:{}", port(endpoint)?)),
        _ => Some(url),
    }
}

fn port(endpoint: &str) -> Option<&str> {
    endpoint.rsplit(':').next()
}

/// `http://shop-local-alb-0123-89abcdef.eu-north-1.elb.amazonaws.com`: the name, and eight digits of MiniStack's.
fn local(url: &str, endpoint: &str) -> Option<String> {
    let (name, _) = url.split_once("://")?.1.split_once('.')?.0.rsplit_once('-')?;
    Some(format!("http://{name}.alb.localhost:{}", port(endpoint)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    fn show() -> Show {
        let cli = Cli::parse_from(["orchestrator", "dev"]);
        assert!(matches!(cli.command, Command::Dev(_)));
        Show::new(&cli.common, &World::Embedded)
    }

    fn line(id: &str, at: i64) -> Line {
        Line { at, group: "g".into(), stream: "s".into(), message: format!("line {id}\u{1b}[2J {}", "x".repeat(100)), id: id.into() }
    }

    #[test]
    fn a_browser_finds_ministacks_load_balancer() {
        let url = "http://shop-local-alb-3f2a-89abcdef.eu-north-1.elb.amazonaws.com";
        assert_eq!(local(url, "http://127.0.0.1:32768").as_deref(), Some("http://shop-local-alb-3f2a.alb.localhost:32768"));
    }

    #[test]
    fn the_screen_has_the_newest_lines_that_it_has_room_for_and_each_once() {
        let mut show = show();
        show.error = Some("error: compute.cpu: no".into());
        show.url = Some("http://here".into());
        for at in 0..100 {
            assert!(show.is_new(&line(&at.to_string(), at)));
        }
        assert!(!show.is_new(&line("99", 99)));
        let drawn = show.drawn("network deployed\n", (40, 12));
        let plain = anstream::adapter::strip_str(&drawn).to_string();
        for part in ["local on the embedded AWS\nhttp://here\nnetwork deployed\nerror: compute.cpu: no\n", "line 99"] {
            assert!(plain.contains(part), "{part}: {plain}");
        }
        let taken: usize = plain.lines().map(|line| watch::taken(line, 40)).sum();
        assert!(taken < 12 && !plain.contains("line 90") && !drawn.contains("\u{1b}[2J"), "{taken}: {plain}");
    }
}
