//! `network`: this layer alone, for the team that owns it.

use aws::{Aws, Connection};
use cli::problem::declare as told;
use cli::{App, Declared, Problem, Settings, Wanted};
use contract::Names;
use engine::{Doors, Graph, Kinds, Layer, LayerName};
use network::{Config, Inputs, Network};
use std::collections::BTreeMap;
use std::net::SocketAddr;

struct Alone;

async fn connect(wanted: &Wanted<'_>) -> Result<Aws, Problem> {
    let top = &wanted.settings.top;
    if top.embedded && wanted.endpoint_url.is_none() {
        let env = &wanted.settings.env;
        let problem = format!(
            "`{env}` uses the embedded AWS, which a layer alone does not have: run `orchestrator emulator --env {env}` and add --endpoint-url"
        );
        return Err(Problem::Config(problem));
    }
    let endpoint_url = wanted.endpoint_url.map(str::to_owned);
    let speed = if top.embedded { top.speed } else { 1.0 };
    Ok(Aws::connect(&Connection { region: top.region.clone(), endpoint_url, embedded: None, speed }).await)
}

impl App for Alone {
    fn layers(&self) -> Vec<LayerName> {
        vec![LayerName::Network]
    }

    async fn declare(&self, wanted: Wanted<'_>) -> Result<Declared, Problem> {
        let settings = wanted.settings;
        let names = Names::new(&settings.top.stack, &settings.env).map_err(|error| told(error, settings))?;
        let config: Config = settings.table("network")?;
        config.check().map_err(|error| told(error, settings))?;
        let aws = connect(&wanted).await?;
        let inputs = Inputs::look_up(&aws, &config, &names).await?;
        let mut graph = Graph::new();
        let doors = Network::declare(&config, inputs, &mut graph).map_err(|error| told(error, settings))?;
        Ok(Declared { graph, kinds: network::kinds(&aws), doors: BTreeMap::from([(LayerName::Network, doors.export())]) })
    }

    async fn kinds(&self, wanted: Wanted<'_>) -> Result<Kinds, Problem> {
        Ok(network::kinds(&connect(&wanted).await?))
    }

    async fn emulator(&self, _: &Settings, _: SocketAddr) -> Result<(), Problem> {
        Err(Problem::Config("the embedded AWS is part of `orchestrator`: run `orchestrator emulator`".into()))
    }
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    cli::commands::main(Alone).await
}
