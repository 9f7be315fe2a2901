//! The binary that knows every layer: connects them, sorts them and runs them as one graph.

pub mod connect;
#[cfg(feature = "embedded")]
mod embedded;
#[cfg(not(feature = "embedded"))]
#[path = "absent.rs"]
mod embedded;
pub mod ops;
pub mod schema;
pub mod stack;

use aws::ledger::S3Store;
use aws::{Aws, Together};
use cli::app::{App, Changing, Declared, Exported, Exporting, Finishing, Login, LogsOf, Looking, Reading};
use cli::app::{Released, Releasing, SecretChanged, SecretState, SecretVersion, Session, Wanted, Way};
use cli::{Problem, Settings};
use engine::ledger::{Guard, LocalStore, Store};
use engine::log::Queried;
use engine::{Kinds, LayerName, Sign};
use secrecy::SecretString;
use std::net::SocketAddr;
use std::sync::Arc;

/// The whole tool.
#[derive(Clone, Debug, Default)]
pub struct Orchestrator {
    /// The connections of a command that looks at many environments.
    together: Option<Arc<Together>>,
}

impl Orchestrator {
    /// One that looks at many environments through these connections.
    pub fn sharing(together: Arc<Together>) -> Orchestrator {
        Orchestrator { together: Some(together) }
    }

    async fn connect(&self, settings: &Settings, endpoint_url: Option<&str>, guard: &Guard) -> Result<Aws, Problem> {
        let connection = connect::connection(settings, endpoint_url, guard)?;
        Ok(match &self.together {
            Some(together) => together.connect(&settings.end(endpoint_url), connection).await,
            None => Aws::connect(&connection).await,
        })
    }
}

impl App for Orchestrator {
    fn layers(&self) -> Vec<LayerName> {
        stack::LAYERS.to_vec()
    }

    fn together(&self) -> Orchestrator {
        Orchestrator { together: Some(self.together.clone().unwrap_or_default()) }
    }

    async fn declare(&self, wanted: Wanted<'_>) -> Result<Declared, Problem> {
        let configs = stack::Configs::read(wanted.settings)?;
        let aws = self.connect(wanted.settings, wanted.endpoint_url, wanted.guard).await?;
        stack::declare(&aws, &configs, &wanted).await
    }

    async fn kinds(&self, wanted: Wanted<'_>) -> Result<Kinds, Problem> {
        let aws = self.connect(wanted.settings, wanted.endpoint_url, wanted.guard).await?;
        Ok(stack::kinds_of(&aws, wanted.layers))
    }

    async fn release(&self, asked: Releasing<'_>) -> Result<Released, Problem> {
        ops::release::release(asked).await
    }

    async fn preflight(&self, wanted: Wanted<'_>) -> Result<Vec<Sign>, Problem> {
        ops::preflight::preflight(wanted).await
    }

    async fn permissions(&self, wanted: Wanted<'_>) -> Result<Vec<Sign>, Problem> {
        ops::permissions::permissions(wanted).await
    }

    async fn health(&self, wanted: Wanted<'_>) -> Result<Vec<Sign>, Problem> {
        let aws = self.connect(wanted.settings, wanted.endpoint_url, wanted.guard).await?;
        stack::health(&aws, wanted.settings, &wanted).await
    }

    async fn secrets(&self, asked: Looking<'_>) -> Result<Vec<SecretState>, Problem> {
        let aws = self.connect(asked.settings, asked.endpoint_url, &Guard::default()).await?;
        ops::secrets::list(&aws, asked).await
    }

    async fn secret_history(&self, asked: Looking<'_>, name: &str) -> Result<Vec<SecretVersion>, Problem> {
        ops::secrets::history(asked, name).await
    }

    async fn reveal_secret(&self, asked: Looking<'_>, name: &str) -> Result<(SecretString, i64), Problem> {
        ops::secrets::reveal(asked, name).await
    }

    async fn change_secret(&self, asked: Changing<'_>) -> Result<SecretChanged, Problem> {
        ops::secrets::change(asked).await
    }

    async fn finish_secrets(&self, asked: Finishing<'_>) -> Result<(), Problem> {
        ops::secrets::finish(asked).await
    }

    async fn logs(&self, asked: Reading<'_>) -> Result<(), Problem> {
        ops::logs::read(asked).await
    }

    async fn query_logs(&self, of: LogsOf<'_>, name: &str) -> Result<Queried, Problem> {
        ops::logs::query(of, name).await
    }

    async fn export_logs(&self, asked: Exporting<'_>) -> Result<Vec<Exported>, Problem> {
        ops::logs::export(asked).await
    }

    async fn open_session(&self, asked: Looking<'_>, way: &Way) -> Result<Session, Problem> {
        ops::session::open(asked, way).await
    }

    async fn close_session(&self, asked: Looking<'_>, id: &str) -> Result<(), Problem> {
        ops::session::close(asked, id).await
    }

    async fn database_port(&self, asked: Looking<'_>) -> Result<u16, Problem> {
        ops::session::database_port(&asked)
    }

    async fn login(&self, asked: Looking<'_>) -> Result<Login, Problem> {
        ops::session::login(asked).await
    }

    async fn store(&self, settings: &Settings, endpoint_url: Option<&str>) -> Result<Arc<dyn Store>, Problem> {
        let Some(shared) = connect::shared(settings)? else {
            return Ok(Arc::new(LocalStore::new(settings.state.join("ledger"))));
        };
        let aws = self.connect(settings, endpoint_url, &Guard::default()).await?;
        Ok(Arc::new(S3Store::new(&aws, shared)))
    }

    async fn init(&self, settings: &Settings, endpoint_url: Option<&str>) -> Result<Vec<String>, Problem> {
        let Some(shared) = connect::shared(settings)? else { return Ok(Vec::new()) };
        let aws = self.connect(settings, endpoint_url, &Guard::default()).await?;
        Ok(aws::ledger::init::init(&aws, &shared, &settings.top.tags).await?)
    }

    async fn emulator(&self, settings: &Settings, listen: SocketAddr) -> Result<(), Problem> {
        embedded::serve(settings, listen).await
    }
}
