//! N: names and limits that AWS has, checked before anything is called.

use super::{deployed_with, region};
use integration_tests::{EVERYTHING, settings};
use orchestrator::stack;

/// What the settings are refused with; nothing was connected yet.
fn refused(env: &str) -> String {
    match stack::Configs::read(&settings(env)) {
        Err(problem) => problem.render(),
        Ok(_) => panic!("it was accepted: {env}"),
    }
}

/// Twenty characters, with an environment of four: what a stack may have at most.
const LONGEST: &str = "a-stack-of-twenty-ch";

#[tokio::test(start_paused = true)]
async fn n1_balancers_and_target_groups_have_32_characters() {
    let bench = deployed_with(&format!("stack = \"{LONGEST}\"\n{EVERYTHING}")).await;
    region(&bench, |region| {
        let names = region
            .load_balancers
            .values()
            .map(|it| it.str("LoadBalancerName"))
            .chain(region.target_groups.values().map(|it| it.str("TargetGroupName")));
        names.for_each(|name| assert!(name.starts_with(LONGEST) && name.len() <= 32, "{name}"));
    });
    for stack in ["a-stack-of-twenty-one", "9shop", "Shop", "sh--op", "shop-", "", "sh_op", "shöp"] {
        let said = refused(&format!("stack = \"{stack}\"\n"));
        assert!(said.contains("test.toml: stack:"), "{stack}: {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn n2_roles_and_profiles_have_names_that_iam_takes() {
    let bench = deployed_with(&format!("stack = \"{LONGEST}\"\n{EVERYTHING}")).await;
    let fits = |name: &str, most: usize| name.len() <= most && name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c));
    bench.emulator.with_world(|world| {
        let ours = world.account.roles.keys().filter(|name| name.starts_with(LONGEST));
        assert!(ours.clone().count() >= 4 && ours.clone().all(|name| fits(name, 64)), "{:?}", ours.collect::<Vec<_>>());
        assert!(world.account.instance_profiles.keys().all(|name| fits(name, 128)));
    });
    let policy = |arn: &str| refused(&format!("[compute]\ntask_managed_policies = [\"{arn}\"]\n"));
    assert!(policy("AmazonS3ReadOnlyAccess").contains("test.toml: compute.task_managed_policies"));
    let many: Vec<String> = (0..21).map(|it| format!("\"arn:aws:iam::aws:policy/P{it}\"")).collect();
    assert!(refused(&format!("[compute]\ntask_managed_policies = [{}]\n", many.join(", "))).contains("at most 20"));
}

#[tokio::test(start_paused = true)]
async fn n3_what_a_service_refuses_is_refused_first_with_its_key() {
    let bench = deployed_with(&format!("stack = \"{LONGEST}\"\n{EVERYTHING}")).await;
    region(&bench, |region| {
        assert!(region.db_instances.keys().all(|name| name.len() <= 63 && !name.contains("--")));
        assert!(region.ec2.security_groups.values().all(|it| it.name.len() <= 255 && !it.name.starts_with("sg-")));
        assert!(region.aliases.keys().all(|name| name.len() <= 256 && !name.starts_with("alias/aws/")));
        assert!(region.log_groups.keys().all(|name| name.len() <= 512));
        assert!(region.parameters.keys().all(|name| name.matches('/').count() <= 15 && name.len() <= 1011));
        assert!(region.clusters.keys().chain(region.services.keys()).all(|name| name.len() <= 255));
    });
    let long = "X".repeat(129);
    for (env, key) in [
        (format!("[secrets.app.{long}]\nlength = 20\n"), "secrets.app."),
        ("[secrets.app.lower]\n".to_owned(), "secrets.app.lower"),
        ("[secrets.app.DATABASE_PASSWORD]\n".to_owned(), "secrets.app.DATABASE_PASSWORD"),
        ("[secrets.app.A]\n[compute.environment]\nA = \"1\"\n".to_owned(), "compute.environment.A"),
        ("[database]\nname = \"a-b\"\n".to_owned(), "database.name"),
        ("[database]\nport = 80\n[network]\ndatabase_port = 80\n".to_owned(), "database.port"),
        ("[database.parameters]\n\"a b\" = \"1\"\n".to_owned(), "database.parameters."),
        ("[observability.queries]\n\"a/b\" = \"fields @message\"\n".to_owned(), "observability.queries."),
        ("[network]\ningress_cidrs = [\"10.0.0.0/8\", \"10.0.0.0/8\"]\n".to_owned(), "network.ingress_cidrs"),
        ("[network]\ninterface_endpoints = [\"logs\", \"logs\"]\n".to_owned(), "network.interface_endpoints"),
        ("[edge.access_logs]\nbucket = \"No Bucket\"\n".to_owned(), "edge.access_logs.bucket"),
        ("[edge.health_check]\npath = \"/a b\"\n".to_owned(), "edge.health_check.path"),
        (format!("[compute]\nimage = \"{}\"\n", "x".repeat(256)), "compute.image"),
        ("[bastion]\nenabled = true\ninstance_type = \"t3.mic ro\"\n".to_owned(), "bastion.instance_type"),
    ] {
        let said = refused(&env);
        assert!(said.contains("test.toml") && said.contains(key), "{key}: {said}");
    }
    let dir = tempfile::tempdir().unwrap();
    let tags: String = (0..41).map(|it| format!("t{it} = \"x\"\n")).collect();
    for (env, key) in [
        (format!("[tags]\n{tags}"), "tags"),
        ("[tags]\n\"aws:x\" = \"y\"\n".to_owned(), "tags.aws:x"),
        ("[tags]\n\"orchestrator:env\" = \"y\"\n".to_owned(), "tags.orchestrator:env"),
        (format!("[tags]\n{long} = \"y\"\n"), "tags.X"),
        (format!("[tags]\na = \"{}\"\n", "y".repeat(257)), "tags.a"),
        ("[tags]\na = \"<b>\"\n".to_owned(), "tags.a"),
        ("region = \"Mars\"\n".to_owned(), "region"),
    ] {
        std::fs::write(
            dir.path().join("test.toml"),
            format!("stack = \"shop\"\nregion = \"eu-north-1\"\n{env}").replacen("region = \"eu-north-1\"\nregion", "region", 1),
        )
        .unwrap();
        let tables: Vec<&str> = stack::LAYERS.iter().map(|layer| layer.as_str()).collect();
        let said = cli::Settings::load(dir.path(), "test", None, &tables).map(|_| ()).unwrap_err().render();
        assert!(said.contains("test.toml") && said.contains(&format!(" {key}")), "{key}: {said}");
    }
}
