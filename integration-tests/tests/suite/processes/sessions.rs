//! exec, tunnel and connect of the real binary: what AWS's plugin and psql are told, what is out of sight, and what is left afterwards.
//! Both are stand-ins, which write down what they were given: nobody is at the other end of an emulator's session.

use integration_tests::process::{binary, free_port};
use integration_tests::processes::{Gate, Process, Shop};
use integration_tests::schema;
use integration_tests::terminal::{self, Terminal};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Stands in for `session-manager-plugin`: says its version, forwards nothing, or does what `DOES` says.
const PLUGIN: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then echo "${VERSION:-1.2.764.0}"; exit 0; fi
echo $$ > "$NOTES/plugin.pid"; printf '%s\n' "$@" > "$NOTES/plugin.args"
printf %s "$AWS_SSM_START_SESSION_RESPONSE" > "$NOTES/plugin.response"
if [ -n "$REFUSES" ]; then echo "$REFUSES"; exit 3; fi
case "$5" in
*portNumber*) printf 'Starting session\nPort opened\nWaiting for connections...\n'; exec sleep 600 ;;
*) eval "$DOES" ;;
esac
"#;

/// Stands in for `psql`.
const PSQL: &str = r#"#!/bin/sh
echo $$ > "$NOTES/psql.pid"; printf '%s\n' "$@" > "$NOTES/psql.args"; env > "$NOTES/psql.env"
cp "$PGPASSFILE" "$NOTES/psql.password"; stat -c %a "$PGPASSFILE" > "$NOTES/psql.mode"
eval "$DOES"
"#;

/// A deployed stack, and the programs that sessions need.
struct Sessions {
    shop: Shop,
    notes: PathBuf,
    path: String,
}

