//! Changes that audit logs tell of: CloudTrail's and Kubernetes'. Knows no tool and no engine.

use jiff::Timestamp;

use super::kind::Kind;
use crate::{
    dsl::Scalar,
    look::{Filter, Hit},
    schema::{Role, Schema},
};

/// Beginnings of the names of CloudTrail's actions that change something. `Describe…`, `Get…`, `List…`, `AssumeRole…`
/// and the parts of an upload are none.
const WRITES: [&str; 26] = [
    "Put",
    "Create",
    "Update",
    "Delete",
    "Modify",
    "Run",
    "Start",
    "Stop",
    "Terminate",
    "Reboot",
    "Register",
    "Deregister",
    "Attach",
    "Detach",
    "Associate",
    "Disassociate",
    "Set",
    "Enable",
    "Disable",
    "Restore",
    "Authorize",
    "Revoke",
    "Add",
    "Remove",
    "Rollback",
    "Execute",
];

/// Verbs of the Kubernetes interface that change something.
const VERBS: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];

/// Kubernetes resources that are written all the time without anything changing.
const CHATTER: [&str; 8] =
    ["leases", "events", "endpoints", "endpointslices", "tokenreviews", "subjectaccessreviews", "selfsubjectaccessreviews", "nodes"];

/// What is fetched of an event.
pub(super) const FETCH: [Role; 6] = [Role::Action, Role::Provider, Role::User, Role::Resource, Role::Parameters, Role::Outcome];

/// Events that changed something; none where the indices have no audit log.
pub(super) fn filter(schema: &Schema) -> Option<Filter> {
    if !schema.has(Role::Action) || !schema.has(Role::Provider) {
        return None;
    }
    let writes = WRITES.iter().map(|word| Filter::Prefix(Role::Action.into(), (*word).to_owned()));
    let verbs = Filter::Is(Role::Action.into(), VERBS.iter().map(|verb| Scalar::from(*verb)).collect());
    let chatter = Filter::Is(Role::Provider.into(), CHATTER.iter().map(|resource| Scalar::from(*resource)).collect());
    let changes = Filter::Or(writes.chain([verbs]).collect());
    Some(changes.and(Filter::Exists(Role::Provider.into())).and(chatter.negated()))
}

/// An event, or several that read alike.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub(super) kind: Kind,
    pub(super) action: String,
    /// What it was done to, as short as it can be told: `repository:tag`.
    pub(super) target: String,
    pub(super) user: Option<String>,
    pub(super) provider: String,
    pub(super) failed: bool,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) count: u64,
}

/// Reads events, oldest first, and folds those that read alike.
pub(super) fn events(hits: &[Hit<'_>]) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for event in hits.iter().filter_map(event) {
        let alike = |known: &&mut Event| {
            known.action == event.action && known.target == event.target && known.user == event.user && known.failed == event.failed
        };
        match events.iter_mut().find(alike) {
            Some(known) => {
                known.first = known.first.min(event.first);
                known.last = known.last.max(event.last);
                known.count += 1;
            }
            None => events.push(event),
        }
    }
    events.sort_by_key(|event| event.first);
    events
}

fn event(hit: &Hit<'_>) -> Option<Event> {
    let text = |role: Role| hit.text(role).map(std::borrow::Cow::into_owned);
    let (action, provider, time) = (text(Role::Action)?, text(Role::Provider).unwrap_or_default(), hit.time?);
    let kind = if provider.contains('.') { Kind::Cloudtrail } else { Kind::Kubernetes };
    let outcome = text(Role::Outcome).unwrap_or_default().to_ascii_lowercase();
    let failed = !matches!(outcome.as_str(), "" | "success" | "unknown");
    let target = target(text(Role::Resource).as_deref(), &text(Role::Parameters).unwrap_or_default());
    let user = text(Role::User).map(|user| short(&user).to_owned());
    Some(Event { kind, action, target, user, provider, failed, first: time, last: time, count: 1 })
}

/// The last part of an Amazon resource name: `arn:aws:ecr:…:repository/app` is `app`.
fn short(name: &str) -> &str {
    if name.starts_with("arn:") { name.rsplit(['/', ':']).next().unwrap_or(name) } else { name }
}

/// Parameters that name what is changed, the most general first.
const NAMES: [&str; 14] = [
    "repositoryName",
    "clusterName",
    "cluster",
    "nodegroupName",
    "serviceName",
    "service",
    "functionName",
    "autoScalingGroupName",
    "dBInstanceIdentifier",
    "stackName",
    "bucketName",
    "taskDefinition",
    "name",
    "instanceId",
];

/// Parameters that tell to what it is changed.
const VALUES: [&str; 7] = ["imageTag", "releaseVersion", "version", "desiredCount", "desiredCapacity", "instanceType", "image"];

/// What an event was done to, from the names among its parameters, else from the resource: `app:v42`,
/// `shop-prod/general-b:1.32.3`.
fn target(resource: Option<&str>, parameters: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for value in NAMES.iter().filter_map(|name| parameter(parameters, name)) {
        if !names.contains(&short(value)) && names.len() < 2 {
            names.push(short(value));
        }
    }
    if names.is_empty() {
        names.extend(resource.map(short));
    }
    let name = names.join("/");
    let is_bare = !parameters.is_empty() && !parameters.contains(['{', '=', ' ', '"']);
    let value = VALUES.iter().find_map(|value| parameter(parameters, value)).or(is_bare.then_some(parameters));
    match value {
        Some(value) if !name.is_empty() => format!("{name}:{value}"),
        Some(value) => value.to_owned(),
        None => name,
    }
}

/// A parameter out of JSON text (`"name":"value"`) or of the text of a Java map (`name=value, …`).
fn parameter<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.match_indices(name).find_map(|(at, _)| {
        let begins = text.get(..at)?.chars().next_back().is_none_or(|char| !char.is_alphanumeric() && char != '_');
        let rest = text.get(at + name.len()..)?;
        let rest = rest.strip_prefix('"').unwrap_or(rest).trim_start();
        let rest = rest.strip_prefix(['=', ':'])?.trim_start();
        let value = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => rest.split([',', '}', ']', '\n']).next(),
        }?
        .trim();
        (begins && !value.is_empty() && !value.starts_with(['{', '[']) && value != "null").then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(resource: Option<&str>, parameters: &str, expected: &str) {
        assert_eq!(target(resource, parameters), expected, "{parameters}");
    }

    #[test]
    fn a_push_names_repository_and_tag_in_every_shipping_form() {
        let arn = Some("arn:aws:ecr:eu-west-1:1:repository/app");
        check(arn, "{registryId=1, repositoryName=app, imageTag=v42, imageManifest={\"schemaVersion\":2}}", "app:v42");
        check(arn, r#"{"registryId":"1","repositoryName":"app","imageTag":"v42"}"#, "app:v42");
        check(Some("app"), "v42", "app:v42");
        check(arn, "", "app");
    }

    #[test]
    fn a_change_of_a_group_names_it_and_its_new_version() {
        check(None, "{name=shop-prod, nodegroupName=general-b, releaseVersion=1.32.3}", "general-b/shop-prod:1.32.3");
        check(None, r#"{"cluster": "prod", "service": "web", "desiredCount": 3}"#, "prod/web:3");
    }

    #[test]
    fn a_parameter_is_a_whole_word() {
        assert_eq!(parameter("{nodegroupName=a}", "name"), None);
        assert_eq!(parameter("{roleName=x, name=b}", "name"), Some("b"));
        assert_eq!(parameter("{name=null}", "name"), None);
    }
}
