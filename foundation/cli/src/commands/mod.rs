//! One file per group of commands; this one picks.

mod adopt;
mod change;
mod context;
mod dev;
mod doctor;
mod environments;
mod history;
mod init;
mod ledger;
mod logs;
mod release;
mod run;
mod secrets;
mod session;
mod show;
mod status;
mod stop;
mod tool;
mod unlock;
mod watch;

use crate::app::App;
use crate::args::{ChangeCommand, Cli, Command, Format, LedgerCommand, MemoryCommand, ShowCommand, ToolCommand, command};
use crate::config::Settings;
use crate::out;
use crate::out::note;
use crate::problem::{EXIT_CONFIG, Problem};
use clap::FromArgMatches;
use context::Context;
pub use environments::statuses;
use std::process::ExitCode;

/// Reads the arguments, runs the command and says how it ended.
pub async fn main(app: impl App) -> ExitCode {
    if tool::completed() {
        return ExitCode::SUCCESS;
    }
    let read = command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match read {
        Ok(cli) => cli,
        // Not clap's own 2: that says that a plan has changes.
        Err(told) => {
            let code = if told.use_stderr() { EXIT_CONFIG } else { 0 };
            // A terminal that went away hears nothing.
            told.print().ok();
            return ExitCode::from(code);
        }
    };
    out::colour(cli.common.color);
    let ended = run(&app, &cli).await.and_then(|code| out::failed().map_or(Ok(code), |why| Err(Problem::Io(unwritten(&why)))));
    match ended {
        Ok(code) => code,
        Err(problem) => {
            note!("{}", problem.render());
            problem.exit()
        }
    }
}

fn unwritten(why: &str) -> String {
    format!("what was to be said cannot be written: {why}")
}

async fn run(app: &impl App, cli: &Cli) -> Result<ExitCode, Problem> {
    let common = &cli.common;
    if matches!(common.format, Format::Dot | Format::Mermaid) && !matches!(cli.command, Command::Show(ShowCommand::Graph)) {
        return Err(Problem::Config("--format dot and mermaid are for `graph`".into()));
    }
    if common.format == Format::Markdown && !matches!(cli.command, Command::Change(ChangeCommand::Plan { .. })) {
        return Err(Problem::Config("--format markdown is for `plan`".into()));
    }
    match &cli.command {
        Command::Tool(ToolCommand::Completions { shell }) => return tool::completions(*shell).map(|()| ExitCode::SUCCESS),
        Command::Tool(ToolCommand::Man { out }) => return tool::man(out).map(|()| ExitCode::SUCCESS),
        _ => {}
    }
    let written = match &cli.command {
        Command::Memory(MemoryCommand::Init(args)) => init::write(common, args)?,
        _ => Vec::new(),
    };
    let tables: Vec<&str> = app.layers().iter().map(|layer| layer.as_str()).collect();
    if let Command::Dev(command) = &cli.command {
        // A future in a future: each is too large to be laid out within the other.
        return Box::pin(dev::run(app, common, command)).await;
    }
    if let Command::Show(ShowCommand::Status { all: true, ledger, .. }) = &cli.command {
        return Box::pin(environments::status(app, common, *ledger)).await.map(|()| ExitCode::SUCCESS);
    }
    let mut settings = Settings::load(&common.config, &common.env, common.region.as_deref(), &tables)?;
    dev::home(&mut settings, common.endpoint_url.as_deref());
    let store = app.store(&settings, common.endpoint_url.as_deref()).await?;
    let at = Context { app, common, settings: &settings, store: store.as_ref(), seat: None };
    match &cli.command {
        Command::Change(command) => return change::run(&at, command).await,
        Command::Service(command) => release::run(&at, command).await?,
        Command::Secret(command) => secrets::run(&at, command).await?,
        Command::Session(command) => return session::run(&at, command).await,
        Command::Show(command) => return show::run(&at, command).await,
        Command::Logs(command) => logs::run(&at, command).await?,
        Command::Memory(MemoryCommand::Init(_)) => ledger::init(&at, &written).await?,
        Command::Memory(command) => memory(&at, command).await?,
        Command::Tool(ToolCommand::Emulator { listen }) => app.emulator(&settings, *listen).await?,
        // Done above: they need no settings, or make their own.
        Command::Tool(ToolCommand::Completions { .. } | ToolCommand::Man { .. }) | Command::Dev(_) => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn memory(at: &Context<'_, impl App>, command: &MemoryCommand) -> Result<(), Problem> {
    match command {
        // It comes with what it has written.
        MemoryCommand::Init(_) => Ok(()),
        MemoryCommand::Ledger { what: LedgerCommand::Push } => ledger::push(at).await,
        MemoryCommand::Doctor { which, rebuild } => {
            let doctor = doctor::Doctor { at, layers: at.chosen(&which.layers), guard: Default::default() };
            if *rebuild { doctor.rebuild().await } else { doctor.check().await }
        }
        MemoryCommand::Adopt { address, id, yes, allow_destroy } => {
            adopt::Adopt { at, allow: context::named(allow_destroy)?, yes: *yes }.run(address, id).await
        }
        MemoryCommand::Unlock { run, which, yes } => unlock::unlock(at.store, &at.chosen(&which.layers), run, *yes, at.json()).await,
    }
}

/// Says one line to the person at the terminal.
pub fn say(line: &str) {
    note!("{line}");
}
