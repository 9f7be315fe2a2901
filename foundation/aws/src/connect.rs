//! How this tool talks to AWS: region, endpoint, time limits, retries.

use crate::connector::{ATTEMPT, Memo, paced};
use crate::pace::{PATIENCE, Pace};
use crate::tagging::Tagging;
use crate::{FaultExt, fence};
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use engine::ledger::Guard;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::OnceCell;

/// What a connection is made from.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// The region of every client.
    pub region: String,
    /// Another end than AWS: an emulator.
    pub endpoint_url: Option<String>,
    /// A client without a socket: the embedded AWS.
    pub embedded: Option<SharedHttpClient>,
    /// How much faster than AWS the other end's time runs; polling follows it. 1 for AWS.
    pub speed: f64,
    /// Asked before every changing call.
    pub guard: Guard,
    /// For a command that looks once: what was answered is remembered, and a request waits for its turn as long as it takes.
    pub looks: bool,
}

/// The clients of one run.
#[derive(Clone, Debug)]
pub struct Aws {
    /// EC2.
    pub ec2: aws_sdk_ec2::Client,
    /// ACM.
    pub acm: aws_sdk_acm::Client,
    /// CloudWatch: alarms and dashboards.
    pub alarms: aws_sdk_cloudwatch::Client,
    /// Route 53.
    pub dns: aws_sdk_route53::Client,
    /// ECR: whether an image is there.
    pub ecr: aws_sdk_ecr::Client,
    /// ECS.
    pub ecs: aws_sdk_ecs::Client,
    /// Elastic Load Balancing.
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// KMS.
    pub kms: aws_sdk_kms::Client,
    /// CloudWatch Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// Service Quotas.
    pub quotas: aws_sdk_servicequotas::Client,
    /// RDS.
    pub rds: aws_sdk_rds::Client,
    /// Application Auto Scaling.
    pub scaling: aws_sdk_applicationautoscaling::Client,
    /// S3: the shared ledger.
    pub s3: aws_sdk_s3::Client,
    /// SNS.
    pub sns: aws_sdk_sns::Client,
    /// Systems Manager: parameters.
    pub ssm: aws_sdk_ssm::Client,
    /// Tags of objects of all services.
    pub tagging: Tagging,
    /// WAF.
    pub waf: aws_sdk_wafv2::Client,
    /// STS.
    pub sts: aws_sdk_sts::Client,
    /// The region.
    pub region: String,
    /// See [`Connection::speed`].
    pub speed: f64,
    /// See [`Connection::looks`].
    looks: bool,
    /// See [`Aws::polling`].
    polls: f64,
    /// The pace of all requests.
    pace: Pace,
    /// What was made in this run, by client token: AWS may not show it yet.
    made: Arc<Mutex<BTreeMap<String, String>>>,
    /// The account, once it was asked for.
    account: Arc<OnceCell<String>>,
    /// When the credentials end; `None` when they do not, or when none are needed.
    pub expires: Option<SystemTime>,
}

/// The SDK's own limits are off by default: a silent server would hold a call for ever.
fn limited(loader: ConfigLoader, looks: bool) -> ConfigLoader {
    let loader = loader.retry_config(RetryConfig::standard().with_max_attempts(8).with_max_backoff(Duration::from_secs(20)));
    let limits = TimeoutConfig::builder().connect_timeout(Duration::from_secs(3)).read_timeout(Duration::from_secs(20));
    if looks {
        // Waiting for one's turn is no failure and no stream that has stalled: the connector limits what comes after.
        return loader.timeout_config(limits.build()).stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    }
    loader.timeout_config(limits.operation_attempt_timeout(ATTEMPT).operation_timeout(Duration::from_secs(120)).build())
}

/// The SDK would give each service a number of retries for the whole process, which a long run under throttles uses up: then its creates
/// fail at the first refusal. How often one call is tried, and how long a state is waited for, is bounded by ourselves.
fn retries() -> RetryPartition {
    RetryPartition::custom("own").token_bucket(TokenBucket::unlimited()).build()
}

