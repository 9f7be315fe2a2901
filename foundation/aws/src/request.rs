//! What a signed request asks for, told from itself: the connector sees nothing else of it.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

/// The operation, where one of AWS's protocols tells it: in a header, at the end of the path, or as a field of the form. Empty for REST.
pub(crate) fn operation(request: &HttpRequest) -> &str {
    let target = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
    let path = || request.uri().rsplit_once("/operation/").map(|(_, operation)| operation);
    let form = || {
        let body = std::str::from_utf8(request.body().bytes()?).ok()?;
        body.split('&').find_map(|pair| pair.strip_prefix("Action="))
    };
    target.or_else(path).or_else(form).unwrap_or_default()
}

/// The service's signing name, from the scope of its signature: `…/20261124/eu-north-1/ec2/aws4_request`. Empty for a request that is
/// not signed: one for credentials.
pub(crate) fn service(request: &HttpRequest) -> &str {
    let scope = request.headers().get("authorization").and_then(|it| it.split("Credential=").nth(1));
    scope.and_then(|scope| scope.split(',').next()?.rsplit('/').nth(1)).unwrap_or_default()
}

/// Whether a request only reads: by its method, or by the name of its operation.
pub(crate) fn reads(request: &HttpRequest) -> bool {
    if ["GET", "HEAD"].contains(&request.method()) {
        return true;
    }
    // Everything else that reads is a POST with its operation's name in it.
    request.method() == "POST" && crate::fault::is_read(operation(request))
}
