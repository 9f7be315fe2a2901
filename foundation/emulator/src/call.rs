//! A call without its protocol, and the ways a service reads it.

use serde_json::Value;
use std::collections::BTreeMap;

/// An error as AWS answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct AwsError {
    /// The HTTP status.
    pub status: u16,
    /// AWS's code, for example `InvalidVpcID.NotFound`.
    pub code: String,
    /// The sentence.
    pub message: String,
}

impl AwsError {
    /// An error with this status and code.
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> AwsError {
        AwsError { status, code: code.to_owned(), message: message.into() }
    }

    /// A client's error: status 400.
    pub fn bad(code: &str, message: impl Into<String>) -> AwsError {
        AwsError::new(400, code, message)
    }
}

/// One call: who is asked to do what.
#[derive(Clone, Debug)]
pub struct Call {
    /// The service's signing name: `ec2`, `sts`.
    pub service: String,
    /// The region of the credential scope.
    pub region: String,
    /// The operation.
    pub action: String,
    /// Its parameters.
    pub input: Input,
}

/// Parameters as a tree. Query protocols carry every scalar as text.
#[derive(Clone, Debug)]
pub struct Input(pub Value);

impl Input {
    /// A text that must be there.
    ///
    /// # Errors
    /// `MissingParameter`.
    pub fn str(&self, name: &str) -> Result<&str, AwsError> {
        self.opt(name).ok_or_else(|| AwsError::bad("MissingParameter", format!("The request must contain the parameter {name}")))
    }

    /// A text, if it is there.
    pub fn opt(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// A whole number, also when it came as text.
    pub fn int(&self, name: &str) -> Option<i64> {
        let value = self.0.get(name)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }

    /// A switch, also when it came as text.
    pub fn bool(&self, name: &str) -> Option<bool> {
        let value = self.0.get(name)?;
        value.as_bool().or_else(|| value.as_str()?.parse().ok())
    }

    /// A list; empty when it is not there.
    pub fn list(&self, name: &str) -> &[Value] {
        self.0.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// A list of texts.
    pub fn strings(&self, name: &str) -> Vec<String> {
        self.list(name).iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// A part with parts of its own.
    pub fn part(&self, name: &str) -> Option<Input> {
        self.0.get(name).cloned().map(Input)
    }

    /// A list of such parts.
    pub fn parts(&self, name: &str) -> Vec<Input> {
        self.list(name).iter().cloned().map(Input).collect()
    }

    /// The tags that `TagSpecification` gives to objects of `resource_type`.
    pub fn tags_for(&self, resource_type: &str) -> BTreeMap<String, String> {
        let specs = self.parts("TagSpecification");
        specs.iter().filter(|spec| spec.opt("ResourceType") == Some(resource_type)).flat_map(|spec| pairs(&spec.parts("Tag"))).collect()
    }
}

/// Tags from a list of `Key` and `Value`.
pub fn pairs(tags: &[Input]) -> BTreeMap<String, String> {
    tags.iter().filter_map(|tag| Some((tag.opt("Key")?.to_owned(), tag.opt("Value").unwrap_or_default().to_owned()))).collect()
}
