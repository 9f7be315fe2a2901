//! The compute layer, read back from the world.

use integration_tests::{Bench, EVERYTHING, all_done, deployed, region};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SERVICE: &str = "shop-test/app";

/// The inline policies of a role and the ARNs of the attached ones.
fn role(bench: &Bench, name: &str) -> (BTreeMap<String, Value>, Vec<String>) {
    bench.emulator.with_world(|world| {
        let inside = &world.account.roles[name].inside;
        let policies = inside["policies"].as_object().into_iter().flatten();
        let policies = policies.map(|(name, text)| (name.clone(), serde_json::from_str(text.as_str().unwrap()).unwrap()));
        (policies.collect(), inside["attached"].as_object().into_iter().flatten().map(|(arn, _)| arn.clone()).collect())
    })
}

fn pairs(list: &Value, value: &str) -> BTreeMap<String, String> {
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(|it| (text(&it["name"]), text(&it[value]))).collect()
}

#[tokio::test(start_paused = true)]
async fn the_cluster_has_insights_and_logs_what_operators_type() {
    let bench = deployed(EVERYTHING).await;
    region(&bench, |region| {
        let cluster = &region.clusters["shop-test"];
        assert_eq!(cluster.body["settings"], json!([{"name": "containerInsights", "value": "enabled"}]));
        let exec = &cluster.body["configuration"]["executeCommandConfiguration"];
        assert_eq!(exec["kmsKeyId"].as_str(), Some(region.keys.values().next().unwrap().str("Arn")));
        assert_eq!(exec["logging"], "OVERRIDE");
        let log = &exec["logConfiguration"];
        assert_eq!((&log["cloudWatchLogGroupName"], &log["cloudWatchEncryptionEnabled"]), (&json!("/ecs/shop-test/exec"), &json!(true)));
    });
}

#[tokio::test(start_paused = true)]
async fn the_execution_role_can_start_this_container_and_nothing_else() {
    let bench = deployed(EVERYTHING).await;
    let (policies, attached) = role(&bench, "shop-test-execution");
    assert_eq!(attached, Vec::<String>::new());
    assert_eq!(policies.keys().collect::<Vec<_>>(), ["pull-image", "read-secrets", "write-logs"]);
    let repository = "arn:aws:ecr:eu-north-1:123456789012:repository/shop/app";
    assert_eq!(policies["pull-image"]["Statement"][1]["Resource"], repository);
    let group = "arn:aws:logs:eu-north-1:123456789012:log-group:/ecs/shop-test/app:*";
    assert_eq!(policies["write-logs"]["Statement"][0]["Resource"], group);
    assert_eq!(policies["write-logs"]["Statement"][0]["Action"], json!(["logs:CreateLogStream", "logs:PutLogEvents"]));
    let parameters = policies["read-secrets"]["Statement"][0]["Resource"].to_string();
    assert!(parameters.contains("/shop/test/database-password") && parameters.contains("/shop/test/flask-secret-key"), "{parameters}");
    let all = policies.values().flat_map(|policy| policy["Statement"].as_array().unwrap());
    let everywhere: Vec<&Value> = all.filter(|it| it["Resource"] == "*").map(|it| &it["Action"]).collect();
    assert_eq!(everywhere, ["ecr:GetAuthorizationToken"]);
}

