//! ACM: certificates that a record in the domain's zone proves. AWS tells the record a moment after the request.

use super::{Answer, unknown};
use crate::call::{AwsError, Call, Input};
use crate::table::{Item, copy, merge, page, tags_in, tags_out};
use crate::world::{Account, Here, Region};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// From the request to the record that proves the domain.
const RECORD: Duration = Duration::from_secs(3);
/// From the record in a zone to the issued certificate.
const VALIDATION: Duration = Duration::from_secs(30);
/// How long ACM waits for the record.
const PATIENCE: Duration = Duration::from_secs(72 * 3600);
/// How long ACM knows an idempotency token.
const TOKEN: Duration = Duration::from_secs(3600);
/// How long a certificate is valid: thirteen months.
const VALID: f64 = 395.0 * 86_400.0;

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    match call.action.as_str() {
        "RequestCertificate" => request(here, input),
        "DescribeCertificate" => describe(here, input),
        "ListCertificates" => Ok(list(here, input)),
        "DeleteCertificate" => delete(here, input),
        "AddTagsToCertificate" => add_tags(here, input),
        "RemoveTagsFromCertificate" => remove_tags(here, input),
        "ListTagsForCertificate" => Ok(json!({"Tags": tags_out(&certificate(here, input)?.tags, "Key", "Value")})),
        _ => Err(unknown(call)),
    }
}

/// Issues the pending certificates whose records have been in a hosted zone for long enough.
pub(crate) fn advance(region: &mut Region, account: &Account, now: f64) {
    for it in region.certificates.values_mut().filter(|it| it.str("Status") == "PENDING_VALIDATION") {
        if !proved(it, account) {
            it.inside["seen"] = Value::Null;
            continue;
        }
        let seen = it.inside["seen"].as_f64().unwrap_or(now);
        it.inside["seen"] = json!(seen);
        if now >= seen + it.inside["validation"].as_f64().unwrap_or(VALIDATION.as_secs_f64()) {
            issue(it, now);
        }
    }
}

fn proved(it: &Item, account: &Account) -> bool {
    let options = it.body["DomainValidationOptions"].as_array().map_or(&[][..], Vec::as_slice);
    let found = |option: &Value| {
        let record = &option["ResourceRecord"];
        let (name, value) = (record["Name"].as_str(), record["Value"].as_str());
        name.zip(value).is_some_and(|(name, value)| super::route53::answers(account, name, "CNAME", value))
    };
    !options.is_empty() && options.iter().all(found)
}

fn issue(it: &mut Item, now: f64) {
    let mut options = it.body["DomainValidationOptions"].clone();
    for option in options.as_array_mut().into_iter().flatten() {
        option["ValidationStatus"] = json!("SUCCESS");
    }
    let name = it.str("DomainName").to_owned();
    it.next.clear();
    it.set(json!({
        "Status": "ISSUED", "IssuedAt": now, "NotBefore": now, "NotAfter": now + VALID, "Issuer": "Amazon", "Subject": format!("CN={name}"),
        "Serial": digits(&format!("{name} {now}")), "SignatureAlgorithm": "SHA256WITHRSA", "DomainValidationOptions": options,
        "KeyUsages": [{"Name": "DIGITAL_SIGNATURE"}, {"Name": "KEY_ENCIPHERMENT"}],
        "ExtendedKeyUsages": [{"Name": "TLS_WEB_SERVER_AUTHENTICATION", "OID": "1.3.6.1.5.5.7.3.1"}],
    }));
}

fn invalid(message: String) -> AwsError {
    AwsError::bad("ValidationException", message)
}

fn not_found(arn: &str) -> AwsError {
    AwsError::bad("ResourceNotFoundException", format!("Could not find certificate {arn}."))
}

fn certificate<'a>(here: &'a mut Here<'_>, input: &Input) -> Result<&'a mut Item, AwsError> {
    let arn = input.str("CertificateArn")?;
    if !arn.starts_with("arn:aws:acm:") || !arn.contains(":certificate/") {
        return Err(AwsError::bad("InvalidArnException", format!("{arn} is not the ARN of a certificate")));
    }
    here.region.certificates.get_mut(arn).ok_or_else(|| not_found(arn))
}

