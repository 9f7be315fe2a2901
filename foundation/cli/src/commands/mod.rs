//! One file per group of commands; this one picks.

mod adopt;
mod change;
mod doctor;
mod ledger;
mod release;
mod show;
mod stop;
mod unlock;

use crate::app::{App, Release};
use crate::args::{Cli, Color, Command, Format, Layers, LedgerCommand};
use crate::config::Settings;
use crate::problem::{EXIT_CHANGES, EXIT_CONFIG, Problem};
use clap::Parser;
use engine::LayerName;
use std::process::ExitCode;

/// Reads the arguments, runs the command and says how it ended.
pub async fn main(app: impl App) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Not clap's own 2: that says that a plan has changes.
        Err(told) => {
            let code = if told.use_stderr() { EXIT_CONFIG } else { 0 };
            // A terminal that went away hears nothing.
            told.print().ok();
            return ExitCode::from(code);
        }
    };
    match cli.common.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    match run(&app, &cli).await {
        Ok(code) => code,
        Err(problem) => {
            anstream::eprintln!("{}", problem.render());
            problem.exit()
        }
    }
}

async fn run(app: &impl App, cli: &Cli) -> Result<ExitCode, Problem> {
    let common = &cli.common;
    if matches!(common.format, Format::Dot | Format::Mermaid) && !matches!(cli.command, Command::Graph) {
        return Err(Problem::Config("--format dot and mermaid are for `graph`".into()));
    }
    let tables: Vec<&str> = app.layers().iter().map(|layer| layer.as_str()).collect();
    let settings = Settings::load(&common.config, &common.env, common.region.as_deref(), &tables)?;
    let store = app.store(&settings, common.endpoint_url.as_deref()).await?;
    let store = store.as_ref();
    let chosen = |layers: &[LayerName]| if layers.is_empty() { app.layers() } else { layers.to_vec() };
    let named = |names: &[String]| crate::args::allow(names).map_err(Problem::Config);
    let allow = |names: &[String]| if settings.top.protect { named(names) } else { Ok(engine::planner::Allow::All) };
    let change = |which: &Layers, allow_destroy: &[String], destroy: bool| {
        let (settings, layers) = (&settings, chosen(&which.layers));
        Ok::<_, Problem>(change::Change { app, common, settings, store, layers, allow: allow(allow_destroy)?, destroy })
    };
    match &cli.command {
        Command::Plan { which, out, detailed_exitcode, allow_destroy } => {
            let changes = change(which, allow_destroy, false)?.plan(out.as_deref()).await?;
            Ok(if changes && *detailed_exitcode { ExitCode::from(EXIT_CHANGES) } else { ExitCode::SUCCESS })
        }
        Command::Deploy { which, begin, plan, allow_destroy } => {
            change(which, allow_destroy, false)?.apply(*begin, plan.as_deref()).await.map(|()| ExitCode::SUCCESS)
        }
        Command::Destroy { which, begin, allow_destroy } => {
            change(which, allow_destroy, true)?.apply(*begin, None).await.map(|()| ExitCode::SUCCESS)
        }
        Command::Unlock { run, which, yes } => unlock::unlock(store, &chosen(&which.layers), run, *yes).await.map(|()| ExitCode::SUCCESS),
        Command::Release { image, detach } => {
            let what = Release::Image(image.clone());
            release::release(app, common, &settings, store, &what, *detach).await.map(|()| ExitCode::SUCCESS)
        }
        Command::Rollback { to, detach } => {
            release::release(app, common, &settings, store, &Release::Revision(*to), *detach).await.map(|()| ExitCode::SUCCESS)
        }
        Command::Init => ledger::init(app, &settings, common.endpoint_url.as_deref()).await.map(|()| ExitCode::SUCCESS),
        Command::Ledger { what: LedgerCommand::Push } => ledger::push(&settings, store).await.map(|()| ExitCode::SUCCESS),
        Command::Doctor { which, rebuild } => {
            let (layers, guard) = (chosen(&which.layers), Default::default());
            let doctor = doctor::Doctor { app, common, settings: &settings, store, layers, guard };
            let told = if *rebuild { doctor.rebuild().await } else { doctor.check().await };
            told.map(|()| ExitCode::SUCCESS)
        }
        Command::Adopt { address, id, yes, allow_destroy } => {
            let allow = named(allow_destroy)?;
            let adopt = adopt::Adopt { app, common, settings: &settings, store, allow, yes: *yes };
            adopt.run(address, id).await.map(|()| ExitCode::SUCCESS)
        }
        Command::Emulator { listen } => app.emulator(&settings, *listen).await.map(|()| ExitCode::SUCCESS),
        Command::Status => show::status(&settings, store, common.format).await.map(|()| ExitCode::SUCCESS),
        Command::Outputs { name } => show::outputs(store, common.format, name.as_deref()).await.map(|()| ExitCode::SUCCESS),
        Command::Graph => show::graph(app, common, &settings, store).await.map(|()| ExitCode::SUCCESS),
    }
}

/// Says one line to the person at the terminal.
pub fn say(line: &str) {
    anstream::eprintln!("{line}");
}
