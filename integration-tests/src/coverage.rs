//! What each emulator carries of each layer: one walk by the real binary (deploy, read back, look again, one change in each layer, look
//! again, destroy, read back), and the table of what came out, `COVERAGE.md`. `UPDATE_COVERAGE=1` writes it anew.
#![allow(clippy::disallowed_methods)]

use crate::client;
use crate::process::{ROOT, command, said};
use aws::Aws;
use engine::LayerName;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Something that an emulator does otherwise than AWS documents, and where that can be read.
pub struct Gap {
    /// The layers that it keeps away altogether; a loss otherwise.
    pub layers: &'static [LayerName],
    /// The kind and the fields that a plan shows because of it; nothing when it keeps layers away.
    pub shows: &'static [(&'static str, &'static str)],
    /// What it cannot.
    pub what: &'static str,
    /// Where: a file of its source, an issue, its documentation.
    pub link: &'static str,
}

/// An emulator, what it has and what it has not.
pub struct Other {
    /// Its name in the table.
    pub name: &'static str,
    /// Settings that it has all of, in parts.
    pub settings: &'static [&'static str],
    /// The place of its ledgers; a directory when there is none.
    pub ledger: Option<&'static str>,
    /// What it cannot.
    pub gaps: &'static [Gap],
}

/// Settings that MiniStack has: no saved queries, no autoscaling, one minor of PostgreSQL 16. Its containers take their own time, the pauses
/// between two looks at it do not.
pub const MINISTACK: &str = r#"
embedded = true
speed = 10.0
observability.queries = {}
database.engine_version = "16.4"
database.storage_type = "gp2"
database.final_snapshot = false
compute.autoscaling.enabled = false
"#;

/// The steps of a walk.
const STEPS: [&str; 6] = ["deploy", "read back", "0 changes", "one change", "destroy", "nothing left"];
/// One setting of each layer, in its table.
const CHANGES: [(LayerName, &str, &str); 7] = [
    (LayerName::Network, "network", "ingress_cidrs = [\"198.51.100.0/24\"]"),
    (LayerName::Secrets, "secrets.app.FLASK_SECRET_KEY", "length = 60"),
    (LayerName::Observability, "observability", "error_threshold = 9"),
    (LayerName::Database, "database", "backup_days = 9"),
    (LayerName::Edge, "edge", "idle_timeout = 90"),
    (LayerName::Compute, "compute.environment", "LOG_LEVEL = \"debug\""),
    (LayerName::Bastion, "bastion", "volume_gb = 20"),
];

impl Other {
    /// The layers that it carries.
    fn carried(&self) -> Vec<LayerName> {
        let away: BTreeSet<LayerName> = self.gaps.iter().flat_map(|gap| gap.layers.iter().copied()).collect();
        LayerName::ALL.into_iter().filter(|layer| !away.contains(layer)).collect()
    }

    /// Walks at `url` and keeps the table.
    ///
    /// # Panics
    /// When a step does not do what AWS would, for no reason that is named; when `COVERAGE.md` says something else.
    pub async fn walk(&self, url: &str) {
        let (dir, layers, settings) = (tempfile::tempdir().unwrap(), self.carried(), self.settings.concat());
        let ledger = self.ledger.map(|ledger| format!("ledger = \"{ledger}\"\n")).unwrap_or_default();
        std::fs::write(dir.path().join("base.toml"), format!("stack = \"shop\"\nregion = \"eu-north-1\"\n{ledger}")).unwrap();
        let aws = client(url, "eu-north-1").await;
        let run = async |args: &[&str]| self.run(dir.path(), url, args, &layers).await;

        std::fs::write(dir.path().join("other.toml"), &settings).unwrap();
        run(&["deploy", "--yes"]).await;
        for layer in &layers {
            assert_ne!(there(&aws, *layer).await, 0, "{}: nothing of {layer} is there", self.name);
        }
        let mut seen = self.losses(&run(&["plan", "--format", "json"]).await);

        std::fs::write(dir.path().join("other.toml"), changed(&settings, &layers)).unwrap();
        let changed = changed_layers(&run(&["plan", "--format", "json"]).await);
        run(&["deploy", "--yes"]).await;
        for layer in &layers {
            assert!(changed.contains(layer.as_str()), "{}: the change of {layer} is not planned", self.name);
        }
        seen.extend(self.losses(&run(&["plan", "--format", "json"]).await));

        run(&["destroy", "--yes", "--allow-destroy", "all"]).await;
        for layer in &layers {
            assert_eq!(there(&aws, *layer).await, 0, "{}: something of {layer} is left", self.name);
        }
        assert_eq!(dir.path().join(".orchestrator/other/ledger").exists(), self.ledger.is_none());
        self.keep(&seen);
    }

