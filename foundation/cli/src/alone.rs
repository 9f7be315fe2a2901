//! One layer as a binary of its own, for the team that owns it. It sees its own layer and reads the others' outputs from the ledger.

use crate::app::{App, Declared, Wanted};
use crate::config::Settings;
use crate::problem::Problem;
use engine::ledger::{Guard, LocalStore, Store};
use engine::{Kinds, LayerName};
use std::future::Future;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;

/// Where a layer's own binary connects.
#[derive(Clone, Debug)]
pub struct Place {
    /// The region.
    pub region: String,
    /// Another end than AWS.
    pub endpoint_url: Option<String>,
    /// How much faster than AWS the other end's time runs.
    pub speed: f64,
    /// Asked before every changing call.
    pub guard: Guard,
    /// Where it leads, for a command that looks at many environments: those with the same end share a connection.
    pub end: Option<String>,
}

/// What a layer's own binary is made of; [`crate::layer`] writes it.
pub trait Single: Send + Sync + 'static {
    /// Which layer.
    const LAYER: LayerName;
    /// Connects and declares it.
    fn declare(place: Place, wanted: Wanted<'_>) -> impl Future<Output = Result<Declared, Problem>> + Send;
    /// Connects for a destroy: the drivers alone.
    fn kinds(place: Place) -> impl Future<Output = Kinds> + Send;
    /// Connects to the shared ledgers of the settings.
    fn store(place: Place, settings: &Settings) -> impl Future<Output = Result<Arc<dyn Store>, Problem>> + Send;
}

/// The binary of one layer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone<S> {
    layer: PhantomData<fn() -> S>,
    /// Whether many environments are looked at.
    together: bool,
}

impl<S> Alone<S> {
    /// The binary.
    pub fn new() -> Alone<S> {
        Alone { layer: PhantomData, together: false }
    }

    fn place(&self, settings: &Settings, endpoint_url: Option<&str>, guard: &Guard) -> Result<Place, Problem> {
        let top = &settings.top;
        if top.embedded && endpoint_url.is_none() {
            let env = &settings.env;
            let problem = format!(
                "`{env}` uses the embedded AWS, which a layer alone does not have: run `orchestrator emulator --env {env}` and add --endpoint-url"
            );
            return Err(Problem::Config(problem));
        }
        let (speed, end) = (if top.embedded { top.speed } else { 1.0 }, self.together.then(|| settings.end(endpoint_url)));
        Ok(Place { region: top.region.clone(), endpoint_url: endpoint_url.map(str::to_owned), speed, guard: guard.clone(), end })
    }
}

impl<S: Single> App for Alone<S> {
    fn layers(&self) -> Vec<LayerName> {
        vec![S::LAYER]
    }

    fn together(&self) -> Alone<S> {
        Alone { together: true, ..Alone::new() }
    }

    async fn declare(&self, wanted: Wanted<'_>) -> Result<Declared, Problem> {
        S::declare(self.place(wanted.settings, wanted.endpoint_url, wanted.guard)?, wanted).await
    }

    async fn kinds(&self, wanted: Wanted<'_>) -> Result<Kinds, Problem> {
        Ok(S::kinds(self.place(wanted.settings, wanted.endpoint_url, wanted.guard)?).await)
    }

    async fn store(&self, settings: &Settings, endpoint_url: Option<&str>) -> Result<Arc<dyn Store>, Problem> {
        if settings.top.ledger.is_none() {
            return Ok(Arc::new(LocalStore::new(settings.state.join("ledger"))));
        }
        S::store(self.place(settings, endpoint_url, &Guard::default())?, settings).await
    }

    async fn emulator(&self, _: &Settings, _: SocketAddr) -> Result<(), Problem> {
        Err(Problem::Config("the embedded AWS is part of `orchestrator`: run `orchestrator emulator`".into()))
    }
}

/// The `main` of a layer's own binary: `cli::layer!(network::Network)`. Expands where `aws`, `contract` and `engine` are at hand.
#[macro_export]
macro_rules! layer {
    ($layer:ty) => {
        struct Own;

        static TOGETHER: ::aws::Together = ::aws::Together::new();

        async fn connect(place: $crate::alone::Place) -> ::aws::Aws {
            let $crate::alone::Place { region, endpoint_url, speed, guard, end } = place;
            let connection = ::aws::Connection { region, endpoint_url, embedded: None, speed, guard, looks: false };
            match end {
                Some(end) => TOGETHER.connect(&end, connection).await,
                None => ::aws::Aws::connect(&connection).await,
            }
        }

        impl $crate::alone::Single for Own {
            const LAYER: ::engine::LayerName = <$layer as ::engine::Layer>::NAME;

            async fn declare(place: $crate::alone::Place, wanted: $crate::Wanted<'_>) -> Result<$crate::Declared, $crate::Problem> {
                let settings = wanted.settings;
                let told = |error: ::engine::DeclareError| $crate::problem::declare(error, settings);
                let names = ::contract::Names::new(&settings.top.stack, &settings.env).map_err(told)?;
                let config = settings.table::<<$layer as ::engine::Layer>::Config>(Self::LAYER.as_str())?;
                <$layer as ::aws::Deploys>::check(&config, &names).map_err(told)?;
                let aws = connect(place).await;
                let mut stage = ::aws::Stage::new(&aws, &names, ::contract::Upstream::recorded(wanted.memory));
                let found = stage.look_up::<$layer>(&config, &[Self::LAYER]).await;
                stage.declare::<$layer>(&config, found).map_err(|error| $crate::problem::layer(error, settings))?;
                Ok($crate::Declared {
                    graph: stage.graph,
                    kinds: <$layer as ::aws::Deploys>::kinds(&aws).settled(aws.settle()).sharing(aws.shared()),
                    doors: stage.doors,
                    warnings: stage.warnings,
                    expires: aws.expires,
                })
            }

            async fn kinds(place: $crate::alone::Place) -> ::engine::Kinds {
                let aws = connect(place).await;
                <$layer as ::aws::Deploys>::kinds(&aws).settled(aws.settle()).sharing(aws.shared())
            }

            async fn store(
                place: $crate::alone::Place,
                settings: &$crate::Settings,
            ) -> Result<::std::sync::Arc<dyn ::engine::ledger::Store>, $crate::Problem> {
                let top = &settings.top;
                let at = ::aws::ledger::Place::parse(top.ledger.as_deref().unwrap_or_default());
                let at = at.map_err(|problem| $crate::problem::setting("ledger", &problem, settings))?;
                let shared = ::aws::ledger::Shared {
                    place: at,
                    stack: top.stack.clone(),
                    env: settings.env.clone(),
                    kms_key: top.ledger_kms_key.clone(),
                    rescue: settings.rescue(),
                    gone: $crate::gone,
                };
                Ok(::std::sync::Arc::new(::aws::ledger::S3Store::new(&connect(place).await, shared)))
            }
        }

        #[tokio::main]
        async fn main() -> std::process::ExitCode {
            $crate::commands::main($crate::alone::Alone::<Own>::new()).await
        }
    };
}
