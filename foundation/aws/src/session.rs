//! Sessions of Session Manager: what AWS answers to whoever opens one, and one that forwards a port through a host or a task to whatever
//! it reaches. <https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html>

use crate::{Aws, FaultExt};
use engine::Fault;
use secrecy::SecretString;
use serde_json::{Value, json};

const TO_REMOTE_HOST: &str = "AWS-StartPortForwardingSessionToRemoteHost";

/// An open session.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its id.
    pub id: String,
    /// What AWS's plugin is told of it, with the token that lets one in.
    pub response: SecretString,
    /// What was asked, as the plugin wants to know it.
    pub request: Value,
}

impl Opened {
    /// From the parts of AWS's answer.
    pub fn new(id: Option<String>, url: Option<String>, token: Option<String>, request: Value) -> Opened {
        let id = id.unwrap_or_default();
        let response = json!({"SessionId": id, "StreamUrl": url.unwrap_or_default(), "TokenValue": token.unwrap_or_default()});
        Opened { id, response: response.to_string().into(), request }
    }
}

/// Forwards the local port `local` through `target` to `host` and `port`.
///
/// # Errors
/// The fault of `ssm:StartSession`.
pub async fn forward(aws: &Aws, target: &str, (host, port): (&str, &str), local: u16) -> Result<Opened, Fault> {
    let (host, port, local) = (vec![host.to_owned()], vec![port.to_owned()], vec![local.to_string()]);
    let parameters = json!({"host": host, "portNumber": port, "localPortNumber": local});
    let call = aws.ssm.start_session().target(target).document_name(TO_REMOTE_HOST);
    let call = call.parameters("host", host).parameters("portNumber", port).parameters("localPortNumber", local);
    let answer = call.send().await.or_fault("ssm:StartSession").map_err(unreachable)?;
    let request = json!({"Target": target, "DocumentName": TO_REMOTE_HOST, "Parameters": parameters});
    Ok(Opened::new(answer.session_id, answer.stream_url, answer.token_value, request))
}

fn unreachable(fault: Fault) -> Fault {
    if fault.code != "TargetNotConnected" {
        return fault;
    }
    fault.hint("its agent connects a minute or two after the start, and needs a way to Session Manager (NAT or the `ssmmessages` endpoint)")
}

/// Ends a session.
///
/// # Errors
/// The fault of `ssm:TerminateSession`.
pub async fn end(aws: &Aws, id: &str) -> Result<(), Fault> {
    aws.ssm.terminate_session().session_id(id).send().await.or_fault("ssm:TerminateSession").map(drop)
}
