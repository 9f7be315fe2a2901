//! `dev` of the real binary: what it picks, what it redeploys when what is edited, how it ends. On the embedded AWS; `dev/ministack.rs` is
//! the same with containers.

mod ministack;
mod screen;

use integration_tests::process::{ROOT, command, said};
use integration_tests::processes::{Gate, Shop};
use integration_tests::schema;
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(90);
const WATCHING: &str = "; Ctrl-C ends this";

/// A directory with settings and an application, and no Docker unless a test wants it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        let dir = tempfile::tempdir().unwrap();
        for name in ["envs", "app"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        for name in ["base.toml", "local.toml", "prod.toml"] {
            std::fs::copy(Path::new(ROOT).join("envs").join(name), dir.path().join("envs").join(name)).unwrap();
        }
        let home = Home(dir);
        home.write("app/Dockerfile", "FROM scratch\nCOPY app.py .\n");
        home.write("app/.dockerignore", "*\n!app.py\n");
        home.write("app/app.py", "print(1)\n");
        home
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.path().join(file), text).unwrap();
    }

    /// The settings with these lines below.
    fn set(&self, lines: &str) {
        let local = std::fs::read_to_string(Path::new(ROOT).join("envs/local.toml")).unwrap();
        self.write("envs/local.toml", &format!("{local}\n{lines}\n"));
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = command(self.path(), args);
        command.env("ORCHESTRATOR_SPEED", "6000").env("DOCKER_HOST", "unix:///nowhere/docker.sock").env_remove("LOCALSTACK_AUTH_TOKEN");
        command
    }

    fn run(&self, args: &[&str], code: i32) -> String {
        ended(&self.command(args).output().unwrap(), args, code)
    }

    fn dev(&self, args: &[&str]) -> Dev {
        Dev::start(self.path(), self.command(&[&["dev"], args].concat()))
    }

    /// The definition that the service runs.
    fn runs(&self) -> Value {
        let world =
            emulator::Emulator::open(&self.path().join(".orchestrator/local/aws"), emulator::Options { speed: 1.0, ..Default::default() })
                .unwrap();
        world.with_world(|world| {
            let region = &world.regions["eu-north-1"];
            let name = region.services["shop-local/app"].str("taskDefinition").rsplit('/').next().unwrap().to_owned();
            region.task_definitions[&name].body.clone()
        })
    }
}

fn ended(output: &Output, args: &[&str], code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", said(output));
    said(output)
}

fn image(definition: &Value) -> &str {
    definition["containerDefinitions"][0]["image"].as_str().unwrap()
}

/// A `dev` that runs; it dies with its handle.
struct Dev {
    child: Child,
    log: std::path::PathBuf,
    read: usize,
}

