//! The commands about secrets: a value is where it belongs, and on standard output when somebody asked for it.

use super::forms::secrets;
use super::lies::{Parrot, Repeats};
use super::{Honest, Shop};
use integration_tests::terminal::{self, Terminal};
use std::sync::{Arc, Mutex};

const GIVEN: &str = "a-given-value_with.64~characters-so-that-nothing-else-looks-like-it";
const GIVEN_TYPED: &str = "a-given-value_with.64~characters-so-that-nothing-else-looks-like-it\n";

impl Shop {
    fn parameter(&self, what: &str) -> (String, i64) {
        self.emulator.with_world(|world| {
            let it = &world.regions["eu-north-1"].parameters[&format!("/shop/test/{what}")];
            (it.inside["value"].as_str().unwrap().to_owned(), it.body["Version"].as_i64().unwrap())
        })
    }

    fn database_has(&self, password: &str) -> bool {
        self.emulator.with_world(|world| world.regions["eu-north-1"].db_instances["shop-test"].inside["password"] == password)
    }

    async fn ok(&mut self, args: &[&str]) -> String {
        assert_eq!(self.run(args, Honest).await, Some(0), "{args:?}: {}", self.said(self.runs));
        self.said(self.runs)
    }

    /// What a run wrote to standard output; the file is taken away, so that nobody else is blamed for it.
    fn shown(&self, run: usize) -> String {
        let path = self.dir.path().join(format!("{run}.out"));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        text
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_secret_is_shown_to_nobody_but_who_asks() {
    let mut shop = Shop::new();
    shop.ok(&["deploy", "--yes"]).await;
    assert!(
        shop.ok(&["secrets", "rotate", "database"])
            .await
            .contains("database-password has version 2 (before: 1), in SSM and in the database")
    );
    let (password, version) = shop.parameter("database-password");
    assert!(version == 2 && shop.database_has(&password));
    shop.ok(&["secrets", "rotate", "FLASK_SECRET_KEY", "--format", "json"]).await;
    assert_eq!(shop.run_told(&["secrets", "set", "SALT"], Honest, &format!("{GIVEN}\n")).await, Some(0), "{}", shop.said(shop.runs));
    assert_eq!(shop.parameter("salt"), (GIVEN.to_owned(), 2));
    let list = shop.ok(&["secrets", "list"]).await;
    assert!(
        list.contains("database-password") && list.contains("database/instance, compute/task-definition")
            || list.contains("compute/task-definition, database/instance"),
        "{list}"
    );
    let list = shop.ok(&["secrets", "list", "--format", "json"]).await;
    let document: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!((document["version"].as_i64(), document["secrets"][0]["version"].as_i64()), (Some(1), Some(2)), "{list}");
    let history = shop.ok(&["secrets", "history", "database", "--format", "json"]).await;
    let document: serde_json::Value = serde_json::from_str(&history).unwrap();
    assert!(document["versions"][1]["run"].as_str().unwrap().contains("secrets rotate"), "{history}");
    assert!(document["versions"][0]["run"].is_null() && document["versions"][0]["by"].is_string(), "{history}");
    shop.ok(&["secrets", "history", "SALT"]).await;
    assert!(shop.ok(&["plan"]).await.contains("No changes"));
    // Nobody is there to be asked.
    assert_eq!(shop.run(&["secrets", "reveal", "SALT"], Honest).await, Some(5), "{}", shop.said(shop.runs));
    assert_eq!(shop.run(&["secrets", "reveal", "SALT", "--yes"], Honest).await, Some(0), "{}", shop.said(shop.runs));
    assert_eq!(shop.shown(shop.runs), format!("{GIVEN}\n"));
    let (key, _) = shop.parameter("flask-secret-key");
    assert_eq!(shop.run(&["secrets", "reveal", "flask-secret-key", "--yes", "--format", "json"], Honest).await, Some(0));
    let shown: serde_json::Value = serde_json::from_str(&shop.shown(shop.runs)).unwrap();
    assert_eq!((shown["value"].as_str(), shown["secret_version"].as_i64()), (Some(key.as_str()), Some(2)));
    assert_eq!(shop.emulator.with_world(|world| secrets(world)).len(), 6, "three that are and three that were");
    shop.is_clean(&[], "changed and asked for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_cannot_be_used_is_refused_before_anything_is_changed_and_not_repeated() {
    let mut shop = Shop::new();
    shop.ok(&["deploy", "--yes"]).await;
    let (long, wrong) = ("0123456789abcdef".repeat(300), "a-password/with-a-slash@and-an-at");
    for (name, told) in
        [("SALT", ""), ("SALT", "\n"), ("SALT", long.as_str()), ("database", wrong), ("SALT", "a-value-that-holds-a-\0-NUL-char")]
    {
        assert_eq!(shop.run_told(&["secrets", "set", name], Honest, told).await, Some(5), "{told}: {}", shop.said(shop.runs));
        assert!(shop.said(shop.runs).contains("nothing was changed"), "{}", shop.said(shop.runs));
    }
    for args in [["secrets", "rotate", "NOBODY"], ["secrets", "history", "NOBODY"], ["secrets", "reveal", "NOBODY"]] {
        assert_eq!(shop.run(&args, Honest).await, Some(3), "{}", shop.said(shop.runs));
        assert!(shop.said(shop.runs).contains("there are: database, FLASK_SECRET_KEY, SALT"), "{}", shop.said(shop.runs));
    }
    assert_eq!((shop.parameter("salt").1, shop.parameter("database-password").1), (1, 1));
    shop.is_clean(&[wrong.to_owned(), "a-value-that-holds-a-".to_owned()], "refused values");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_aws_refuses_and_repeats_is_not_passed_on_and_a_deploy_finishes_it() {
    let mut shop = Shop::new();
    shop.ok(&["deploy", "--yes"]).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut version = 1;
    for call in ["ssm:PutParameter", "rds:ModifyDBInstance"] {
        for how in [Repeats::Plain, Repeats::UrlEncoded, Repeats::Base64, Repeats::CutOff] {
            let format = if matches!(how, Repeats::Plain) { "json" } else { "human" };
            let parrot = Parrot { call, how, told: told.clone() };
            assert_eq!(shop.run(&["secrets", "rotate", "database", "--format", format], parrot).await, Some(1), "{call} {how:?}");
            let said = shop.said(shop.runs);
            assert!(said.contains(call) && said.contains("5eed"), "{call} {how:?}: {said}");
            if call == "rds:ModifyDBInstance" {
                // SSM has it and the database has not: `list` says so.
                let list = shop.ok(&["secrets", "list"]).await;
                assert!(list.contains("was not finished"), "{list}");
            }
            shop.ok(&["deploy", "--yes"]).await;
            version += 1;
            let (password, now) = shop.parameter("database-password");
            assert!(now == version && shop.database_has(&password), "{call} {how:?}: version {now}");
            assert!(!shop.ok(&["secrets", "list"]).await.contains("was not finished"));
        }
    }
    assert!(told.lock().unwrap().len() >= 8, "nothing was repeated");
    let told = told.lock().unwrap().clone();
    shop.is_clean(&told, "AWS repeats what it refuses");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_older_than_its_policy_says_is_due() {
    let mut shop = Shop::new();
    let with_policy = super::ENV
        .replace("[secrets]", "[secrets]\nrotate_after_days = 90")
        .replace("[secrets.app.SALT]", "[secrets.app.SALT]\nrotate_after_days = 365");
    std::fs::write(shop.dir.path().join("envs/test.toml"), with_policy).unwrap();
    shop.ok(&["deploy", "--yes"]).await;
    shop.emulator.with_world(|world| {
        let old = world.clock.now() - 100.5 * 86_400.0;
        for it in world.regions.get_mut("eu-north-1").unwrap().parameters.values_mut() {
            it.set(serde_json::json!({"LastModifiedDate": old}));
        }
    });
    let due = |list: &str| -> Vec<(u64, bool)> {
        let list: serde_json::Value = serde_json::from_str(list).unwrap();
        let all = list["secrets"].as_array().unwrap().iter();
        all.map(|it| (it["age_days"].as_u64().unwrap(), it["overdue"].as_bool().unwrap())).collect()
    };
    assert_eq!(due(&shop.ok(&["secrets", "list", "--format", "json"]).await), [(100, true), (100, true), (100, false)]);
    let list = shop.ok(&["secrets", "list"]).await;
    assert!(list.contains("OVERDUE") && list.contains("hint: `secrets rotate database-password --env test`"), "{list}");
    shop.ok(&["secrets", "rotate", "database-password"]).await;
    assert_eq!(due(&shop.ok(&["secrets", "list", "--format", "json"]).await), [(0, false), (100, true), (100, false)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_does_not_show_what_is_typed_and_is_asked_before_a_value_is_shown() {
    if !terminal::is_here() {
        return;
    }
    let mut shop = Shop::new();
    shop.ok(&["deploy", "--yes"]).await;
    let (url, server) = integration_tests::liar::serve(shop.emulator.clone(), Arc::new(Honest)).await;
    let dir = shop.dir.path().to_owned();
    let on_terminal = |args: &'static [&'static str], lines: &'static [(&'static str, &'static str)]| {
        let (dir, binary) = (dir.clone(), integration_tests::process::binary().display());
        let line = format!("{binary} {} --env test --config envs --endpoint-url {url}", args.join(" "));
        let typed = move || Terminal { dir: &dir, size: (120, 40), variables: &[] }.answer(&line, lines);
        async move { tokio::task::spawn_blocking(typed).await.unwrap() }
    };
    let (code, shown) =
        on_terminal(&["secrets", "set", "SALT"], &[("not shown", GIVEN_TYPED), ("Once more", "something-else-that-differs\n")]).await;
    assert!(code == Some(5) && shown.contains("differ") && !shown.contains(GIVEN), "{shown}");
    assert_eq!(shop.parameter("salt").1, 1);
    let (code, shown) = on_terminal(&["secrets", "set", "SALT"], &[("not shown", GIVEN_TYPED), ("Once more", GIVEN_TYPED)]).await;
    assert!(code == Some(0) && !shown.contains(GIVEN) && shown.contains("salt has version 2"), "{shown}");
    assert_eq!(shop.parameter("salt"), (GIVEN.to_owned(), 2));
    let (code, shown) = on_terminal(&["secrets", "reveal", "SALT"], &[("Show it?", "no\n")]).await;
    assert!(code == Some(5) && !shown.contains(GIVEN), "{shown}");
    let (code, shown) = on_terminal(&["secrets", "reveal", "SALT"], &[("Show it?", "yes\n")]).await;
    assert!(code == Some(0) && shown.contains(GIVEN) && shown.contains("was shown"), "{shown}");
    server.abort();
    shop.is_clean(&[], "typed on a terminal");
}
