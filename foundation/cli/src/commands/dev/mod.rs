//! dev: the stack on an emulator of this machine, brought up to date whenever its settings or its application change.

mod changes;
mod code;
mod container;
mod docker;
mod end;
mod memo;
mod pick;
mod quit;
mod show;

pub(super) use container::home;

use super::context::Context;
use super::{change, release};
use crate::app::App;
use crate::args::{Begin, ChangeCommand, Common, DevArgs, DevCommand, DevWhat, Layers, ServiceCommand};
use crate::config::Settings;
use crate::out::note;
use crate::problem::Problem;
use crate::store;
use changes::{Changed, Files, Seen};
use code::Code;
use container::Place;
use engine::LayerName;
use engine::ledger::Store;
use pick::World;
use quit::Quit;
use show::Show;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Runs it, or ends what it left running.
pub(super) async fn run<A: App>(app: &A, common: &Common, command: &DevCommand) -> Result<ExitCode, Problem> {
    let DevCommand::Dev { how, what } = command;
    if app.layers().len() < LayerName::ALL.len() {
        return Err(Problem::Config("`dev` is part of `orchestrator`".into()));
    }
    if what.is_some() && (how.emulator.is_some() || how.app.is_some()) {
        return Err(Problem::Config("--emulator and --app are for `dev` alone: what runs is found by itself".into()));
    }
    let settings = load(app, common)?;
    match what {
        None => Box::pin(begin(app, common, how, settings)).await?,
        Some(DevWhat::Stop) => end::stop(&settings, common).await?,
        Some(DevWhat::Reset) => end::reset(&settings, common).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The settings of an environment that nobody else uses.
fn load(app: &impl App, common: &Common) -> Result<Settings, Problem> {
    let tables: Vec<&str> = app.layers().iter().map(|layer| layer.as_str()).collect();
    let settings = Settings::load(&common.config, &common.env, common.region.as_deref(), &tables)?;
    let refused = |key: &str, why: &str| Problem::Config(format!("{}: {key}: {why}", settings.source_of(key)));
    match &settings.top {
        top if !top.embedded => Err(refused("embedded", "`dev` needs an environment that is not in AWS: `embedded = true`")),
        top if top.ledger.is_some() => Err(refused("ledger", "`dev` keeps the ledger of an emulator on this machine: leave it out")),
        _ => Ok(settings),
    }
}

async fn begin<A: App>(app: &A, common: &Common, how: &DevArgs, settings: Settings) -> Result<(), Problem> {
    let (code, quit) = (Code::find(how.app.as_deref())?, Quit::listen()?);
    let world = quit.or(pick::pick(how, common.endpoint_url.as_deref(), &settings)).await?;
    if !world.limits().1.is_empty() {
        note!("{}", world.limits().1);
    }
    let common = Common { endpoint_url: world.endpoint().map(str::to_owned), ..common.clone() };
    let show = Show::new(&common, &world);
    let files = Files::new(&common.config, &common.env, code.as_ref());
    let mut dev = Dev { app, common, world, code, files, quit, show, settings, image: None, declared: None, deployed: false };
    dev.settings = dev.placed(dev.settings.clone());
    let ended = dev.go().await;
    dev.show.left(&dev.common.env);
    ended
}

struct Dev<'a, A> {
    app: &'a A,
    common: Common,
    world: World,
    code: Option<Code>,
    files: Files,
    quit: Quit,
    show: Show,
    /// Those of the last deploy that ended well.
    settings: Settings,
    /// The image that was deployed or released last.
    image: Option<String>,
    /// The image that the settings of the last deploy named: a release is no reason to deploy, and a deploy takes none back.
    declared: Option<String>,
    /// Whether what the settings say is deployed, as far as is known.
    deployed: bool,
}

impl<A: App> Dev<'_, A> {
    /// Until it is interrupted.
    async fn go(&mut self) -> Result<(), Problem> {
        let (mut changed, mut seen) = (Changed { settings: true, app: true }, self.files.look());
        loop {
            let brought = self.bring(changed).await;
            let interrupted = self.quit.asked.is_cancelled() || matches!(brought, Err(Problem::Interrupted(_)));
            if interrupted {
                return brought;
            }
            self.show.brought(self.url().await?, self.image.as_deref(), brought.err(), &self.files.names());
            let Some(next) = self.idle(&seen).await? else { return Ok(()) };
            (changed, seen) = next;
            if changed.settings {
                self.show.says(&format!("the settings have changed: deploying {}", self.common.env));
            }
        }
    }

    /// Brings what has changed; what fails leaves what is there to be looked at as before.
    async fn bring(&mut self, changed: Changed) -> Result<(), Problem> {
        let before = self.settings.clone();
        let brought = self.attempt(changed).await;
        if brought.is_err() {
            self.settings = before;
        }
        brought
    }

    /// Deploys, or, where the application alone is another one, releases it.
    async fn attempt(&mut self, changed: Changed) -> Result<(), Problem> {
        let settings = load(self.app, &self.common)?.over("what the emulator can do", self.world.limits().0)?;
        self.settings = self.placed(settings);
        let image = self.quit.or(self.build()).await?;
        let only_app = self.deployed && !changed.settings;
        if only_app && image == self.image {
            return Ok(());
        }
        let Some(image) = image else { return self.deploy().await };
        if only_app {
            self.show.says(&format!("the application has changed: releasing {image}"));
            self.release(&image).await?;
        } else {
            let begins = self.image.is_none();
            let before = if begins { memo::read(&self.settings) } else { self.image.clone().zip(self.declared.clone()) };
            let declared = before.filter(|(ran, _)| *ran == image).map_or_else(|| image.clone(), |(_, declared)| declared);
            self.settings = self.settings.over("the image of `dev`", &format!("[compute]\nimage = \"{declared}\""))?;
            self.deploy().await?;
            if begins && declared != image {
                // What an earlier `dev` has released runs, unless somebody else was here since.
                self.release(&image).await?;
            }
            self.declared = Some(declared);
        }
        self.image = Some(image);
        memo::write(&self.settings, self.image.as_deref(), self.declared.as_deref())
    }

    /// The ledgers of the settings.
    async fn store(&self) -> Result<Arc<dyn Store>, Problem> {
        self.app.store(&self.settings, self.world.endpoint()).await
    }

    /// What a command of its own would be given.
    fn at<'b>(&'b self, store: &'b dyn Store) -> Context<'b, A> {
        Context { app: self.app, common: &self.common, settings: &self.settings, store, seat: None }
    }

    async fn deploy(&mut self) -> Result<(), Problem> {
        let store = self.store().await?;
        let at = self.at(store.as_ref());
        let (which, begin) = (Layers { layers: Vec::new() }, Begin { yes: true, wait: Duration::ZERO });
        let deploy = ChangeCommand::Deploy { which, begin, plan: None, allow_destroy: Vec::new() };
        let done = self.quit.under_way(Box::pin(change::run(&at, &deploy))).await.map(drop);
        self.deployed = done.is_ok();
        done
    }

    async fn release(&self, image: &str) -> Result<(), Problem> {
        let store = self.store().await?;
        let at = self.at(store.as_ref());
        let release = ServiceCommand::Release { image: image.to_owned(), detach: false };
        self.quit.under_way(Box::pin(release::run(&at, &release))).await
    }

    /// The settings with the ledger of the world that they are deployed to.
    fn placed(&self, mut settings: Settings) -> Settings {
        if let World::Container(container) = &self.world {
            settings.state = Place::of(&settings).state(container);
        }
        settings
    }

    /// The application's image, built where containers run.
    async fn build(&self) -> Result<Option<String>, Problem> {
        let Some(code) = &self.code else { return Ok(None) };
        let image = code.image(&self.settings)?;
        if !matches!(self.world, World::Embedded) {
            code.build(&image).await?;
        }
        Ok(Some(image))
    }

    async fn url(&self) -> Result<Option<String>, Problem> {
        let store = self.store().await?;
        let memory = store::memory(store.as_ref()).await?;
        Ok(show::url(&self.world, &memory).await)
    }

    /// Shows how it is until something changes; nothing when it is interrupted.
    async fn idle(&mut self, seen: &Seen) -> Result<Option<(Changed, Seen)>, Problem> {
        let store = self.store().await?;
        let memory = store::memory(store.as_ref()).await?;
        // Beside the screen, which changes.
        let at = Context { app: self.app, common: &self.common, settings: &self.settings, store: store.as_ref(), seat: None };
        let idle = show::Idle { at: &at, memory: &memory, asked: &self.quit.asked };
        tokio::select! {
            changed = self.files.changed(seen) => Ok(Some(changed)),
            () = self.quit.asked.cancelled() => Ok(None),
            shown = self.show.idle(idle) => shown.map(|()| None),
        }
    }
}
