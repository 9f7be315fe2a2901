//! init: the commented file of a new environment, from five answers. What is there is never overwritten.

use crate::args::{Common, InitArgs, Size};
use crate::config::{File, is_name};
use crate::out;
use crate::problem::Problem;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

/// The answers.
struct Answers {
    stack: String,
    region: String,
    image: String,
    domain: String,
    size: Size,
}

/// Writes the environment's file, and `base.toml` where there is none; which were written.
pub(super) fn write(common: &Common, args: &InitArgs) -> Result<Vec<PathBuf>, Problem> {
    let (env, dir) = (&common.env, &common.config);
    let (file, base) = (dir.join(format!("{env}.toml")), dir.join("base.toml"));
    if !is_name(env) || env == "base" {
        return Err(Problem::Config(format!("`{env}` cannot be the name of an environment: use letters, digits and dashes")));
    }
    if file.symlink_metadata().is_ok() {
        if args.given() {
            out::aside(&format!("{} is there and stays as it is\n", file.display()));
        }
        return Ok(Vec::new());
    }
    let known = File::optional(&base)?;
    let had = |key: &str| known.as_ref().and_then(|base| base.text(key));
    let answers = asked(common, args, had("stack"), had("region"))?;
    std::fs::create_dir_all(dir).map_err(|error| Problem::Io(format!("{} cannot be made: {error}", dir.display())))?;
    let mut written = Vec::new();
    if known.is_none() {
        fresh(&base, &based(&answers))?;
        written.push(base);
    }
    // What the base says is not said twice.
    let own = |key: &str, answer: &str| known.is_some() && had(key).as_deref() != Some(answer);
    fresh(&file, &environment(env, &answers, own("stack", &answers.stack), own("region", &answers.region)))?;
    written.push(file);
    Ok(written)
}

/// Writes a file that must not be there.
fn fresh(path: &Path, text: &str) -> Result<(), Problem> {
    let made = std::fs::File::options().write(true).create_new(true).open(path);
    let written = made.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Problem::Io(format!("{} cannot be written: {error}", path.display())))
}

fn asked(common: &Common, args: &InitArgs, stack: Option<String>, region: Option<String>) -> Result<Answers, Problem> {
    let size = args.size.map(|size| if size == Size::Small { "small" } else { "production" }.to_owned());
    // The question, its option, what was given, and the usual answer.
    let mut questions = [
        ("What is the stack called? Its name begins every name in AWS", "--stack", args.stack.clone(), stack),
        ("Which AWS region", "--region", common.region.clone(), region),
        ("Which image runs", "--image", args.image.clone(), None),
        ("By which name do people reach it? (empty: plain HTTP by AWS's name)", "--domain", args.domain.clone(), Some(String::new())),
        ("How large? small or production", "--size", size, Some("small".to_owned())),
    ];
    let asks = std::io::stdin().is_terminal() && !args.yes;
    let open =
        |it: &&(&str, &'static str, Option<String>, Option<String>)| it.2.is_none() && (it.3.is_none() || it.1 == "--size" && !args.yes);
    let missing: Vec<&str> = questions.iter().filter(open).map(|it| it.1).collect();
    if !asks && !missing.is_empty() {
        let problem = format!("there is nobody to ask: add {}", missing.join(", "));
        return Err(Problem::Stopped(format!("{problem}\nhint: `orchestrator init --help` shows an example")));
    }
    for (question, _, answer, usual) in &mut questions {
        if answer.is_none() {
            *answer = Some(if asks { answered(question, usual.as_deref())? } else { usual.clone().unwrap_or_default() });
        }
    }
    let [stack, region, image, domain, size] = questions.map(|it| it.2.unwrap_or_default());
    let size = match size.as_str() {
        "small" => Size::Small,
        "production" => Size::Production,
        other => return Err(Problem::Config(format!("`{other}` is no size: small or production"))),
    };
    Ok(Answers { stack, region, image, domain, size })
}

/// Asks until there is an answer.
fn answered(question: &str, usual: Option<&str>) -> Result<String, Problem> {
    loop {
        let shown = usual.filter(|usual| !usual.is_empty()).map(|usual| format!(" [{usual}]")).unwrap_or_default();
        out::aside(&format!("{question}{shown}: "));
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line).map_err(|error| Problem::Io(error.to_string()))?;
        match (line.trim(), usual) {
            ("", Some(usual)) => return Ok(usual.to_owned()),
            ("", None) if read == 0 => return Err(Problem::Declined),
            ("", None) => {}
            (answer, _) => return Ok(answer.to_owned()),
        }
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn based(answers: &Answers) -> String {
    let Answers { stack, region, .. } = answers;
    format!(
        "# What every environment shares; an environment's own file comes on top.\nstack = {}\nregion = {}\n\n# Tags for every object.\n[tags]\nmanaged-by = \"orchestrator\"\n",
        quoted(stack),
        quoted(region)
    )
}

fn environment(env: &str, answers: &Answers, stack: bool, region: bool) -> String {
    let mut text = format!("# The environment {env}. Every key with its meaning and default: docs/schema/env.json.\n");
    for (own, key, value) in [(stack, "stack", &answers.stack), (region, "region", &answers.region)] {
        if own {
            text += &format!("{key} = {}\n", quoted(value));
        }
    }
    text += "# Share the ledger between people and CI: name a bucket, and run `init` once more, which makes it.\n# ledger = \"s3://bucket/prefix\"\n";
    text += if answers.size == Size::Small { SMALL } else { PRODUCTION };
    let image = quoted(&answers.image);
    text = text.replace("IMAGE", &image);
    text += "\n[edge]\n";
    if answers.domain.is_empty() {
        text += "# Plain HTTP. For HTTPS: https = true, with a domain in a hosted zone of this account, or with certificate_arn.\nhttps = false\n";
    } else {
        let zone = answers.domain.split_once('.').filter(|(_, rest)| rest.contains('.')).map_or(answers.domain.as_str(), |(_, rest)| rest);
        let (domain, zone) = (quoted(&answers.domain), quoted(zone));
        text += &format!(
            "https = true\ndomain = {domain}\n# The public zone in Route 53 that the name and its certificate are written to.\nhosted_zone = {zone}\n"
        );
    }
    text
}

const SMALL: &str = r#"
[network]
# Zones, and one NAT gateway for all of them: a zone that fails takes the way out with it.
zones = 2
nat = "single"

[database]
class = "db.t4g.micro"
storage_gb = 20
# A standby in another zone costs twice as much.
multi_az = false

[compute]
image = IMAGE
# A pair that Fargate knows: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
cpu = 256
memory = 512

[compute.autoscaling]
min = 1
max = 3

[bastion]
# A host for operators, reached by Session Manager.
enabled = false
"#;

const PRODUCTION: &str = r#"
[network]
# A NAT gateway in each zone: none of them needs another.
zones = 3
nat = "per_az"
interface_endpoints = ["ecr.api", "ecr.dkr", "logs", "ssm", "kms"]

[observability]
retention_days = 365
flow_logs = true
# Who hears of alarms; everybody must confirm the first mail.
# alarm_emails = ["ops@example.com"]

[database]
class = "db.m7g.large"
storage_gb = 100
max_storage_gb = 500
multi_az = true
backup_days = 30

[compute]
image = IMAGE
# A pair that Fargate knows: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
cpu = 512
memory = 1024

[compute.autoscaling]
min = 3
max = 12

[bastion]
# A host for operators, reached by Session Manager.
enabled = false
"#;
