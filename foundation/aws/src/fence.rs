//! The fence: no changing call leaves this process once another run has taken over its locks.

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
use aws_smithy_types::config_bag::ConfigBag;
use engine::ledger::Guard;

/// A client, or the connector that it gives, behind a guard.
#[derive(Debug)]
struct Fence<T> {
    inner: T,
    guard: Guard,
}

/// `client`, or the SDK's own when there is none, behind `guard`. `None` where the SDK shall take its own without a guard.
pub(crate) fn fenced(client: Option<SharedHttpClient>, guard: &Guard, version: BehaviorVersion) -> Option<SharedHttpClient> {
    if !guard.guards() {
        return client;
    }
    let inner = client.or_else(|| own(version))?;
    Some(SharedHttpClient::new(Fence { inner, guard: guard.clone() }))
}

/// The client that the SDK would take by itself.
fn own(version: BehaviorVersion) -> Option<SharedHttpClient> {
    default_http_client_plugin_v2(version)?.runtime_components(&RuntimeComponentsBuilder::new("fence")).http_client()
}

impl HttpClient for Fence<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Fence { inner: self.inner.http_connector(settings, components), guard: self.guard.clone() })
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
        let (inner, guard) = (self.inner.clone(), self.guard.clone());
        HttpConnectorFuture::new(async move {
            guard.may_change().await.map_err(|fault| ConnectorError::other(fault.into(), None))?;
            inner.call(request).await
        })
    }
}

/// Whether a request only reads: by its method, or by the name of its operation in one of AWS's protocols.
fn reads(request: &HttpRequest) -> bool {
    if ["GET", "HEAD"].contains(&request.method()) {
        return true;
    }
    // Everything else that reads is a POST with its operation's name in it.
    if request.method() != "POST" {
        return false;
    }
    let target = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
    let path = || request.uri().rsplit_once("/operation/").map(|(_, operation)| operation);
    let form = || {
        let body = std::str::from_utf8(request.body().bytes()?).ok()?;
        body.split('&').find_map(|pair| pair.strip_prefix("Action="))
    };
    let operation = target.or_else(path).or_else(form).unwrap_or_default();
    ["Describe", "List", "Get", "Head", "Lookup"].iter().any(|verb| operation.starts_with(verb))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_types::body::SdkBody;

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
