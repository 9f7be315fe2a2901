//! The stream of facts and ticks, as live progress, plain lines or JSON.

use crate::args::Format;
use crate::out::note;
use engine::Address;
use engine::event::{Event, Fact};
use engine::plan::Verb;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// Reads the stream to its end.
pub(crate) async fn consume(mut events: UnboundedReceiver<Event>, format: Format) {
    let mut bars = (format != Format::Json && std::io::stderr().is_terminal()).then(Bars::default);
    while let Some(event) = events.recv().await {
        match (format, &mut bars) {
            (Format::Json, _) => json(&event),
            (_, Some(bars)) => bars.take(&event),
            (_, None) => plain(&event),
        }
    }
}

/// One document on a line of its own.
pub(crate) fn document(fact: &Fact) {
    json(&Event::Fact(fact.clone()));
}

fn json(event: &Event) {
    crate::document::write(event);
}

fn done(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "created",
        Verb::Update => "updated",
        Verb::Replace => "replaced",
        Verb::Delete => "deleted",
        Verb::Keep | Verb::Remember | Verb::Forget => "noted",
    }
}

/// The line of a fact that people want to keep.
fn text(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::StepFinished { address, verb, seconds, .. } => format!("  {:<9} {address}  {seconds:.1} s", done(*verb)),
        Fact::StepFailed { address, fault, .. } => {
            format!("  FAILED    {address}: {fault}{}{}\n  hint: {}", super::cause(fault), super::detail(fault), fault.next_step())
        }
        Fact::StepSkipped { address, because, .. } => format!("  skipped   {address}, which needs {because}"),
        Fact::Stopping { waiting } => stopping(waiting),
        Fact::Warning { message } => format!("warning: {message}"),
        Fact::RunFinished { done, failed, skipped, seconds, .. } => {
            format!("\n{done} done, {failed} failed, {skipped} not started in {seconds:.1} s")
        }
        _ => return None,
    })
}

fn stopping(waiting: &[Address]) -> String {
    let names: Vec<String> = waiting.iter().map(Address::to_string).collect();
    let waits = if names.is_empty() { String::new() } else { format!("; waiting for {}", names.join(", ")) };
    format!("interrupted: nothing new is started{waits} (again to leave at once)")
}

fn plain(event: &Event) {
    if let Event::Fact(fact) = event
        && let Some(text) = text(fact)
    {
        note!("{text}");
    }
}

#[derive(Default)]
struct Bars {
    all: MultiProgress,
    running: BTreeMap<Address, ProgressBar>,
}

impl Bars {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Tick { tick, message } => {
                if let Some(bar) = self.running.get(tick) {
                    bar.set_message(message.clone());
                }
            }
            Event::Fact(fact) => {
                match fact {
                    Fact::StepStarted { address, verb, .. } => self.start(address, *verb),
                    Fact::StepFinished { address, .. } | Fact::StepFailed { address, .. } => self.end(address),
                    _ => {}
                }
                if let Some(text) = text(fact) {
                    // A terminal that went away is no reason to stop.
                    self.all.println(text).ok();
                }
            }
        }
    }

    fn start(&mut self, address: &Address, verb: Verb) {
        let bar = self.all.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {prefix} {elapsed} {msg:.dim}") {
            bar.set_style(style);
        }
        bar.set_prefix(format!("{} {address}", verb.as_str()));
        bar.enable_steady_tick(Duration::from_millis(120));
        self.running.insert(address.clone(), bar);
    }

    fn end(&mut self, address: &Address) {
        if let Some(bar) = self.running.remove(address) {
            bar.finish_and_clear();
        }
    }
}
