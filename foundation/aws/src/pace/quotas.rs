//! How many requests AWS takes of an account in a region, service by service: what its pages say, and a careful guess where they say
//! nothing. Where a page tells a rate alone, a second's worth may come at once.

/// A bucket of tokens that AWS keeps: a request takes one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quota {
    /// The service's signing name.
    pub service: &'static str,
    /// The operations; `Describe*` stands for all that begin so.
    pub operations: &'static [&'static str],
    /// Whether each operation has such a bucket of its own.
    pub each: bool,
    /// How many tokens the bucket holds.
    pub burst: f64,
    /// How many come back in a second.
    pub rate: f64,
    /// The page.
    pub page: &'static str,
}

const EC2: &str = "https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html";
const ECS: &str = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html";
const ELB: &str = "https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html";
const ALARMS: &str = "https://docs.aws.amazon.com/general/latest/gr/cw_region.html";
const LOGS: &str = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html";
const SSM: &str = "https://docs.aws.amazon.com/general/latest/gr/ssm.html";
const KMS: &str = "https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html";
const SNS: &str = "https://docs.aws.amazon.com/general/latest/gr/sns.html";
const ACM: &str = "https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html";
const DNS: &str = "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html";
const WAF: &str = "https://docs.aws.amazon.com/waf/latest/developerguide/limits.html";
const S3: &str = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html";
/// No page tells a number: careful, and enough for what one stack asks at once.
const GUESS: &str = "";

const READS: &[&str] = &["Describe*", "Get*", "List*", "Search*"];

const fn each(service: &'static str, operations: &'static [&'static str], burst: f64, rate: f64, page: &'static str) -> Quota {
    Quota { service, operations, each: true, burst, rate, page }
}

const fn shared(service: &'static str, operations: &'static [&'static str], burst: f64, rate: f64, page: &'static str) -> Quota {
    Quota { each: false, ..each(service, operations, burst, rate, page) }
}

/// What counts for every request of the service, beside the bucket of its operation.
pub(super) static ACCOUNT: [Quota; 1] = [shared("elasticloadbalancing", &["*"], 40.0, 10.0, ELB)];

/// The first that fits counts.
pub(super) static QUOTAS: &[Quota] = &[
    each("ec2", &["CreateVpcEndpoint", "ModifyVpcEndpoint", "DeleteVpcEndpoints"], 4.0, 0.3, EC2),
    each("ec2", &["RunInstances", "StartInstances"], 5.0, 2.0, EC2),
    each("ec2", &["CreateNatGateway", "DeleteNatGateway"], 10.0, 1.0, EC2),
    each("ec2", &["CreateTags", "DeleteTags"], 100.0, 10.0, EC2),
    each("ec2", &["TerminateInstances", "AssociateIamInstanceProfile", "DisassociateIamInstanceProfile"], 100.0, 5.0, EC2),
    each("ec2", &["ModifyInstanceMetadataOptions"], 100.0, 5.0, EC2),
    each("ec2", READS, 100.0, 20.0, EC2),
    each("ec2", &["*"], 50.0, 5.0, EC2),
    shared("ecs", &["DescribeClusters", "ListClusters"], 50.0, 20.0, ECS),
    shared("ecs", &["CreateCluster", "DeleteCluster", "UpdateCluster*", "PutClusterCapacityProviders"], 20.0, 1.0, ECS),
    shared("ecs", &["DescribeTaskDefinition", "ListTaskDefinition*"], 50.0, 20.0, ECS),
    shared("ecs", &["RegisterTaskDefinition", "DeregisterTaskDefinition"], 20.0, 1.0, ECS),
    shared("ecs", &["DeleteTaskDefinitions"], 5.0, 1.0, ECS),
    shared("ecs", &["DescribeServices", "ListServices"], 100.0, 20.0, ECS),
    shared("ecs", &["CreateService", "DeleteService", "UpdateService"], 50.0, 5.0, ECS),
    shared("ecs", &["DescribeTasks", "ListTasks", "DescribeContainerInstances", "ListContainerInstances"], 100.0, 20.0, ECS),
    shared("ecs", &["ListTagsForResource"], 50.0, 20.0, ECS),
    shared("ecs", &["TagResource", "UntagResource"], 20.0, 10.0, ECS),
    each("ecs", &["*"], 10.0, 1.0, ECS),
    shared("elasticloadbalancing", &["CreateLoadBalancer", "SetSubnets"], 10.0, 0.2, ELB),
    shared("elasticloadbalancing", &["Describe*"], 40.0, 10.0, ELB),
    shared("elasticloadbalancing", &["*"], 20.0, 3.0, ELB),
    each("monitoring", &["DescribeAlarms*"], 9.0, 9.0, ALARMS),
    // A stack's alarms are made at once.
    each("monitoring", &["PutMetricAlarm", "DeleteAlarms"], 20.0, 3.0, ALARMS),
    each("monitoring", &["GetMetricData"], 500.0, 500.0, ALARMS),
    each("monitoring", &["TagResource", "UntagResource"], 20.0, 20.0, ALARMS),
    each("monitoring", &["*"], 10.0, 10.0, ALARMS),
    each("logs", &["DescribeLogGroups", "CreateLogGroup", "DeleteLogGroup", "StartQuery", "GetQueryResults"], 10.0, 10.0, LOGS),
    each("logs", &["DescribeLogStreams"], 25.0, 25.0, LOGS),
    each("logs", &["GetLogEvents"], 10.0, 10.0, LOGS),
    each("logs", &["*"], 5.0, 5.0, LOGS),
    shared("ssm", &["PutParameter", "DeleteParameter*", "LabelParameterVersion"], 3.0, 3.0, SSM),
    shared("ssm", &["AddTagsToResource", "RemoveTagsFromResource"], 3.0, 3.0, GUESS),
    shared("ssm", &["*"], 40.0, 40.0, SSM),
    each("kms", READS, 500.0, 500.0, KMS),
    each("kms", &["*"], 5.0, 5.0, KMS),
    each("sns", &["ListTagsForResource", "TagResource", "UntagResource"], 10.0, 10.0, SNS),
    each("sns", &["*"], 30.0, 30.0, SNS),
    each("acm", &["ListCertificates"], 8.0, 8.0, ACM),
    each("acm", &["DescribeCertificate", "ListTagsForCertificate", "DeleteCertificate"], 10.0, 10.0, ACM),
    each("acm", &["*"], 5.0, 5.0, ACM),
    shared("route53", &["*"], 5.0, 5.0, DNS),
    each("wafv2", &["AssociateWebACL", "DisassociateWebACL"], 1.0, 0.5, WAF),
    each("wafv2", &["*"], 1.0, 1.0, WAF),
    each("s3", &["*"], 3500.0, 3500.0, S3),
    each("tagging", &["GetResources"], 15.0, 15.0, GUESS),
    shared("iam", READS, 50.0, 20.0, GUESS),
    shared("rds", READS, 50.0, 20.0, GUESS),
    shared("application-autoscaling", READS, 50.0, 20.0, GUESS),
];

/// A service that is not in the list: reads, and what changes something.
pub(super) static OTHERS: [Quota; 2] = [shared("", READS, 50.0, 20.0, GUESS), shared("", &["*"], 20.0, 5.0, GUESS)];
