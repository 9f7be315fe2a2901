//! The machine images that SSM's public parameters name, with the day on which AWS deprecates them.

use super::filter::page;
use super::{Here, not_found};
use crate::call::Input;
use crate::services::{Answer, ssm};
use serde_json::{Value, json};

/// When the images of each generation are deprecated.
const ENDS: &[(&str, &str)] = &[("amzn2-", "2026-06-30T00:00:00.000Z"), ("al2023-", "2029-06-30T00:00:00.000Z")];

pub(super) fn describe(here: &mut Here<'_>, input: &Input) -> Answer {
    let ids = input.strings("ImageId");
    let known = ssm::PUBLIC.iter().map(|(path, id)| (path.rsplit('/').next().unwrap_or_default(), *id));
    if let Some(id) = ids.iter().find(|id| !ssm::PUBLIC.iter().any(|(_, known)| known == id)) {
        return Err(not_found("InvalidAMIID.NotFound", id));
    }
    let ended = |name: &str| ENDS.iter().find(|(start, _)| name.starts_with(start)).map(|(_, end)| *end);
    let passed = |name: &str| ended(name).is_some_and(|end| *end < *here.clock.stamp());
    let asked = |(name, id): &(&str, &str)| {
        // AWS hides deprecated images of others unless they are named.
        ids.iter().any(|wanted| wanted == id) || ids.is_empty() && (!passed(name) || input.bool("IncludeDeprecated") == Some(true))
    };
    let render = |(name, id): (&str, &str)| -> Value {
        let arm = name.contains("arm64");
        json!({
            "imageId": id, "name": name, "imageState": "available", "imageType": "machine", "isPublic": true, "imageOwnerId": "137112412989",
            "architecture": if arm { "arm64" } else { "x86_64" }, "deprecationTime": ended(name), "rootDeviceType": "ebs",
            "rootDeviceName": "/dev/xvda", "virtualizationType": "hvm", "hypervisor": "xen", "imageOwnerAlias": "amazon",
        })
    };
    page(input, "imagesSet", known.filter(asked).map(render).collect())
}
