//! Each call of a deploy, reading or changing, fails once with each kind of fault: the run succeeds unaided, ends where an undisturbed
//! one does, with nothing twice, and loses no more time than the settle window. Credentials that are refused stop it; the next run
//! succeeds. And a storm over the whole run.

use emulator::weather::{Fault, Of, Weather};
use emulator::{Emulator, Options};
use engine::Class;
use engine::settle::WINDOW;
use integration_tests::sweep::{again, full, points, skips};
use integration_tests::{Bench, EVERYTHING, Kept, all_done, calm, gate};
use std::time::Duration;
use tokio::time::Instant;

/// How many calls are hit with each fault in a usual run.
const SAMPLE: usize = 2;
/// What a lost answer may cost beside the settle window.
const GRACE: Duration = Duration::from_secs(30);

async fn once(calm: &Kept, fault: Fault, at: usize) {
    let what = again("weather::fails_once", &[("FAULT", fault.name().into()), ("POINT", at.to_string())]);
    let bench = Bench::new();
    bench.emulator.weather(Weather::hitting(fault, Of::All, at, 1));
    let started = Instant::now();
    let first = bench.deploy(EVERYTHING).await;
    let took = started.elapsed();
    if matches!(fault, Fault::AccessDenied | Fault::ExpiredToken) {
        // A plan that cannot be made is an error of its own.
        if let Ok(outcome) = &first {
            let classes: Vec<Class> = outcome.failed.iter().map(|(_, fault)| fault.class).collect();
            assert!(classes.iter().all(|class| *class == Class::Denied), "{what}: {:#?}", outcome.failed);
        }
        all_done(bench.deploy(EVERYTHING).await);
    } else {
        let first = first.unwrap_or_else(|problem| panic!("{what}: {problem}"));
        assert!(first.ok(), "{what}: {:#?}", first.failed);
        assert!(took <= calm.took + WINDOW + GRACE, "{what}: {took:?} instead of {:?}", calm.took);
    }
    assert_eq!(bench.population(), calm.population, "{what}: something is there twice or missing");
    assert_eq!(bench.tagged(), calm.objects, "{what}");
    assert_eq!(bench.unsettled(EVERYTHING).await, Vec::<String>::new(), "{what}");
    if full() {
        all_done(bench.destroy().await);
        assert_eq!(bench.tagged(), 0, "{what}: something was left");
    }
}

async fn sweep(fault: Fault) {
    if skips(fault) {
        return;
    }
    let calm = calm(EVERYTHING).await;
    // Each fault begins elsewhere, so that a usual run hits other calls with each.
    for at in points(&format!("each call fails once ({})", fault.name()), calm.calls.len(), SAMPLE, 37 * (fault as usize + 1)) {
        once(&calm, fault, at).await;
    }
}

macro_rules! fails_once {
    ($($name:ident: $fault:ident),+) => {
        mod fails_once {
            use super::{Fault, sweep};
            $(
                #[tokio::test(start_paused = true)]
                async fn $name() {
                    sweep(Fault::$fault).await;
                }
            )+
        }
    };
}

fails_once!(
    throttled: Throttle,
    internal_error: Http500,
    unavailable: Http503,
    reset_before: ResetBefore,
    committed_and_lost: CommittedThenLost,
    truncated: TruncatedBody,
    silence: Silence,
    access_denied: AccessDenied,
    expired_token: ExpiredToken
);

/// The creates that AWS would make twice are hit in every run: they are the reason for the settle window.
#[tokio::test(start_paused = true)]
async fn a_lost_create_that_aws_would_repeat_is_found() {
    let calm = calm(EVERYTHING).await;
    for operation in ["CreateVpc", "CreateSubnet", "CreateInternetGateway", "AllocateAddress", "RegisterTaskDefinition", "CreateKey"] {
        for fault in [Fault::CommittedThenLost, Fault::ResetBefore] {
            let bench = Bench::new();
            bench.emulator.weather(Weather::hitting(fault, Of::Operation(operation.into()), 0, 1));
            all_done(bench.deploy(EVERYTHING).await);
            assert_eq!(bench.population(), calm.population, "{operation} {fault:?}: something is there twice or missing");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_throttles_over_the_whole_run() {
    let calm = calm(EVERYTHING).await;
    let seeds = if full() { 1..41 } else { 1..4 };
    for seed in seeds.filter(|seed| integration_tests::sweep::only("SEED").is_none_or(|only: u64| only == *seed)) {
        let what = again("weather::a_storm", &[("SWEEP", "full".into()), ("SEED", seed.to_string())]);
        let bench = Bench::new();
        bench.emulator.weather(Weather::storm(Fault::Throttle, 0.3, seed));
        let outcome = bench.deploy(EVERYTHING).await.unwrap_or_else(|problem| panic!("{what}: {problem}"));
        assert!(outcome.ok(), "{what}: {:#?}", outcome.failed);
        let calls = bench.emulator.calls().len();
        integration_tests::told!("storm, seed {seed}: {calls} calls instead of {}", calm.calls.len());
        assert!(calls <= 3 * calm.calls.len(), "{what}: {calls} calls instead of {}", calm.calls.len());
        assert_eq!(bench.population(), calm.population, "{what}");
    }
}

fn create_vpc() -> http::Request<bytes::Bytes> {
    let scope = "AWS4-HMAC-SHA256 Credential=test/20261124/eu-north-1/ec2/aws4_request, SignedHeaders=host, Signature=0";
    let request = http::Request::post("/").header("host", "ec2").header("authorization", scope);
    request.body("Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16".into()).unwrap()
}

/// The same weather in front of another emulator: a gate over HTTP, which knows nothing of what is behind it.
#[tokio::test]
async fn the_gate_brings_every_fault_to_a_client_over_http() {
    for fault in Fault::ALL {
        let emulator = Emulator::in_memory(Options::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(emulator.clone().serve(listener));
        let (url, gate) = gate::weather(&upstream, Weather::hitting(fault, Of::Operation("CreateVpc".into()), 0, 1)).await;
        let through = url.trim_start_matches("http://");
        let answer = tokio::time::timeout(Duration::from_millis(500), gate::forward(through, create_vpc())).await;
        let status = answer.as_ref().ok().map(|answer| answer.as_ref().ok().map(|answer| answer.status().as_u16()));
        // Outside: no answer in time; inside: no answer at all.
        let wanted = match fault {
            Fault::Silence => None,
            Fault::ResetBefore | Fault::CommittedThenLost | Fault::TruncatedBody => Some(None),
            Fault::Throttle | Fault::Http503 => Some(Some(503)),
            Fault::Http500 => Some(Some(500)),
            Fault::AccessDenied => Some(Some(403)),
            Fault::ExpiredToken => Some(Some(400)),
        };
        assert_eq!(status, wanted, "{fault:?}");
        assert_eq!(gate::forward(through, create_vpc()).await.unwrap().status(), 200, "{fault:?}: the next call passes");
        let vpcs = emulator.with_world(|world| world.regions["eu-north-1"].ec2.vpcs.len());
        assert_eq!(vpcs, 1 + usize::from(fault.commits()), "{fault:?}");
        server.abort();
        gate.abort();
    }
}