impl Drop for Dev {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Dev {
    fn start(dir: &Path, mut command: Command) -> Dev {
        let log = dir.join("dev.log");
        let out = std::fs::File::options().create(true).append(true).open(&log).unwrap();
        out.set_len(0).unwrap();
        command.stdin(Stdio::null()).stderr(out.try_clone().unwrap()).stdout(out);
        Dev { child: command.spawn().unwrap(), log, read: 0 }
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    /// What it says from the last time on until it has said this.
    fn until(&mut self, words: &str) -> String {
        let began = Instant::now();
        loop {
            let said = self.said();
            if let Some(at) = said[self.read..].find(words) {
                let end = self.read + at + words.len();
                let text = said[self.read..end].to_owned();
                self.read = end;
                return text;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "it has ended: {said}");
            assert!(began.elapsed() < PATIENCE, "it does not say `{words}`: {}", &said[self.read..]);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ctrl-C; its exit code, and what it says at last.
    fn interrupted(mut self) -> (Option<i32>, String) {
        assert!(Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap().success());
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "it does not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
        (self.child.wait().unwrap().code(), self.said()[self.read..].to_owned())
    }
}

#[test]
fn what_is_edited_is_redeployed_and_nothing_else() {
    let home = Home::new();
    let mut dev = home.dev(&["--emulator", "embedded", "--app", "app"]);
    let text = dev.until(WATCHING);
    assert!(text.contains("running on the embedded AWS: --emulator names it") && text.contains("Plan: 81 to create."), "{text}");
    assert!(text.contains("the application answers at http://shop-local-alb-") && text.contains("envs/local.toml, app"), "{text}");
    let first = image(&home.runs()).to_owned();
    assert!(first.starts_with("shop-local-app:dev-"), "{first}");
    dev.until("Booting worker");

    home.set("[compute]\nmemory = 1024");
    let text = dev.until(WATCHING);
    assert!(text.contains("memory: 512 → 1024") && text.contains("Plan: 1 to replace, 1 to delete, 1 to update; 79 stay."), "{text}");
    assert_eq!(home.runs()["memory"], "1024");

    // What goes wrong is told with file and key, and changes nothing.
    for (lines, told) in [
        ("[compute]\nmemroy = 1024", "envs/local.toml: unknown key `compute.memroy`; did you mean `memory`?"),
        ("[compute]\nmemory = 1025", "envs/local.toml: compute.memory"),
        ("[compute", "envs/local.toml: line 21"),
    ] {
        home.set(lines);
        let text = dev.until(WATCHING);
        assert!(text.contains(&format!("error: {told}")) && text.contains("hint: ") && !text.contains("Plan:"), "{told}: {text}");
        assert_eq!(home.runs()["memory"], "1024");
    }
    home.set("[compute]\nmemory = 2048");
    let text = dev.until(WATCHING);
    assert!(text.contains("memory: 1024 → 2048") && text.contains("79 stay.") && !text.contains("error"), "{text}");

    // The application alone: compute's road. What its image is not made of is nothing.
    home.write("app/notes", "not in the image");
    home.write("app/app.py", "print(2)\n");
    let text = dev.until(WATCHING);
    let second = image(&home.runs()).to_owned();
    assert!(text.contains(&format!("the application has changed: releasing {second}")) && !text.contains("Plan:"), "{text}");
    assert!(second != first && home.runs()["memory"] == "2048", "{second}");
    home.write("app/notes", "still not in the image");
    // A deploy after a release takes it neither back nor rolls it out again.
    home.set("[compute]\nmemory = 1024");
    let text = dev.until(WATCHING);
    assert!(text.contains("memory: 2048 → 1024") && text.contains("79 stay.") && !text.contains("has changed: releasing"), "{text}");
    assert!(!text.contains("container.image") && image(&home.runs()) == second, "{text}");

    let (code, text) = dev.interrupted();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("the embedded AWS stays as it is in .orchestrator/local"), "{text}");
    again_and_away(&home, &second);
}

/// Whoever comes again finds everything; reset leaves nothing.
fn again_and_away(home: &Home, image_before: &str) {
    let mut dev = home.dev(&["--app", "app"]);
    let text = dev.until(WATCHING);
    assert!(text.contains("running on the embedded AWS: no Docker answers on this machine"), "{text}");
    assert!(text.contains("No changes: 81 objects are as declared.") && text.contains("runs already"), "{text}");
    assert_eq!(image(&home.runs()), image_before);
    assert_eq!(dev.interrupted().0, Some(0));

    let text = home.run(&["dev", "stop"], 0);
    assert!(text.contains("no container") && text.contains(".orchestrator/local"), "{text}");
    assert!(home.run(&["status", "--ledger"], 0).contains("deployed"));
    home.run(&["dev", "reset"], 0);
    assert_eq!(std::fs::read_dir(home.path().join(".orchestrator/local")).unwrap().count(), 0);
    assert!(home.run(&["plan"], 0).contains("Plan: 81 to create."));
}

#[test]
fn only_an_environment_on_an_emulator_is_touched_and_what_is_missing_is_said() {
    let home = Home::new();
    for (args, code, told) in [
        (&["--env", "prod"][..], 3, "embedded: `dev` needs an environment that is not in AWS"),
        (&["--env", "prod", "reset"], 3, "embedded: `dev` needs"),
        (&["stop", "--app", "app"], 3, "unexpected argument"),
        (&["--app", "app", "stop"], 3, "--emulator and --app are for `dev` alone"),
        (&["--app", "envs"], 3, "--app envs: there is no Dockerfile in it"),
        (&["--emulator", "ministack"], 5, "MiniStack needs Docker"),
        (&["--emulator", "localstack"], 5, "LocalStack needs Docker"),
        (&["--endpoint-url", "http://127.0.0.1:1"], 5, "nothing answers at http://127.0.0.1:1"),
        (&["--endpoint-url", "127.0.0.1:1"], 3, "not an endpoint"),
        (&["--endpoint-url", "http://127.0.0.1:1", "stop"], 5, "`dev` did not start what answers at http://127.0.0.1:1"),
        (&["--endpoint-url", "http://127.0.0.1:1", "reset"], 5, "`dev` did not start"),
    ] {
        let text = home.run(&[&["dev"], args].concat(), code);
        assert!(text.contains(told), "{args:?}: {text}");
        assert!(!home.path().join(".orchestrator").exists(), "{args:?}");
    }
    home.write("envs/local.toml", "embedded = true\nledger = \"s3://bucket/teams\"\n");
    let text = home.run(&["dev"], 3);
    assert!(text.contains("envs/local.toml: ledger: `dev` keeps the ledger"), "{text}");
}

/// What others run is found by its address and left as it is; an interrupted deploy gives its locks back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_endpoint_is_taken_and_an_interrupted_deploy_is_continued() {
    let shop = Shop::new(integration_tests::process::binary(), "");
    let gate = Gate::closing(5, false);
    let mut dev = shop.start("ada", &["dev"], &gate).await;
    gate.closed().await;
    dev.signal("INT");
    dev.says("interrupted: nothing new is started").await;
    gate.reopen();
    let (ended, text) = (dev.ended().await, dev.said());
    assert_eq!(ended.code, Some(130), "{text}");
    assert!(text.contains("--endpoint-url or AWS_ENDPOINT_URL names it") && text.contains("stays as it is"), "{text}");
    assert_eq!(shop.holder().await, None);

    let mut dev = shop.start("ada", &["dev", "--format", "json"], &Gate::open()).await;
    dev.says("\"state\":\"running\"").await;
    dev.says("Booting worker").await;
    dev.signal("INT");
    let (ended, text) = (dev.ended().await, dev.said());
    assert_eq!(ended.code, Some(0), "{text}");
    let mut states = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with("running on ")) {
        let document: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no document: {line}"));
        if let Some(state) = document["state"].as_str().filter(|_| document["emulator"].is_string()) {
            schema::valid("dev.json", line);
            assert!(document["emulator"] == "endpoint" && document["url"].as_str().is_some_and(|url| url.starts_with("http://shop-local")));
            states.push(state.to_owned());
        } else if document["stream"].is_string() {
            schema::valid("logs.json", line);
        }
    }
    assert_eq!(states, ["running", "ended"], "{text}");
    shop.all_named("after dev");
    shop.must(&["plan", "--detailed-exitcode"], 0, "the same as a deploy").await;
}