impl Aws {
    /// Connects. The embedded AWS needs no credentials; an emulator behind an endpoint gets `test` ones when there are no others.
    pub async fn connect(connection: &Connection) -> Aws {
        let version = BehaviorVersion::v2026_01_12();
        let speed = if connection.speed > 0.0 { connection.speed } else { 1.0 };
        let pace = Pace::new(speed, if connection.looks { None } else { Some(PATIENCE) });
        let mut loader = limited(aws_config::defaults(version).region(Region::new(connection.region.clone())), connection.looks);
        if let Some(url) = &connection.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if connection.embedded.is_some() {
            // The endpoint is never reached: the client has no socket.
            loader = loader.endpoint_url("http://embedded.invalid");
        }
        let client = fence::fenced(connection.embedded.clone(), &connection.guard, version).or_else(|| fence::own(version));
        if let Some(client) = client {
            loader = loader.http_client(paced(client, &pace, connection.looks.then(Memo::default)));
        }
        let own = connection.embedded.is_some() || connection.endpoint_url.as_deref().is_some_and(is_local);
        if own {
            loader = loader.credentials_provider(Credentials::from_keys("test", "test", None));
        }
        let config: SdkConfig = loader.load().await;
        let expires = if own { None } else { expires(&config).await };
        macro_rules! client {
            ($sdk:ident) => {
                $sdk::Client::from_conf($sdk::config::Builder::from(&config).retry_partition(retries()).build())
            };
        }
        Aws {
            ec2: client!(aws_sdk_ec2),
            acm: client!(aws_sdk_acm),
            alarms: client!(aws_sdk_cloudwatch),
            dns: client!(aws_sdk_route53),
            ecr: client!(aws_sdk_ecr),
            ecs: client!(aws_sdk_ecs),
            elb: client!(aws_sdk_elasticloadbalancingv2),
            iam: client!(aws_sdk_iam),
            kms: client!(aws_sdk_kms),
            logs: client!(aws_sdk_cloudwatchlogs),
            quotas: client!(aws_sdk_servicequotas),
            rds: client!(aws_sdk_rds),
            scaling: client!(aws_sdk_applicationautoscaling),
            s3: aws_sdk_s3::Client::from_conf(
                // An emulator is reached by one name: buckets go into the path there.
                aws_sdk_s3::config::Builder::from(&config).retry_partition(retries()).force_path_style(own).build(),
            ),
            sns: client!(aws_sdk_sns),
            ssm: client!(aws_sdk_ssm),
            tagging: Tagging::new(client!(aws_sdk_resourcegroupstagging)),
            waf: client!(aws_sdk_wafv2),
            sts: client!(aws_sdk_sts),
            region: connection.region.clone(),
            speed,
            looks: connection.looks,
            polls: 1.0,
            pace,
            made: Arc::default(),
            account: Arc::default(),
            expires,
        }
    }

    /// Remembers the id of something that was made.
    pub fn remember(&self, token: &str, id: &str) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(token.to_owned(), id.to_owned());
    }

    /// The id of what was made for `token` in this run: a look may not find it yet.
    pub fn remembered(&self, token: &str) -> Option<String> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    /// How far the reads of the other end may be behind.
    pub fn settle(&self) -> engine::Settle {
        engine::Settle::default().sped(self.speed)
    }

    /// What its drivers share while they look at everything at once.
    pub fn shared(&self) -> Arc<dyn engine::pass::Shared> {
        Arc::new(self.tagging.clone())
    }

    /// The account's number, asked for once.
    ///
    /// # Errors
    /// The fault of `sts:GetCallerIdentity`.
    pub async fn account(&self) -> Result<String, engine::Fault> {
        let ask = || async {
            let me = self.sts.get_caller_identity().send().await.or_fault("sts:GetCallerIdentity")?;
            Ok(me.account.unwrap_or_default())
        };
        self.account.get_or_try_init(ask).await.cloned()
    }

    /// Whether several environments are looked at together.
    pub fn looks_at_many(&self) -> bool {
        self.looks
    }

    /// The same clients, which ask for a state so many times as often as others do, and may.
    pub fn polling(self, polls: f64) -> Aws {
        self.pace.faster(polls);
        Aws { polls, ..self }
    }

    /// A wait of at most `budget` whose polling follows the other end's time.
    pub fn until(&self, budget: Duration) -> engine::Until {
        engine::Until::within(budget).sped(self.speed * self.polls)
    }
}

/// When the credentials of this configuration end. Credentials that cannot be had are the first call's failure, not this one's.
async fn expires(config: &SdkConfig) -> Option<SystemTime> {
    config.credentials_provider()?.provide_credentials().await.ok()?.expiry()
}

fn is_local(url: &str) -> bool {
    ["://127.0.0.1", "://localhost", "://[::1]"].iter().any(|host| url.contains(host))
}
