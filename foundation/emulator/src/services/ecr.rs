//! ECR: repositories and the images in them, by digest and by tag. Layers are not kept.
//! <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/Welcome.html>

use super::{Answer, unknown};
use crate::call::{AwsError, Call, Input};
use crate::table::{Item, page, tags_in, tags_out};
use crate::world::{ACCOUNT, Here};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    match call.action.as_str() {
        "CreateRepository" => create(here, input),
        "DescribeRepositories" => repositories(here, input),
        "DeleteRepository" => delete(here, input),
        "ListTagsForResource" => tags(here, input),
        "PutImage" => put(here, input),
        "DescribeImages" => images(here, input),
        _ => Err(unknown(call)),
    }
}

fn invalid(message: String) -> AwsError {
    AwsError::bad("InvalidParameterException", format!("Invalid parameter at {message}"))
}

fn no_repository(name: &str) -> AwsError {
    let text = format!("The repository with name '{name}' does not exist in the registry with id '{ACCOUNT}'");
    AwsError::bad("RepositoryNotFoundException", text)
}

/// Names have lower-case letters and digits, with single separators between them.
fn check_name(name: &str) -> Result<(), AwsError> {
    let part = |part: &str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(plain) && part.ends_with(plain) && part.chars().all(|c| plain(c) || "._-".contains(c))
    };
    if (2..=256).contains(&name.len()) && name.split('/').all(part) {
        return Ok(());
    }
    Err(invalid(format!("'repositoryName' failed to satisfy constraint: '{name}' must satisfy regular expression")))
}

fn repository<'a>(here: &'a mut Here<'_>, input: &Input) -> Result<&'a mut Item, AwsError> {
    let name = input.str("repositoryName")?;
    check_name(name)?;
    let ours = input.opt("registryId").is_none_or(|it| it == ACCOUNT);
    here.region.repositories.get_mut(name).filter(|_| ours).ok_or_else(|| no_repository(name))
}

fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let name = input.str("repositoryName")?;
    check_name(name)?;
    if here.region.repositories.contains_key(name) {
        let text = format!("The repository with name '{name}' already exists in the registry with id '{ACCOUNT}'");
        return Err(AwsError::bad("RepositoryAlreadyExistsException", text));
    }
    let body = json!({
        "repositoryArn": here.arn("ecr", &format!("repository/{name}")), "registryId": ACCOUNT, "repositoryName": name,
        "repositoryUri": format!("{ACCOUNT}.dkr.ecr.{}.amazonaws.com/{name}", here.name), "createdAt": here.clock.now(),
        "imageTagMutability": input.opt("imageTagMutability").unwrap_or("MUTABLE"),
        "imageScanningConfiguration": {"scanOnPush": false}, "encryptionConfiguration": {"encryptionType": "AES256"},
    });
    let item = Item { inside: json!({"images": []}), ..Item::new(body.clone(), tags_in(input, "tags", "Key", "Value")) };
    here.region.repositories.insert(name.to_owned(), item);
    Ok(json!({"repository": body}))
}

fn repositories(here: &Here<'_>, input: &Input) -> Answer {
    let (names, table) = (input.strings("repositoryNames"), &here.region.repositories);
    if let Some(missing) = names.iter().find(|name| !table.contains_key(*name)) {
        return Err(no_repository(missing));
    }
    let asked = table.iter().filter(|(name, _)| names.is_empty() || names.contains(name)).map(|(_, it)| it.body.clone()).collect();
    Ok(page("repositories", asked, input.opt("nextToken"), most(input), "nextToken"))
}

fn most(input: &Input) -> usize {
    input.int("maxResults").map_or(100, |most| most.clamp(1, 1000)) as usize
}

fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let found = repository(here, input)?;
    if !images_of(found).is_empty() && input.bool("force") != Some(true) {
        let text = format!("The repository with name '{}' in registry with id '{ACCOUNT}' cannot be deleted", found.str("repositoryName"));
        return Err(AwsError::bad("RepositoryNotEmptyException", format!("{text} because it still contains images")));
    }
    let body = found.body.clone();
    here.region.repositories.remove(input.str("repositoryName")?);
    Ok(json!({"repository": body}))
}

fn tags(here: &Here<'_>, input: &Input) -> Answer {
    let arn = input.str("resourceArn")?;
    let found = here.region.repositories.values().find(|it| it.str("repositoryArn") == arn);
    let found = found.ok_or_else(|| no_repository(arn.rsplit("repository/").next().unwrap_or_default()))?;
    Ok(json!({"tags": tags_out(&found.tags, "Key", "Value")}))
}

