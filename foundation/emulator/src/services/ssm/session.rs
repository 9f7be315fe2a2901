//! Sessions of Session Manager: who may be reached, and what the plugin needs to connect. Nothing answers at the other end.
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartSession.html>

use crate::call::{AwsError, Input};
use crate::services::{Answer, ec2, ecs};
use crate::table::{Item, Tags, page};
use crate::world::{ACCOUNT, Here};
use serde_json::{Value, json};

/// AWS's documents for sessions, with the parameters that they must have.
const DOCUMENTS: &[(&str, &[&str])] = &[
    ("SSM-SessionManagerRunShell", &[]),
    ("AWS-StartSSHSession", &[]),
    ("AWS-StartInteractiveCommand", &["command"]),
    ("AWS-StartNonInteractiveCommand", &["command"]),
    ("AWS-StartPortForwardingSession", &["portNumber"]),
    ("AWS-StartPortForwardingSessionToRemoteHost", &["host"]),
];

/// Opens a session with what can be reached, and answers what the plugin needs.
pub(crate) fn open(here: &mut Here<'_>, target: &str, parameters: &Value, prefix: &str) -> Value {
    let (id, token) = (format!("{prefix}-{}", here.ids.uuid().replace('-', "")), here.ids.uuid().replace('-', ""));
    let url = format!("wss://ssmmessages.{}.amazonaws.com/v1/data-channel/{id}?role=publish_subscribe&cell-number=AAEAA", here.name);
    let body = json!({
        "SessionId": id, "Target": target, "Status": "Connected", "StartDate": here.clock.now(),
        "Owner": format!("arn:aws:iam::{ACCOUNT}:root"),
    });
    let mut item = Item::new(body, Tags::default());
    item.inside = json!({"parameters": parameters});
    here.region.sessions.insert(id.clone(), item);
    json!({"SessionId": id, "StreamUrl": url, "TokenValue": format!("AAEAAd{token}{token}")})
}

pub(super) fn start(here: &mut Here<'_>, input: &Input) -> Answer {
    let (target, document) = (input.str("Target")?.to_owned(), input.opt("DocumentName").unwrap_or(DOCUMENTS[0].0));
    let Some((_, needs)) = DOCUMENTS.iter().find(|(name, _)| *name == document) else {
        return Err(AwsError::bad("InvalidDocument", format!("Document with name {document} does not exist.")));
    };
    let parameters = input.0.get("Parameters").cloned().unwrap_or_else(|| json!({}));
    if let Some(missing) = needs.iter().find(|name| !parameters[**name].is_array()) {
        return Err(AwsError::bad("InvalidParameters", format!("Parameter {missing} is required by document {document}.")));
    }
    if !ec2::is_running(&here.region.ec2, &target) && !ecs::reachable(here.region, &target) {
        return Err(AwsError::bad("TargetNotConnected", format!("{target} is not connected.")));
    }
    let mut session = open(here, &target, &parameters, "root");
    if let Some(kept) = session["SessionId"].as_str().and_then(|id| here.region.sessions.get_mut(id)) {
        kept.set(json!({"DocumentName": document}));
    }
    Ok(session.take())
}

pub(super) fn terminate(here: &mut Here<'_>, input: &Input) -> Answer {
    let (id, now) = (input.str("SessionId")?, here.clock.now());
    // One that is unknown or has ended is ended.
    if let Some(session) = here.region.sessions.get_mut(id) {
        session.set(json!({"Status": "Terminated", "EndDate": now}));
    }
    Ok(json!({"SessionId": id}))
}

pub(super) fn describe(here: &Here<'_>, input: &Input) -> Answer {
    let ended = input.str("State")? == "History";
    let all = here.region.sessions.values().filter(|session| (session.str("Status") == "Terminated") == ended);
    let most = input.int("MaxResults").unwrap_or(200).clamp(1, 200) as usize;
    Ok(page("Sessions", all.map(|session| session.body.clone()).collect(), input.opt("NextToken"), most, "NextToken"))
}
