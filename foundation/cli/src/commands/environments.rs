//! status --all: every environment that has a file, looked at together. What one of them is asked, those that lead to the same end are
//! asked with it; one that cannot be read stops nobody else.

use super::context::Context;
use super::dev;
use super::status::{asides, failed, look, well};
use crate::app::App;
use crate::args::{Common, Format};
use crate::config::{Settings, environments};
use crate::document::{self, LayerStatus, Status, Statuses};
use crate::problem::Problem;
use crate::{out, render};
use engine::{Class, Fault, Gather, LayerName, Level, Seat};
use futures::future::join_all;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::JoinError;

/// So many environments are looked at at once; the next ones begin when these are done. It bounds what is in memory and in flight; how
/// fast requests leave is the connection's to say.
const AT_ONCE: usize = 100;

/// The settings of an environment, and its place among those that lead to the same end.
type Begun = Result<(Settings, Arc<Seat>), Problem>;

/// What became of each.
type Seen = BTreeMap<String, Result<Status, Problem>>;

/// Shows all of them once. The error says that something is not well; what is only remembered is not judged.
pub(super) async fn status(app: &impl App, common: &Common, remembered: bool) -> Result<(), Problem> {
    let seen = all(app, common, remembered).await?;
    let unwell = unwell(&seen, remembered);
    if common.format == Format::Json {
        document::write(told(seen, unwell == 0));
    } else {
        out::data(&text(&seen, remembered));
    }
    well(unwell)
}

/// The document of `status --all`, without a word to anybody.
///
/// # Errors
/// [`Problem::Config`] when there is no environment.
pub async fn statuses(app: &impl App, common: &Common, remembered: bool) -> Result<Statuses, Problem> {
    let seen = all(app, common, remembered).await?;
    let healthy = unwell(&seen, remembered) == 0;
    Ok(told(seen, healthy))
}

/// How much is not well.
fn unwell(seen: &Seen, remembered: bool) -> usize {
    let unread = seen.values().filter(|seen| seen.is_err()).count();
    if remembered { unread } else { unread + seen.values().flatten().map(failed).sum::<usize>() }
}

async fn all(app: &impl App, common: &Common, remembered: bool) -> Result<Seen, Problem> {
    let names = environments(&common.config);
    if names.is_empty() {
        let dir = common.config.display();
        return Err(Problem::Config(format!("{dir} has no file of an environment")));
    }
    let (app, common, mut seen) = (Arc::new(app.together()), Arc::new(common.clone()), BTreeMap::new());
    for names in names.chunks(AT_ONCE) {
        // Everyone has a place before anyone asks.
        let begun = begin(app.as_ref(), &common, names);
        // Each on a task of its own: what they read is read on all cores.
        let looks = begun.into_iter().map(|begun| tokio::spawn(one(app.clone(), common.clone(), begun, remembered)));
        let ended = join_all(looks).await.into_iter().map(|ended| ended.unwrap_or_else(|panic| Err(defect(&panic))));
        seen.extend(names.iter().cloned().zip(ended));
    }
    Ok(seen)
}

fn begin(app: &impl App, common: &Common, names: &[String]) -> Vec<Begun> {
    let tables: Vec<&str> = app.layers().iter().map(|layer| layer.as_str()).collect();
    let (endpoint_url, mut ends) = (common.endpoint_url.as_deref(), BTreeMap::<String, Gather>::new());
    let one = |name: &String| {
        let mut settings = Settings::load(&common.config, name, common.region.as_deref(), &tables)?;
        dev::home(&mut settings, endpoint_url);
        let seat = ends.entry(settings.end(endpoint_url)).or_default().seat();
        Ok((settings, Arc::new(seat)))
    };
    names.iter().map(one).collect()
}

fn defect(panic: &JoinError) -> Problem {
    Fault::new(Class::Bug, format!("the look ended unexpectedly: {panic}")).into()
}

async fn one(app: Arc<impl App>, common: Arc<Common>, begun: Begun, remembered: bool) -> Result<Status, Problem> {
    let (settings, seat) = begun?;
    let store = app.store(&settings, common.endpoint_url.as_deref()).await?;
    let at = Context { app: app.as_ref(), common: &common, settings: &settings, store: store.as_ref(), seat: Some(seat) };
    look(&at, remembered).await
}

fn told(seen: Seen, healthy: bool) -> Statuses {
    let (mut environments, mut unread) = (Vec::new(), BTreeMap::new());
    for (name, seen) in seen {
        match seen {
            Ok(status) => environments.push(status),
            Err(problem) => drop(unread.insert(name, problem.to_string())),
        }
    }
    Statuses { healthy, environments, unread }
}

/// It as people read it: a line each, and below what is not well.
fn text(seen: &Seen, remembered: bool) -> String {
    let layers = LayerName::ALL.map(LayerName::as_str);
    let mut table = render::table(["environment"].into_iter().chain(layers).chain(["well"]));
    let mut below = Vec::new();
    for (name, seen) in seen {
        let cells: Vec<String> = match seen {
            Ok(status) => {
                let cell = |layer| status.layers.iter().find(|it| it.layer == layer).map_or_else(|| "-".to_owned(), cell);
                LayerName::ALL.into_iter().map(cell).collect()
            }
            Err(_) => LayerName::ALL.map(|_| "?".to_owned()).to_vec(),
        };
        let well = match seen {
            Err(_) => "unread",
            Ok(_) if remembered => "-",
            Ok(status) if failed(status) > 0 => "no",
            Ok(_) => "yes",
        };
        table.add_row([vec![name.clone()], cells, vec![well.to_owned()]].concat());
        let lines = match seen {
            Ok(status) => [asides(status), ill(status)].concat(),
            Err(problem) => vec![render::failure(&render::visible(&problem.to_string()))],
        };
        if !lines.is_empty() {
            below.push(format!("\n{name}"));
            below.extend(lines);
        }
    }
    [vec![table.to_string()], below].concat().join("\n") + "\n"
}

/// A layer in a few words; nothing of what is as it should be.
fn cell(it: &LayerStatus) -> String {
    let count = |count: Option<usize>, what: &str| count.filter(|count| *count > 0).map(|count| format!("{count} {what}"));
    let more = [count(it.drift, "drifted"), count(it.pending, "pending")].into_iter().flatten();
    std::iter::once(it.state.clone()).chain(more).collect::<Vec<_>>().join(", ")
}

/// The signs of what is not well.
fn ill(status: &Status) -> Vec<String> {
    status.signs.iter().filter(|sign| sign.level != Level::Ok).map(render::sign).collect()
}
