//! Who gets what: every layer in the order in which its inputs are there.

use aws::{Aws, Deploys, Stage};
use bastion::Bastion;
use cli::app::{Declared, Wanted};
use cli::{Problem, Settings};
use compute::Compute;
use contract::{Names, Upstream};
use database::DatabaseLayer;
use edge::Edge;
use engine::ledger::Folded;
use engine::{DeclareError, Kinds, LayerName, Sign};
use futures::join;
use network::Network;
use observability::Observability;
use secrets::Secrets;

/// The layers that exist, in lock order.
pub const LAYERS: &[LayerName] = &LayerName::ALL;

/// Every kind of every layer.
pub fn kinds(aws: &Aws) -> Kinds {
    kinds_of(aws, LAYERS)
}

/// Every kind of these layers.
pub fn kinds_of(aws: &Aws, layers: &[LayerName]) -> Kinds {
    let of = |layer: &LayerName| match layer {
        LayerName::Network => Network::kinds(aws),
        LayerName::Secrets => Secrets::kinds(aws),
        LayerName::Observability => Observability::kinds(aws),
        LayerName::Database => DatabaseLayer::kinds(aws),
        LayerName::Edge => Edge::kinds(aws),
        LayerName::Compute => Compute::kinds(aws),
        LayerName::Bastion => Bastion::kinds(aws),
    };
    layers.iter().map(of).fold(Kinds::new(), Kinds::and).settled(aws.settle()).sharing(aws.shared())
}

/// The layers' settings, checked: made before anything is opened or called.
#[derive(Clone, Debug)]
pub struct Configs {
    names: Names,
    network: network::Config,
    secrets: secrets::Config,
    observability: observability::Config,
    database: database::Config,
    edge: edge::Config,
    compute: compute::Config,
    bastion: bastion::Config,
}

/// The table of one layer.
fn table<L: Deploys>(settings: &Settings, names: &Names) -> Result<L::Config, Problem>
where
    L::Config: serde::de::DeserializeOwned + Default,
{
    let config = settings.table(L::NAME.as_str())?;
    L::check(&config, names).map_err(|error| cli::problem::declare(error, settings))?;
    Ok(config)
}

impl Configs {
    /// Reads and checks the tables of every layer.
    ///
    /// # Errors
    /// [`Problem::Config`] with file and key.
    pub fn read(settings: &Settings) -> Result<Configs, Problem> {
        let names = Names::new(&settings.top.stack, &settings.env).map_err(|error| cli::problem::declare(error, settings))?;
        let configs = Configs {
            network: table::<Network>(settings, &names)?,
            secrets: table::<Secrets>(settings, &names)?,
            observability: table::<Observability>(settings, &names)?,
            database: table::<DatabaseLayer>(settings, &names)?,
            edge: table::<Edge>(settings, &names)?,
            compute: table::<Compute>(settings, &names)?,
            bastion: table::<Bastion>(settings, &names)?,
            names,
        };
        configs.ports().map_err(|error| cli::problem::declare(error, settings))?;
        Ok(configs)
    }

    /// Layers are configured alone; what two of them must agree on is checked where both are known.
    fn ports(&self) -> Result<(), DeclareError> {
        let agree = |key: &str, port: u16, with: &str, other: u16| {
            if port == other {
                return Ok(());
            }
            Err(DeclareError::setting(key, format!("{port}, but {with} is {other}: they must be the same")))
        };
        if let Some(name) = self.secrets.app.keys().find(|name| self.compute.environment.contains_key(*name)) {
            let problem = "`[secrets.app]` has a variable of this name as well: a container gets it once";
            return Err(DeclareError::setting(format!("compute.environment.{name}"), problem));
        }
        agree("compute.port", self.compute.port, "network.app_port", self.network.app_port)?;
        agree("edge.port", self.edge.port, "network.app_port", self.network.app_port)?;
        agree("database.port", self.database.port, "network.database_port", self.network.database_port)
    }
}

