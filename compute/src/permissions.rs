//! What the two roles of a task may do: documents, no resources.

use contract::{KeyArn, LogGroupName};
use serde_json::{Value, json};

/// Where the objects of the policies are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The region.
    pub region: String,
    /// The account's number.
    pub account: String,
}

impl Place {
    fn log_group(&self, group: &LogGroupName) -> String {
        format!("arn:aws:logs:{}:{}:log-group:{group}:*", self.region, self.account)
    }

    /// Writes to one log group.
    pub(crate) fn write_logs(&self, group: &LogGroupName) -> Value {
        policy(json!([
            {"Sid": "Write", "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": self.log_group(group)},
        ]))
    }

    /// What ECS Exec needs in the container: the session's channel, the key that encrypts it, the log of what was typed.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html>
    pub(crate) fn exec(&self, group: &LogGroupName, key: &KeyArn) -> Value {
        let channels =
            ["CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"].map(|it| format!("ssmmessages:{it}"));
        policy(json!([
            {"Sid": "Session", "Effect": "Allow", "Action": channels, "Resource": "*"},
            {"Sid": "Encrypt", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": key},
            {"Sid": "FindLog", "Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": "*"},
            {
                "Sid": "Log", "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                "Resource": self.log_group(group),
            },
        ]))
    }
}

fn policy(statements: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Pulls one image, if it is in ECR: other registries know no IAM.
pub(crate) fn pull(image: &str) -> Option<Value> {
    let layers = ["BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer"].map(|it| format!("ecr:{it}"));
    let repository = repository(image)?;
    Some(policy(json!([
        // AWS gives this action no resource.
        {"Sid": "LogIn", "Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
        {"Sid": "Pull", "Effect": "Allow", "Action": layers, "Resource": repository},
    ])))
}

/// An image in ECR, as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference<'a> {
    /// Whose registry.
    pub account: &'a str,
    /// Where it is.
    pub region: &'a str,
    /// The repository's name.
    pub repository: &'a str,
    /// `latest` when the name has neither tag nor digest.
    pub tag: Option<&'a str>,
    /// `sha256:…`.
    pub digest: Option<&'a str>,
}

/// The parts of an image's name, if it is in ECR.
pub(crate) fn reference(image: &str) -> Option<Reference<'_>> {
    let (registry, rest) = image.split_once('/')?;
    let (account, host) = registry.split_once(".dkr.ecr.")?;
    let region = host.strip_suffix(".amazonaws.com")?;
    // A tag begins with a colon, a digest with an at sign; the name has neither.
    let (rest, digest) = rest.split_once('@').map_or((rest, None), |(rest, digest)| (rest, Some(digest)));
    let (repository, tag) = rest.split_once(':').map_or((rest, None), |(name, tag)| (name, Some(tag)));
    // With a digest the tag counts for nothing, as for Docker.
    let tag = if digest.is_some() { None } else { Some(tag.unwrap_or("latest")) };
    Some(Reference { account, region, repository, tag, digest }).filter(|it| !it.repository.is_empty())
}

/// The ARN of the repository that an image of ECR is in.
fn repository(image: &str) -> Option<String> {
    let Reference { account, region, repository, .. } = reference(image)?;
    Some(format!("arn:aws:ecr:{region}:{account}:repository/{repository}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_comes_from_the_name_of_the_image() {
        let arn = "arn:aws:ecr:eu-north-1:123456789012:repository/shop/app";
        for tag in ["", ":1.0", "@sha256:0a1b", ":1.0@sha256:0a1b"] {
            let image = format!("123456789012.dkr.ecr.eu-north-1.amazonaws.com/shop/app{tag}");
            assert_eq!(repository(&image).as_deref(), Some(arn), "{image}");
        }
    }

    #[test]
    fn an_image_from_elsewhere_needs_no_right() {
        let public = "public.ecr.aws/docker/library/python:3.13-slim";
        for image in ["python:3.13-slim", "shop/app:latest", "ghcr.io/shop/app@sha256:0a", public] {
            assert_eq!(pull(image), None, "{image}");
        }
    }
}