#[tokio::test(start_paused = true)]
async fn the_task_role_is_another_one() {
    let bench = deployed(EVERYTHING).await;
    let (policies, attached) = role(&bench, "shop-test-task");
    assert_eq!(attached, ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]);
    assert_eq!(policies.keys().collect::<Vec<_>>(), ["exec"]);
    assert!(policies["exec"].to_string().contains("ssmmessages:OpenDataChannel"));
    all_done(bench.deploy(&EVERYTHING.replace("exec = true", "exec = false")).await);
    assert_eq!(role(&bench, "shop-test-task").0, BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn the_container_is_what_was_asked_for() {
    let bench = deployed(EVERYTHING).await;
    let settings = region(&bench, |region| region.task_definitions["shop-test-app:1"].body.clone());
    for (name, wanted) in [("cpu", "256"), ("memory", "512"), ("networkMode", "awsvpc")] {
        assert_eq!(settings[name], wanted);
    }
    assert_eq!(settings["requiresCompatibilities"], json!(["FARGATE"]));
    assert_eq!(settings["runtimePlatform"], json!({"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}));
    assert_eq!(settings["executionRoleArn"], "arn:aws:iam::123456789012:role/shop-test-execution");
    assert_eq!(settings["taskRoleArn"], "arn:aws:iam::123456789012:role/shop-test-task");
    let container = &settings["containerDefinitions"][0];
    let health = &container["healthCheck"];
    assert!(health["command"].to_string().contains("http://127.0.0.1:8000/healthz"), "{health}");
    assert_eq!([&health["interval"], &health["timeout"], &health["retries"], &health["startPeriod"]], [10, 5, 3, 10]);
    let log = &container["logConfiguration"];
    assert_eq!((log["logDriver"].as_str(), log["options"]["awslogs-group"].as_str()), (Some("awslogs"), Some("/ecs/shop-test/app")));
    assert_eq!(container["readonlyRootFilesystem"], true);
    assert_eq!(container["linuxParameters"]["initProcessEnabled"], true);
    assert_eq!((container["stopTimeout"].as_i64(), container["essential"].as_bool()), (Some(30), Some(true)));
    let mounts: Vec<&str> = container["mountPoints"].as_array().unwrap().iter().map(|it| it["containerPath"].as_str().unwrap()).collect();
    assert_eq!(mounts, ["/managed-agents", "/tmp", "/var/lib/amazon/ssm", "/var/log/amazon/ssm"]);
    assert_eq!(settings["volumes"].as_array().unwrap().len(), 4);
    let environment = pairs(&container["environment"], "value");
    let names: Vec<&str> = environment.keys().map(String::as_str).collect();
    assert_eq!(names, ["DATABASE_HOST", "DATABASE_NAME", "DATABASE_PORT", "DATABASE_USER", "LOG_LEVEL"]);
    let secrets = pairs(&container["secrets"], "valueFrom");
    assert_eq!(secrets.keys().collect::<Vec<_>>(), ["DATABASE_PASSWORD", "FLASK_SECRET_KEY"]);
    let password = &secrets["DATABASE_PASSWORD"];
    assert!(password.starts_with("arn:aws:ssm:") && password.ends_with("/shop/test/database-password"), "{password}");
}

#[tokio::test(start_paused = true)]
async fn no_secret_value_is_in_a_task_definition() {
    let bench = deployed(EVERYTHING).await;
    region(&bench, |region| {
        let all = serde_json::to_string(&region.task_definitions).unwrap();
        let values = region.parameters.values().filter_map(|it| it.inside["value"].as_str());
        assert!(values.inspect(|value| assert!(!all.contains(*value))).count() >= 2);
    });
}

#[tokio::test(start_paused = true)]
async fn the_service_stands_in_private_subnets_behind_the_balancer() {
    let bench = deployed(EVERYTHING).await;
    region(&bench, |region| {
        let service = &region.services[SERVICE].body;
        let network = &service["networkConfiguration"]["awsvpcConfiguration"];
        let of = |what: &str| {
            let found = region.ec2.subnets.iter().filter(|(_, it)| it.tags["orchestrator:address"].contains(what));
            found.map(|(id, _)| id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(network["subnets"], json!(of("private")));
        let group = region.ec2.security_groups.iter().find(|(_, it)| it.name.ends_with("-app")).unwrap().0;
        assert_eq!((&network["securityGroups"], network["assignPublicIp"].as_str()), (&json!([group]), Some("DISABLED")));
        let balancer = &service["loadBalancers"][0];
        assert_eq!((balancer["containerName"].as_str(), balancer["containerPort"].as_i64()), (Some("app"), Some(8000)));
        assert!(region.target_groups.contains_key(balancer["targetGroupArn"].as_str().unwrap()));
        let rolling = &service["deploymentConfiguration"];
        assert_eq!((rolling["maximumPercent"].as_i64(), rolling["minimumHealthyPercent"].as_i64()), (Some(200), Some(100)));
        let breaker = &rolling["deploymentCircuitBreaker"];
        assert_eq!((breaker["enable"].as_bool(), breaker["rollback"].as_bool()), (Some(true), Some(true)));
        assert_eq!((service["launchType"].as_str(), service["platformVersion"].as_str()), (Some("FARGATE"), Some("LATEST")));
        assert_eq!((service["propagateTags"].as_str(), service["enableECSManagedTags"].as_bool()), (Some("SERVICE"), Some(true)));
        assert_eq!((service["healthCheckGracePeriodSeconds"].as_i64(), service["enableExecuteCommand"].as_bool()), (Some(60), Some(true)));
        assert_eq!((service["desiredCount"].as_i64(), service["deployments"][0]["rolloutState"].as_str()), (Some(2), Some("COMPLETED")));
    });
}

#[tokio::test(start_paused = true)]
async fn the_number_of_tasks_follows_three_metrics() {
    let bench = deployed(EVERYTHING).await;
    region(&bench, |region| {
        let target = region.scalable_targets.values().next().unwrap();
        assert_eq!(target.str("ResourceId"), "service/shop-test/app");
        assert_eq!((target.body["MinCapacity"].as_i64(), target.body["MaxCapacity"].as_i64()), (Some(2), Some(10)));
        let of = |name: &str| {
            let policy = region.scaling_policies.values().find(|it| it.str("PolicyName") == name).unwrap();
            let tracking = &policy.body["TargetTrackingScalingPolicyConfiguration"];
            let metric = tracking["PredefinedMetricSpecification"].clone();
            (metric["PredefinedMetricType"].as_str().unwrap().to_owned(), tracking["TargetValue"].as_f64(), metric["ResourceLabel"].clone())
        };
        assert_eq!(of("shop-test-cpu"), ("ECSServiceAverageCPUUtilization".into(), Some(70.0), Value::Null));
        assert_eq!(of("shop-test-memory"), ("ECSServiceAverageMemoryUtilization".into(), Some(75.0), Value::Null));
        let (metric, value, label) = of("shop-test-requests");
        assert_eq!((metric.as_str(), value), ("ALBRequestCountPerTarget", Some(500.0)));
        let label = label.as_str().unwrap();
        assert!(label.starts_with("app/") && label.contains("/targetgroup/") && !label.contains("arn:"), "{label}");
    });
}

#[tokio::test(start_paused = true)]
async fn alarms_ring_for_load_and_for_missing_tasks() {
    let bench = deployed(EVERYTHING).await;
    region(&bench, |region| {
        for (name, metric) in [("cpu", "CPUUtilization"), ("memory", "MemoryUtilization")] {
            let alarm = &region.alarms[&format!("shop-test-app-{name}")];
            assert_eq!((alarm.str("Namespace"), alarm.str("MetricName")), ("AWS/ECS", metric));
            assert_eq!((alarm.body["Threshold"].as_f64(), alarm.body["Dimensions"].as_array().unwrap().len()), (Some(85.0), 2));
        }
        let tasks = region.alarms["shop-test-app-tasks"].body.to_string();
        for part in ["desired - running", "ECS/ContainerInsights", "RunningTaskCount", "DesiredTaskCount", "shop-test"] {
            assert!(tasks.contains(part), "{part}: {tasks}");
        }
    });
}