/// Declares the wanted layers on one graph. A layer that is not wanted gives what an earlier run recorded.
///
/// # Errors
/// [`Problem::Config`] for a setting that cannot work; [`Problem::Fault`] when a look-up in AWS fails; [`Problem::Stopped`] when
/// a layer that is not wanted was not deployed.
pub async fn declare(aws: &Aws, configs: &Configs, wanted: &Wanted<'_>) -> Result<Declared, Problem> {
    let mut stage = Stage::new(aws, &configs.names, Upstream::recorded(wanted.memory));
    let (network, secrets, observability, database, edge, compute, bastion) = join!(
        stage.look_up::<Network>(&configs.network, wanted.layers),
        stage.look_up::<Secrets>(&configs.secrets, wanted.layers),
        stage.look_up::<Observability>(&configs.observability, wanted.layers),
        stage.look_up::<DatabaseLayer>(&configs.database, wanted.layers),
        stage.look_up::<Edge>(&configs.edge, wanted.layers),
        stage.look_up::<Compute>(&configs.compute, wanted.layers),
        stage.look_up::<Bastion>(&configs.bastion, wanted.layers),
    );
    let declare = || {
        stage.declare::<Network>(&configs.network, network)?;
        stage.declare::<Secrets>(&configs.secrets, secrets)?;
        stage.declare::<Observability>(&configs.observability, observability)?;
        stage.declare::<DatabaseLayer>(&configs.database, database)?;
        stage.declare::<Edge>(&configs.edge, edge)?;
        stage.declare::<Compute>(&configs.compute, compute)?;
        stage.declare::<Bastion>(&configs.bastion, bastion)
    };
    declare().map_err(|error| cli::problem::layer(error, wanted.settings))?;
    Ok(Declared {
        graph: stage.graph,
        kinds: kinds_of(aws, wanted.layers),
        doors: stage.doors,
        warnings: stage.warnings,
        expires: aws.expires,
    })
}

/// How what these layers made is now, all asked at once.
///
/// # Errors
/// The fault of a call.
pub async fn health(aws: &Aws, settings: &Settings, wanted: &Wanted<'_>) -> Result<Vec<Sign>, Problem> {
    let names = Names::new(&settings.top.stack, &settings.env).map_err(|error| cli::problem::declare(error, settings))?;
    let none = Folded::default();
    let of = |layer: LayerName| {
        let (names, memory) = (&names, wanted.memory.get(&layer).unwrap_or(&none));
        async move {
            match layer {
                LayerName::Network => Network::health(aws, names, memory).await,
                LayerName::Secrets => Secrets::health(aws, names, memory).await,
                LayerName::Observability => Observability::health(aws, names, memory).await,
                LayerName::Database => DatabaseLayer::health(aws, names, memory).await,
                LayerName::Edge => Edge::health(aws, names, memory).await,
                LayerName::Compute => Compute::health(aws, names, memory).await,
                LayerName::Bastion => Bastion::health(aws, names, memory).await,
            }
        }
    };
    // A layer of which nothing is there has nothing to say.
    let there = wanted.layers.iter().copied().filter(|layer| wanted.memory.get(layer).is_some_and(|folded| !folded.rows.is_empty()));
    Ok(futures::future::try_join_all(there.map(of)).await?.concat())
}

/// What a deploy of these layers would meet, all asked at once.
///
/// # Errors
/// The fault of a call.
pub async fn preflight(aws: &Aws, configs: &Configs, wanted: &Wanted<'_>) -> Result<Vec<Sign>, Problem> {
    let none = Folded::default();
    let of = |layer: LayerName| {
        let memory = wanted.memory.get(&layer).unwrap_or(&none);
        async move {
            match layer {
                LayerName::Network => Network::preflight(aws, &configs.network, memory).await,
                LayerName::Secrets => Secrets::preflight(aws, &configs.secrets, memory).await,
                LayerName::Observability => Observability::preflight(aws, &configs.observability, memory).await,
                LayerName::Database => DatabaseLayer::preflight(aws, &configs.database, memory).await,
                LayerName::Edge => Edge::preflight(aws, &configs.edge, memory).await,
                LayerName::Compute => Compute::preflight(aws, &configs.compute, memory).await,
                LayerName::Bastion => Bastion::preflight(aws, &configs.bastion, memory).await,
            }
        }
    };
    Ok(futures::future::try_join_all(wanted.layers.iter().copied().map(of)).await?.concat())
}

/// The calls that a deploy and a destroy of these layers may make.
pub fn calls(configs: &Configs, layers: &[LayerName]) -> Vec<&'static str> {
    let of = |layer: &LayerName| match layer {
        LayerName::Network => Network::calls(&configs.network),
        LayerName::Secrets => Secrets::calls(&configs.secrets),
        LayerName::Observability => Observability::calls(&configs.observability),
        LayerName::Database => DatabaseLayer::calls(&configs.database),
        LayerName::Edge => Edge::calls(&configs.edge),
        LayerName::Compute => Compute::calls(&configs.compute),
        LayerName::Bastion => Bastion::calls(&configs.bastion),
    };
    layers.iter().flat_map(of).collect()
}

/// ARNs of objects that the settings name and that a policy may be limited to: the hosted zone, the web ACL.
pub(crate) async fn named(aws: &Aws, configs: &Configs) -> Vec<String> {
    let zone = match &configs.edge.hosted_zone {
        Some(name) => edge::zone(aws, name).await.ok(),
        None => None,
    };
    let zone = zone.map(|id| format!("arn:aws:route53:::hostedzone/{id}"));
    zone.into_iter().chain(configs.edge.web_acl_arn.clone()).collect()
}
