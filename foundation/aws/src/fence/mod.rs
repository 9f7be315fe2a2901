//! The fence: no changing call leaves this process once another run has taken over its locks.

mod body;

use crate::request::reads;
use aws_config::BehaviorVersion;
use aws_smithy_runtime::client::defaults::default_http_client_plugin_v2;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use engine::Fault;
use engine::ledger::Guard;

/// A client, or the connector that it gives, behind a guard.
#[derive(Debug)]
struct Fence<T> {
    inner: T,
    guard: Guard,
    /// Whether there is a way between this process and the other end.
    wire: bool,
}

/// How often a request that was held back at the last moment is sent anew: a connection that takes so long each time is no good.
const TRIES: usize = 5;

/// `client`, or the SDK's own when there is none, behind `guard`. `None` where the SDK shall take its own without a guard.
pub(crate) fn fenced(client: Option<SharedHttpClient>, guard: &Guard, version: BehaviorVersion) -> Option<SharedHttpClient> {
    if !guard.guards() {
        return client;
    }
    let wire = client.is_none();
    let inner = client.or_else(|| own(version))?;
    Some(SharedHttpClient::new(Fence { inner, guard: guard.clone(), wire }))
}

/// The client that the SDK would take by itself.
pub(crate) fn own(version: BehaviorVersion) -> Option<SharedHttpClient> {
    default_http_client_plugin_v2(version)?.runtime_components(&RuntimeComponentsBuilder::new("fence")).http_client()
}

impl HttpClient for Fence<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Fence { inner, guard: self.guard.clone(), wire: self.wire })
    }

    fn validate_base_client_config(&self, components: &RuntimeComponentsBuilder, config: &ConfigBag) -> Result<(), BoxError> {
        self.inner.validate_base_client_config(components, config)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, config: &ConfigBag) -> Result<(), BoxError> {
        self.inner.validate_final_config(components, config)
    }
}

impl HttpConnector for Fence<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if reads(&request) {
            return self.inner.call(request);
        }
        let (inner, guard, wire) = (self.inner.clone(), self.guard.clone(), self.wire);
        HttpConnectorFuture::new(async move {
            let mut tries = 0;
            loop {
                guard.may_change().await.map_err(|fault| ConnectorError::other(fault.into(), None))?;
                tries += 1;
                let Some(mut copy) = request.try_clone().filter(|_| wire) else { return inner.call(request).await };
                *copy.body_mut() = body::last(std::mem::replace(copy.body_mut(), SdkBody::empty()), &guard);
                match inner.call(copy).await {
                    Err(error) if held_back(&error) && tries < TRIES => {}
                    answered => return answered,
                }
            }
        })
    }
}

/// Whether the last look found the guard's answer too old: nothing has left.
fn held_back(error: &ConnectorError) -> bool {
    let first: &(dyn std::error::Error + 'static) = error;
    let mut causes = std::iter::successors(Some(first), |error| error.source());
    causes.any(|error| error.downcast_ref::<Fault>().is_some_and(|fault| fault.code == Fault::OUTDATED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, uri: &str, target: Option<&'static str>, body: &'static str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method(method).unwrap();
        request.set_uri(uri).unwrap();
        if let Some(target) = target {
            request.headers_mut().insert("x-amz-target", target);
        }
        request
    }

    #[test]
    fn every_protocol_says_whether_it_reads() {
        let cbor = "https://monitoring/service/GraniteServiceVersion20100801/operation/";
        let asked = [
            request("GET", "https://s3/bucket/key", None, ""),
            request("POST", "https://ec2/", None, "Action=DescribeVpcs&Version=2016-11-15"),
            request("POST", "https://ecs/", Some("AmazonEC2ContainerServiceV20141113.ListTasks"), "{}"),
            request("POST", &format!("{cbor}DescribeAlarms"), None, ""),
            request("POST", "https://logs/", Some("Logs_20140328.FilterLogEvents"), "{}"),
        ];
        assert!(asked.iter().all(reads));
        let changing = [
            request("PUT", "https://s3/bucket/key", None, "Action=DescribeVpcs"),
            request("POST", "https://route53/2013-04-01/hostedzone/Z1/rrset/", None, "<ChangeResourceRecordSetsRequest/>"),
            request("POST", "https://ec2/", None, "Version=2016-11-15&Action=CreateVpc&Name=Describe"),
            request("POST", "https://ecs/", Some("AmazonEC2ContainerServiceV20141113.CreateService"), "{\"Get\":1}"),
            request("POST", &format!("{cbor}PutMetricAlarm"), None, ""),
            request("DELETE", "https://route53/2013-04-01/hostedzone/Z1", None, ""),
        ];
        assert!(!changing.iter().any(reads), "{changing:?}");
    }
}