impl Sessions {
    async fn new(variables: &[(&str, &str)]) -> Sessions {
        let shop = Shop::new(binary(), "");
        let mut deploy = shop.start_with("calm", variables, &["deploy", "--yes"], &Gate::open()).await;
        assert_eq!(deploy.ended().await.code, Some(0), "{}", deploy.said());
        let notes = shop.dir.path().join("programs");
        std::fs::create_dir(&notes).unwrap();
        for (name, text) in [("session-manager-plugin", PLUGIN), ("psql", PSQL)] {
            std::fs::write(notes.join(name), text).unwrap();
            std::fs::set_permissions(notes.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = format!("{}:/usr/bin:/bin", notes.display());
        Sessions { shop, notes, path }
    }

    async fn start(&self, variables: &[(&str, &str)], args: &[&str], gate: &std::sync::Arc<Gate>) -> Process {
        let notes = self.notes.display().to_string();
        let own = [("PATH", self.path.as_str()), ("NOTES", &notes), ("AWS_PROFILE", "")];
        self.shop.start_with("calm", &[&own[..], variables].concat(), args, gate).await
    }

    async fn run(&self, variables: &[(&str, &str)], args: &[&str], code: i32) -> String {
        let mut process = self.start(variables, args, &Gate::open()).await;
        assert_eq!(process.ended().await.code, Some(code), "{args:?}: {}", process.said());
        process.said()
    }

    /// What a program wrote down.
    fn note(&self, name: &str) -> String {
        std::fs::read_to_string(self.notes.join(name)).unwrap_or_default()
    }

    fn request(&self) -> Value {
        serde_json::from_str(self.note("plugin.args").lines().nth(4).unwrap()).unwrap()
    }

    /// The sessions of the world: document or none, status.
    fn sessions(&self) -> Vec<(String, String, Value)> {
        let kept = |world: &mut emulator::World| {
            let all = world.regions.values().flat_map(|region| region.sessions.values());
            all.map(|it| (it.str("Target").to_owned(), it.str("Status").to_owned(), it.inside["parameters"].clone())).collect()
        };
        self.shop.emulator.with_world(kept)
    }

    fn all_closed(&self) {
        let open: Vec<_> = self.sessions().into_iter().filter(|(_, status, _)| status != "Terminated").collect();
        assert!(open.is_empty(), "{open:?}");
    }

    fn password(&self) -> String {
        self.shop.emulator.with_world(|world| {
            let parameters = &world.regions.values().next().unwrap().parameters;
            parameters
                .iter()
                .find(|(name, _)| name.contains("database"))
                .map(|(_, it)| it.inside["value"].as_str().unwrap().to_owned())
                .unwrap()
        })
    }

    /// Whether a program that wrote down its number runs.
    fn runs(&self, program: &str) -> bool {
        Path::new("/proc").join(self.note(&format!("{program}.pid")).trim()).join("stat").exists()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exec_runs_a_command_in_the_newest_task_and_ends_with_its_code() {
    let at = Sessions::new(&[("ORCHESTRATOR_COMPUTE__EXEC", "true")]).await;
    let args = ["exec", "--", "python", "-c", "print('a b')"];
    let said = at.run(&[("DOES", "echo from the container; exit 7")], &args, 7).await;
    assert!(said.contains("from the container"), "{said}");
    let sessions = at.sessions();
    let (target, _, parameters) = &sessions[0];
    assert_eq!((sessions.len(), parameters), (1, &json!({"command": ["python -c 'print('\\''a b'\\'')'"]})));
    let told = at.note("plugin.args");
    let told: Vec<&str> = told.lines().collect();
    assert_eq!(told[..4], ["AWS_SSM_START_SESSION_RESPONSE", "eu-north-1", "StartSession", ""]);
    assert!(told[5].starts_with("http://127.0.0.1:") && at.request() == json!({"Target": target}), "{told:?}");
    // The token lets one in: it is in no argument, which everybody on the machine could read, and in nothing that was said.
    let response: Value = serde_json::from_str(&at.note("plugin.response")).unwrap();
    let token = response["TokenValue"].as_str().unwrap();
    assert!(token.len() > 20 && response["StreamUrl"].as_str().unwrap().starts_with("wss://"));
    assert!(!told.concat().contains(token) && !said.contains(token));
    at.all_closed();
    let unknown = at.run(&[], &["exec", "--task", "zzz", "--", "sh"], 1).await;
    assert!(unknown.contains("no task whose id begins with `zzz`") && unknown.contains("these run: "), "{unknown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_in_the_way_is_told_before_anything_is_opened() {
    let at = Sessions::new(&[("ORCHESTRATOR_BASTION__ENABLED", "false")]).await;
    let said = at.run(&[], &["exec", "--", "sh"], 1).await;
    assert!(said.contains("compute.exec") && said.contains("deploy --env local"), "{said}");
    let said = at.run(&[], &["tunnel", "database"], 1).await;
    assert!(said.contains("there is no bastion") && said.contains("bastion.enabled"), "{said}");
    for (variables, words) in [
        (("PATH", "/usr/bin:/bin"), ["is not installed", "session-manager-plugin.deb"]),
        (("VERSION", "1.2.497.0"), ["only as an argument", "install a newer one"]),
    ] {
        let gate = Gate::open();
        let mut process = at.start(&[variables], &["exec", "--", "sh"], &gate).await;
        let (ended, said) = (process.ended().await, process.said());
        assert!(ended.code == Some(5) && words.iter().all(|word| said.contains(word)), "{said}");
        assert!(gate.arrived().is_empty(), "{:?}", gate.arrived());
    }
    assert!(at.sessions().is_empty());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = at.run(&[], &["tunnel", "database", "--port", &port], 5).await;
    assert!(said.contains("cannot be listened on") && said.contains("another --port"), "{said}");
    let embedded =
        Command::new(binary()).args(["exec", "--", "sh"]).current_dir(at.shop.dir.path()).env_remove("AWS_ENDPOINT_URL").output();
    assert!(String::from_utf8_lossy(&embedded.unwrap().stderr).contains("runs no containers"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tunnel_goes_through_the_bastion_until_ctrl_c() {
    let at = Sessions::new(&[]).await;
    let port = free_port().to_string();
    let mut tunnel = at.start(&[], &["tunnel", "database", "--port", &port, "--format", "json"], &Gate::open()).await;
    tunnel.says("through").await;
    let document = schema::valid("tunnel.json", &tunnel.said());
    assert_eq!((document["port"].to_string(), document["host"].as_str()), (port.clone(), Some("127.0.0.1")));
    let request = at.request();
    let (target, _, _) = at.sessions().remove(0);
    assert!(target.starts_with("i-") && document["through"] == format!("the bastion {target}"), "{document:#}");
    assert_eq!(request["DocumentName"], "AWS-StartPortForwardingSessionToRemoteHost");
    assert_eq!((&request["Parameters"]["localPortNumber"], &request["Parameters"]["portNumber"]), (&json!([port]), &json!(["5432"])));
    assert!(request["Parameters"]["host"][0].as_str().unwrap().contains("rds.amazonaws.com"), "{request:#}");
    assert!(at.runs("plugin"));
    tunnel.signal("INT");
    assert_eq!(tunnel.ended().await.code, Some(0), "{}", tunnel.said());
    assert!(!at.runs("plugin"));
    at.all_closed();
    let said = at.run(&[("REFUSES", "Cannot perform start session: EOF")], &["tunnel", "database"], 1).await;
    assert!(said.contains("ended before the tunnel listened") && said.contains("EOF"), "{said}");
    at.all_closed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_bastion_a_task_is_the_way() {
    let at = Sessions::new(&[("ORCHESTRATOR_BASTION__ENABLED", "false"), ("ORCHESTRATOR_COMPUTE__EXEC", "true")]).await;
    let mut tunnel = at.start(&[], &["tunnel", "database"], &Gate::open()).await;
    tunnel.says("127.0.0.1:5432").await;
    assert!(at.sessions()[0].0.starts_with("ecs:shop-local_") && tunnel.said().contains("through the task"), "{}", tunnel.said());
    tunnel.signal("TERM");
    assert_eq!(tunnel.ended().await.code, Some(0));
    at.all_closed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn psql_gets_the_password_in_a_file_of_its_own_and_nothing_is_left_of_it() {
    let at = Sessions::new(&[]).await;
    let password = at.password();
    let said = at.run(&[("DOES", "echo 1 row; exit 2")], &["connect", "--", "-c", "select 1"], 2).await;
    assert!(said.contains("1 row"), "{said}");
    assert_eq!(at.note("psql.args"), "--no-password\n-c\nselect 1\n");
    let variables = at.note("psql.env");
    let variable = |name: &str| variables.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
    assert!(variable("PGHOST").contains("rds.amazonaws.com") && variable("PGHOSTADDR") == "127.0.0.1", "{variables}");
    assert_eq!((variable("PGSSLMODE"), variable("PGDATABASE"), variable("PGUSER")), ("require", "app", "app"));
    let port = at.request()["Parameters"]["localPortNumber"][0].as_str().unwrap().to_owned();
    assert_eq!(variable("PGPORT"), port);
    assert_eq!(at.note("psql.password"), format!("{}:{port}:app:app:{password}\n", variable("PGHOST")));
    assert_eq!(at.note("psql.mode").trim(), "600");
    assert!(!variables.contains(&password) && !at.note("psql.args").contains(&password) && !said.contains(&password));
    assert!(!Path::new(variable("PGPASSFILE")).exists() && !at.runs("plugin"));
    at.all_closed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connect_that_is_ended_clears_everything_away() {
    let at = Sessions::new(&[]).await;
    let mut connect = at.start(&[("DOES", "echo ready; exec sleep 600")], &["connect"], &Gate::open()).await;
    connect.says("ready").await;
    let variables = at.note("psql.env");
    let file = variables.lines().find_map(|line| line.strip_prefix("PGPASSFILE=")).unwrap().to_owned();
    assert!(Path::new(&file).exists() && at.runs("psql") && at.runs("plugin"));
    // Ctrl-C is psql's own: it cancels a query there.
    connect.signal("INT");
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(connect.poll().is_none() && at.runs("psql"));
    connect.signal("TERM");
    assert_eq!(connect.ended().await.code, Some(130), "{}", connect.said());
    assert!(!Path::new(&file).exists() && !at.runs("psql") && !at.runs("plugin"));
    at.all_closed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_typed_on_a_terminal_reaches_the_container() {
    if !terminal::is_here() {
        return;
    }
    let at = Sessions::new(&[("ORCHESTRATOR_COMPUTE__EXEC", "true")]).await;
    let (url, server) = integration_tests::gate::serve(at.shop.emulator.clone(), Gate::open()).await;
    let line = format!("{} exec --endpoint-url {url} -- sh", binary().display());
    // It reads a line as a shell would, is interrupted once, and goes on.
    let does = "test -t 0 && echo a terminal; trap 'echo interrupted' INT; read word; echo \"got $word\"; sleep 30 & wait; exit 5";
    let (dir, path, notes) = (at.shop.dir.path().to_owned(), at.path.clone(), at.notes.display().to_string());
    let typed = tokio::task::spawn_blocking(move || {
        let variables = &[("PATH", path.as_str()), ("NOTES", &notes), ("DOES", does)];
        let keys = [("a terminal", "hello\n"), ("got hello", "\u{3}")];
        Terminal { dir: &dir, size: (80, 24), variables }.answer(&line, &keys)
    });
    let (code, drawn) = typed.await.unwrap();
    assert!(code == Some(5) && drawn.contains("interrupted"), "{code:?}: {drawn}");
    server.abort();
    at.all_closed();
}