    async fn run(&self, dir: &Path, url: &str, args: &[&str], layers: &[LayerName]) -> String {
        let mut command = command(dir, args);
        if layers.len() < LayerName::ALL.len() {
            command.args(layers.iter().flat_map(|layer| ["--layer", layer.as_str()]));
        }
        command.args(["--env", "other", "--endpoint-url", url, "--config", "."]);
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{} {args:?}: {}", self.name, said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a plan would do again, by layer: nothing may be but what is named as lost.
    fn losses(&self, plan: &str) -> BTreeMap<String, BTreeSet<usize>> {
        let mut seen: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (id, step) in steps(plan) {
            for field in step["changes"].as_array().unwrap().iter().filter_map(|change| change["field"].as_str()) {
                let lost = |(kind, lost): &(&str, &str)| step["kind"] == *kind && field.starts_with(lost);
                let gap = self.gaps.iter().position(|gap| gap.shows.iter().any(lost));
                let gap = gap.unwrap_or_else(|| panic!("{}: {id} {field}: {step}", self.name));
                seen.entry(layer(&id).to_owned()).or_default().insert(gap);
            }
        }
        seen
    }

    /// The rows of this emulator, and below them what it cannot.
    fn table(&self, seen: &BTreeMap<String, BTreeSet<usize>>) -> String {
        let mut text = String::new();
        for layer in LayerName::ALL {
            let numbers = |gaps: &mut dyn Iterator<Item = usize>| gaps.map(|gap| format!("[{}]", gap + 1)).collect::<Vec<_>>().join(" ");
            let away = numbers(&mut self.gaps.iter().enumerate().filter(|(_, gap)| gap.layers.contains(&layer)).map(|(at, _)| at));
            let lost = numbers(&mut seen.get(layer.as_str()).into_iter().flatten().copied());
            let cell = |step: &&str| match (away.is_empty(), **step == *STEPS[2] && !lost.is_empty()) {
                (false, _) => format!("cannot {away}"),
                (true, true) => format!("but {lost}"),
                (true, false) => "ok".to_owned(),
            };
            text += &format!("| {} | {layer} | {} |\n", self.name, STEPS.iter().map(cell).collect::<Vec<_>>().join(" | "));
        }
        let gap = |(at, gap): (usize, &Gap)| format!("\n{}. [{}]({})", at + 1, gap.what, gap.link);
        format!(
            "\n| emulator | layer | {} |\n|{}\n{text}{}\n",
            STEPS.join(" | "),
            " --- |".repeat(8),
            self.gaps.iter().enumerate().map(gap).collect::<String>()
        )
    }

    /// Compares this emulator's part of `COVERAGE.md`, or writes it anew.
    fn keep(&self, seen: &BTreeMap<String, BTreeSet<usize>>) {
        let path = Path::new(ROOT).join("integration-tests/COVERAGE.md");
        let (begin, end) = (format!("<!-- {} -->", self.name), format!("<!-- /{} -->", self.name));
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let now = format!("{begin}\n{}{end}", self.table(seen));
        let old = text.find(&begin).zip(text.find(&end)).map(|(from, to)| text[from..to + end.len()].to_owned());
        if std::env::var_os("UPDATE_COVERAGE").is_some() {
            let new = old.map_or_else(|| format!("{}\n\n{now}\n", text.trim_end()), |old| text.replace(&old, &now));
            std::fs::write(&path, new).unwrap();
            return;
        }
        assert_eq!(old.unwrap_or_default(), now, "integration-tests/COVERAGE.md says something else (UPDATE_COVERAGE=1 writes it)");
    }
}

/// The settings with one change in each layer.
fn changed(settings: &str, layers: &[LayerName]) -> String {
    let mut settings: toml::Table = settings.parse().unwrap();
    for (_, path, change) in CHANGES.iter().filter(|(layer, ..)| layers.contains(layer)) {
        let mut table = &mut settings;
        for name in path.split('.') {
            let inner = table.entry(name).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            table = inner.as_table_mut().unwrap();
        }
        table.extend(change.parse::<toml::Table>().unwrap());
    }
    settings.to_string()
}

/// The steps of a plan that change something, by id.
fn steps(plan: &str) -> Vec<(String, Value)> {
    let plan: Value = serde_json::from_str(plan.lines().next().unwrap()).unwrap();
    let steps = plan["plan"]["steps"].as_object().unwrap().clone();
    // What is replaced is deleted for the same reason.
    steps.into_iter().filter(|(_, step)| step["verb"] != "keep" && step["verb"] != "delete").collect()
}

fn layer(id: &str) -> &str {
    id.split('/').next().unwrap_or_default()
}

fn changed_layers(plan: &str) -> BTreeSet<String> {
    steps(plan).iter().map(|(id, _)| layer(id).to_owned()).collect()
}

/// How many objects of a layer are there, by the emulator's own words.
async fn there(aws: &Aws, layer: LayerName) -> usize {
    let ours = || aws::ec2::filter("tag:orchestrator:stack", ["shop".to_owned()]);
    let named = |name: Option<&str>| name.is_some_and(|name| name.trim_start_matches('/').starts_with("shop"));
    match layer {
        LayerName::Network => {
            let vpcs = aws.ec2.describe_vpcs().filters(ours()).send().await.unwrap().vpcs().len();
            let of_layer = aws::ec2::filter("tag:orchestrator:layer", [layer.to_string()]);
            let groups = aws.ec2.describe_security_groups().filters(ours()).filters(of_layer).send().await.unwrap();
            vpcs + groups.security_groups().len() + aws.ec2.describe_addresses().filters(ours()).send().await.unwrap().addresses().len()
        }
        LayerName::Secrets => aws.ssm.describe_parameters().send().await.unwrap().parameters().iter().filter(|it| named(it.name())).count(),
        LayerName::Observability => {
            aws.logs.describe_log_groups().log_group_name_prefix("/ecs/shop-").send().await.unwrap().log_groups().len()
        }
        LayerName::Database => {
            let all = aws.rds.describe_db_instances().send().await.unwrap();
            all.db_instances().iter().filter(|it| named(it.db_instance_identifier())).count()
        }
        LayerName::Edge => {
            let all = aws.elb.describe_load_balancers().send().await.unwrap();
            all.load_balancers().iter().filter(|it| named(it.load_balancer_name())).count()
        }
        LayerName::Compute => {
            let all = aws.ecs.list_clusters().send().await.unwrap();
            all.cluster_arns().iter().filter(|arn| named(arn.rsplit('/').next())).count()
        }
        LayerName::Bastion => {
            let all = aws.ec2.describe_instances().filters(ours()).send().await.unwrap();
            let all = all.reservations().iter().flat_map(|it| it.instances());
            all.filter(|it| it.state().and_then(|state| state.name()).is_some_and(|name| name.as_str() == "running")).count()
        }
    }
}