fn images_of(repository: &Item) -> Vec<Value> {
    repository.inside["images"].as_array().cloned().unwrap_or_default()
}

fn has(image: &Value, tag: &str) -> bool {
    image["imageTags"].as_array().is_some_and(|all| all.iter().any(|it| it == tag))
}

/// Keeps a manifest; a tag moves to it from the image that had it.
fn put(here: &mut Here<'_>, input: &Input) -> Answer {
    let (manifest, tag, now) = (input.str("imageManifest")?, input.opt("imageTag"), here.clock.now());
    let digest = format!("sha256:{}", Sha256::digest(manifest.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    if input.opt("imageDigest").is_some_and(|it| it != digest) {
        return Err(AwsError::bad("ImageDigestDoesNotMatchException", "The digest supplied does not match the digest of the manifest"));
    }
    let found = repository(here, input)?;
    let mut images = images_of(found);
    if images.iter().any(|it| it["imageDigest"] == *digest && tag.is_none_or(|tag| has(it, tag))) {
        let text = format!("Image with digest '{digest}' and tag '{}' already exists", tag.unwrap_or("null"));
        return Err(AwsError::bad("ImageAlreadyExistsException", text));
    }
    if let Some(tag) = tag.filter(|tag| found.str("imageTagMutability") == "IMMUTABLE" && images.iter().any(|it| has(it, tag))) {
        let text = format!("The image tag '{tag}' already exists and cannot be overwritten because the tag is immutable.");
        return Err(AwsError::bad("ImageTagAlreadyExistsException", text));
    }
    for image in &mut images {
        if let (Some(tag), Some(tags)) = (tag, image["imageTags"].as_array_mut()) {
            tags.retain(|it| it != tag);
        }
    }
    if !images.iter().any(|it| it["imageDigest"] == *digest) {
        let media = input.opt("imageManifestMediaType").unwrap_or("application/vnd.docker.distribution.manifest.v2+json");
        images.push(json!({
            "registryId": ACCOUNT, "repositoryName": found.str("repositoryName"), "imageDigest": digest, "imageTags": [],
            "imageSizeInBytes": manifest.len(), "imagePushedAt": now, "imageManifestMediaType": media,
        }));
    }
    for image in images.iter_mut().filter(|it| it["imageDigest"] == *digest) {
        if let (Some(tag), Some(tags)) = (tag, image["imageTags"].as_array_mut()) {
            tags.push(json!(tag));
        }
    }
    found.inside["images"] = json!(images);
    let id: Map<String, Value> = [("imageDigest", Some(digest.as_str())), ("imageTag", tag)]
        .into_iter()
        .filter_map(|(key, it)| Some((key.into(), it?.into())))
        .collect();
    let name = found.str("repositoryName");
    Ok(json!({"image": {"registryId": ACCOUNT, "repositoryName": name, "imageId": id, "imageManifest": manifest}}))
}

/// Whether an image is meant by an identifier of digest, tag or both.
fn meant(image: &Value, id: &Input) -> bool {
    id.opt("imageDigest").is_none_or(|it| image["imageDigest"] == *it) && id.opt("imageTag").is_none_or(|tag| has(image, tag))
}

fn images(here: &mut Here<'_>, input: &Input) -> Answer {
    let found = repository(here, input)?;
    let (ids, images) = (input.parts("imageIds"), images_of(found));
    if ids.len() > 100 {
        return Err(invalid("'imageIds' failed to satisfy constraint: 'Member must have length less than or equal to 100'".into()));
    }
    if let Some(id) = ids.iter().find(|id| !images.iter().any(|image| meant(image, id))) {
        let told = |field: &str| id.opt(field).unwrap_or("null").to_owned();
        let text = format!(
            "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with name '{}' in the registry with id '{ACCOUNT}'",
            told("imageDigest"),
            told("imageTag"),
            found.str("repositoryName")
        );
        return Err(AwsError::bad("ImageNotFoundException", text));
    }
    let asked = images.into_iter().filter(|image| ids.is_empty() || ids.iter().any(|id| meant(image, id)));
    let shown = asked.map(|mut image| {
        // An image without a tag has no list of them.
        if image["imageTags"].as_array().is_some_and(Vec::is_empty) {
            image.as_object_mut().map(|it| it.remove("imageTags"));
        }
        image
    });
    Ok(page("imageDetails", shown.collect(), input.opt("nextToken"), most(input), "nextToken"))
}
