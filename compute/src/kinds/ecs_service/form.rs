//! A service as ECS writes it, and back.

use super::{EcsService, Target};
use crate::kinds::rollout::{Rollout, primary};
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, DeploymentCircuitBreaker, DeploymentConfiguration, LoadBalancer, NetworkConfiguration,
    PropagateTags, Service,
};
use contract::{SecurityGroupId, SubnetId, TargetGroupArn, TaskDefinitionArn};
use engine::{Class, Fault};

/// What AWS holds, in the shape of the declaration.
pub(super) fn live(it: &Service, want: &EcsService) -> EcsService {
    let network = it.network_configuration().and_then(NetworkConfiguration::awsvpc_configuration);
    let rolling = it.deployment_configuration();
    let breaker = rolling.and_then(DeploymentConfiguration::deployment_circuit_breaker);
    let definition = primary(it).and_then(|deployment| deployment.task_definition()).or(it.task_definition());
    let target = |balancer: &LoadBalancer| Target {
        group: TargetGroupArn(balancer.target_group_arn().unwrap_or_default().to_owned()),
        container: balancer.container_name().unwrap_or_default().to_owned(),
        port: balancer.container_port().unwrap_or_default(),
    };
    EcsService {
        cluster: want.cluster.clone(),
        name: want.name.clone(),
        task_definition: TaskDefinitionArn(definition.unwrap_or_default().to_owned()),
        desired_count: want.desired_count.map(|_| it.desired_count()),
        start_with: want.start_with,
        subnets: network.map(|it| it.subnets().iter().cloned().map(SubnetId).collect()).unwrap_or_default(),
        security_groups: network.map(|it| it.security_groups().iter().cloned().map(SecurityGroupId).collect()).unwrap_or_default(),
        public_ip: network.and_then(|it| it.assign_public_ip()) == Some(&AssignPublicIp::Enabled),
        targets: it.load_balancers().iter().map(target).collect(),
        grace_period: it.health_check_grace_period_seconds().unwrap_or_default(),
        exec: it.enable_execute_command(),
        platform: it.platform_version().unwrap_or("LATEST").to_owned(),
        maximum_percent: rolling.and_then(|it| it.maximum_percent()).unwrap_or(200),
        minimum_healthy_percent: rolling.and_then(|it| it.minimum_healthy_percent()).unwrap_or(100),
        circuit_breaker: breaker.is_some_and(|breaker| breaker.enable() && breaker.rollback()),
        tags_on_tasks: it.enable_ecs_managed_tags() && it.propagate_tags() == Some(&PropagateTags::Service),
        rollout: Rollout::of(it),
    }
}

/// Where its tasks stand.
pub(super) fn network(want: &EcsService) -> Result<NetworkConfiguration, Fault> {
    let public = if want.public_ip { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled };
    let subnets = want.subnets.iter().map(|subnet| subnet.0.clone()).collect();
    let groups = want.security_groups.iter().map(|group| group.0.clone()).collect();
    let vpc = AwsVpcConfiguration::builder().set_subnets(Some(subnets)).set_security_groups(Some(groups)).assign_public_ip(public);
    let vpc = vpc.build().map_err(|error| Fault::new(Class::Bug, error.to_string()))?;
    Ok(NetworkConfiguration::builder().awsvpc_configuration(vpc).build())
}

/// Where its tasks register.
pub(super) fn balancers(want: &EcsService) -> Vec<LoadBalancer> {
    let balancer = |it: &Target| {
        let balancer = LoadBalancer::builder().target_group_arn(it.group.as_str());
        balancer.container_name(&it.container).container_port(it.port).build()
    };
    want.targets.iter().map(balancer).collect()
}

/// How its tasks are replaced.
pub(super) fn rolling(want: &EcsService) -> DeploymentConfiguration {
    let breaker = DeploymentCircuitBreaker::builder().enable(want.circuit_breaker).rollback(want.circuit_breaker).build();
    let rolling = DeploymentConfiguration::builder().deployment_circuit_breaker(breaker);
    rolling.maximum_percent(want.maximum_percent).minimum_healthy_percent(want.minimum_healthy_percent).build()
}

/// Which tags its tasks carry.
pub(super) fn propagate(want: &EcsService) -> PropagateTags {
    if want.tags_on_tasks { PropagateTags::Service } else { PropagateTags::None }
}

/// Whether AWS must be told; a rollout that goes on is only waited for.
pub(super) fn needs_update(want: &EcsService, live: &EcsService) -> bool {
    let rollout = if live.rollout == Rollout::InProgress { want.rollout } else { live.rollout };
    want != &EcsService { rollout, start_with: want.start_with, ..live.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::ClusterName;

    fn service() -> EcsService {
        EcsService {
            cluster: ClusterName("shop-test".into()),
            name: "app".into(),
            task_definition: TaskDefinitionArn("arn:aws:ecs:eu-north-1:123456789012:task-definition/shop-test-app:1".into()),
            desired_count: None,
            start_with: 2,
            subnets: [SubnetId("subnet-1".into())].into(),
            security_groups: [SecurityGroupId("sg-1".into())].into(),
            public_ip: false,
            targets: [Target { group: TargetGroupArn("arn:…:targetgroup/app/1".into()), container: "app".into(), port: 8000 }].into(),
            grace_period: 60,
            exec: false,
            platform: "LATEST".into(),
            maximum_percent: 200,
            minimum_healthy_percent: 100,
            circuit_breaker: true,
            tags_on_tasks: true,
            rollout: Rollout::Completed,
        }
    }

    /// A service that ECS describes as `want` says.
    fn described(want: &EcsService, desired: i32) -> Service {
        let service = Service::builder().task_definition(want.task_definition.as_str()).desired_count(desired);
        let service = service.network_configuration(network(want).unwrap()).set_load_balancers(Some(balancers(want)));
        let service = service.deployment_configuration(rolling(want)).propagate_tags(propagate(want));
        let service = service.health_check_grace_period_seconds(want.grace_period).platform_version(&want.platform);
        service.enable_ecs_managed_tags(want.tags_on_tasks).enable_execute_command(want.exec).build()
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        let want = service();
        assert_eq!(live(&described(&want, 7), &want), want);
    }

    #[test]
    fn the_number_of_tasks_is_ours_only_without_autoscaling() {
        let want = EcsService { desired_count: Some(2), ..service() };
        assert_eq!(live(&described(&want, 7), &want).desired_count, Some(7));
    }

    #[test]
    fn a_rollout_that_goes_on_is_waited_for_and_one_that_failed_is_tried_again() {
        let with = |rollout| EcsService { rollout, start_with: 9, ..service() };
        assert!(!needs_update(&service(), &with(Rollout::Completed)));
        assert!(!needs_update(&service(), &with(Rollout::InProgress)));
        assert!(needs_update(&service(), &with(Rollout::Failed)));
    }
}