fn check_domain(name: &str) -> Result<(), AwsError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let fits =
        |label: &str| (1..=63).contains(&label.len()) && label.chars().all(allowed) && !label.starts_with('-') && !label.ends_with('-');
    let bare = name.strip_prefix("*.").unwrap_or(name);
    if name.len() <= 253 && bare.contains('.') && bare.split('.').all(fits) {
        return Ok(());
    }
    Err(invalid(format!("Value '{name}' at 'domainName' failed to satisfy constraint: Member must be a fully qualified domain name")))
}

fn check_tags(tags: &crate::table::Tags) -> Result<(), AwsError> {
    if let Some(key) = tags.keys().find(|key| key.starts_with("aws:") || key.len() > 128) {
        return Err(AwsError::bad("InvalidTagException", format!("The tag key {key} is not allowed")));
    }
    if tags.len() > 50 {
        return Err(AwsError::bad("TooManyTagsException", "A certificate can have at most 50 tags"));
    }
    Ok(())
}

/// 32 hexadecimal digits that depend on the text alone (FNV-1a): ACM proves a name by the same record every time.
fn digits(text: &str) -> String {
    let step = |hash: u128, byte: u8| (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    format!("{:032x}", text.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, step))
}

/// What proves a domain; a wildcard is proved with the domain itself.
fn validation(name: &str, method: &str, told: bool) -> Value {
    let mut option = json!({
        "DomainName": name, "ValidationDomain": name, "ValidationStatus": "PENDING_VALIDATION", "ValidationMethod": method,
    });
    if told {
        let bare = name.strip_prefix("*.").unwrap_or(name);
        let (host, target) = (digits(&format!("name {bare}")), digits(&format!("value {bare}")));
        option["ResourceRecord"] =
            json!({"Name": format!("_{host}.{bare}."), "Type": "CNAME", "Value": format!("_{target}.acm-validations.aws.")});
    }
    option
}

/// The domain name and the alternative names, each once.
fn names(input: &Input) -> Result<Vec<String>, AwsError> {
    let mut names = vec![input.str("DomainName")?.to_lowercase()];
    for name in input.strings("SubjectAlternativeNames").iter().map(|name| name.to_lowercase()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.iter().try_for_each(|name| check_domain(name))?;
    if names.len() > 10 {
        return Err(AwsError::bad("LimitExceededException", "Error: the limit of 10 domain names in a certificate is exceeded"));
    }
    Ok(names)
}

fn request(here: &mut Here<'_>, input: &Input) -> Answer {
    let names = names(input)?;
    let method = input.opt("ValidationMethod").unwrap_or("EMAIL");
    if !["DNS", "EMAIL"].contains(&method) {
        return Err(invalid(format!("Value '{method}' at 'validationMethod' failed to satisfy constraint: [EMAIL, DNS]")));
    }
    let (tags, token, now) = (tags_in(input, "Tags", "Key", "Value"), input.opt("IdempotencyToken"), here.clock.now());
    check_tags(&tags)?;
    let known = |it: &&Item| it.inside["token"].as_str() == token && it.inside["forgotten"].as_f64().is_some_and(|at| at > now);
    if let Some(there) = here.region.certificates.values().find(|it| token.is_some() && known(it)) {
        return Ok(json!({"CertificateArn": there.str("CertificateArn")}));
    }
    let id = here.ids.uuid();
    let arn = here.arn("acm", &format!("certificate/{id}"));
    let options = |told: bool| names.iter().map(|name| validation(name, method, told)).collect::<Value>();
    let mut body = json!({
        "CertificateArn": arn, "DomainName": names[0], "SubjectAlternativeNames": names, "DomainValidationOptions": options(false),
        "Status": "PENDING_VALIDATION", "Type": "AMAZON_ISSUED", "CreatedAt": now, "KeyAlgorithm": "RSA_2048", "KeyUsages": [],
        "ExtendedKeyUsages": [], "Options": {"CertificateTransparencyLoggingPreference": "ENABLED"},
    });
    merge(&mut body, copy(input, &["KeyAlgorithm", "Options"]));
    let mut item = Item::new(body, tags);
    // `advance` has no clock: the length of the validation here is kept with the certificate.
    let length = VALIDATION.as_secs_f64() / here.clock.speed;
    item.inside = json!({"token": token, "forgotten": here.clock.after(TOKEN), "seen": null, "validation": length});
    if method == "DNS" {
        item.later(here.clock.after(RECORD), json!({"DomainValidationOptions": options(true)}));
    }
    item.later(here.clock.after(PATIENCE), json!({"Status": "VALIDATION_TIMED_OUT"}));
    here.region.certificates.insert(arn.clone(), item);
    Ok(json!({"CertificateArn": arn}))
}

/// The load balancers with a listener that has the certificate.
fn users(here: &Here<'_>, arn: &str) -> BTreeSet<String> {
    let has = |it: &&Item| it.body["Certificates"].as_array().is_some_and(|all| all.iter().any(|one| one["CertificateArn"] == arn));
    here.region.listeners.values().filter(has).map(|it| it.str("LoadBalancerArn").to_owned()).collect()
}

/// A certificate is renewed when something uses it.
fn eligible(status: &str, used: bool) -> &'static str {
    if used && status == "ISSUED" { "ELIGIBLE" } else { "INELIGIBLE" }
}

fn describe(here: &mut Here<'_>, input: &Input) -> Answer {
    let mut body = certificate(here, input)?.body.clone();
    let users = users(here, input.str("CertificateArn")?);
    body["RenewalEligibility"] = json!(eligible(body["Status"].as_str().unwrap_or_default(), !users.is_empty()));
    body["InUseBy"] = json!(users);
    Ok(json!({"Certificate": body}))
}

fn list(here: &Here<'_>, input: &Input) -> Value {
    let statuses = input.strings("CertificateStatuses");
    let kinds = input.part("Includes").map(|includes| includes.strings("keyTypes")).filter(|kinds| !kinds.is_empty());
    // Without a filter ACM lists RSA keys of up to 2048 bits only.
    let kinds = kinds.unwrap_or_else(|| vec!["RSA_1024".to_owned(), "RSA_2048".to_owned()]);
    let asked = |it: &&Item| {
        (statuses.is_empty() || statuses.iter().any(|status| it.str("Status") == status))
            && kinds.iter().any(|kind| it.str("KeyAlgorithm") == kind)
    };
    let summary = |it: &Item| {
        let fields = ["CertificateArn", "DomainName", "Status", "Type", "KeyAlgorithm", "CreatedAt", "IssuedAt", "NotBefore", "NotAfter"];
        let mut body = copy(&Input(it.body.clone()), &fields);
        let used = !users(here, it.str("CertificateArn")).is_empty();
        body["SubjectAlternativeNameSummaries"] = it.body["SubjectAlternativeNames"].clone();
        body["HasAdditionalSubjectAlternativeNames"] = json!(false);
        body["InUse"] = json!(used);
        body["RenewalEligibility"] = json!(eligible(it.str("Status"), used));
        body
    };
    let all = here.region.certificates.values().filter(asked).map(summary).collect();
    let most = input.int("MaxItems").map_or(1000, |most| most.clamp(1, 1000)) as usize;
    page("CertificateSummaryList", all, input.opt("NextToken"), most, "NextToken")
}

fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let arn = certificate(here, input)?.str("CertificateArn").to_owned();
    if !users(here, &arn).is_empty() {
        return Err(AwsError::bad("ResourceInUseException", format!("Certificate {arn} is in use.")));
    }
    here.region.certificates.remove(&arn);
    Ok(json!({}))
}

fn add_tags(here: &mut Here<'_>, input: &Input) -> Answer {
    let found = certificate(here, input)?;
    let mut tags = found.tags.clone();
    tags.extend(tags_in(input, "Tags", "Key", "Value"));
    check_tags(&tags)?;
    found.tags = tags;
    Ok(json!({}))
}

/// A tag with a value goes only when it has that value.
fn remove_tags(here: &mut Here<'_>, input: &Input) -> Answer {
    let gone = input.parts("Tags");
    let found = certificate(here, input)?;
    found.tags.retain(|key, value| !gone.iter().any(|tag| tag.opt("Key") == Some(key) && tag.opt("Value").is_none_or(|it| it == value)));
    Ok(json!({}))
}
