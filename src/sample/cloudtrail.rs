//! What was done through the interfaces of the sample's cloud account, as Filebeat's `aws` module ships CloudTrail: image pushes among
//! the calls that machines make all day. Knows of the deployments only when they pull their images.

use std::borrow::Cow;

use serde::Serialize;

use super::clock::{BEGIN, END, MINUTE, SECOND, at, rfc3339};
use super::fleet::Fleet;
use super::line::uuid;
use super::plan::Plan;
use super::random::Random;

const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-west-1";

/// One call to the cloud.
pub(super) struct Event {
    pub(super) time: i64,
    caller: Caller,
    provider: &'static str,
    action: &'static str,
    /// As the module writes it: the text form of a Java map.
    parameters: Option<Cow<'static, str>>,
    resource: Option<String>,
    error: Option<(&'static str, &'static str)>,
    id: u128,
}

#[derive(Clone, Copy)]
enum Caller {
    /// The continuous integration's account: a user with a key.
    Deploy,
    /// A person.
    Person(&'static str),
    /// A machine with the role of the cluster's nodes.
    Node,
    /// Another service of the cloud.
    Cloud(&'static str),
}

/// Every event, in no order.
pub(super) fn all(plan: &Plan, fleet: &Fleet) -> Vec<Event> {
    let mut trail = Trail { events: Vec::with_capacity(1024), random: Random::stream("cloudtrail") };
    let mut pushes: Vec<_> = plan.rollouts.iter().filter_map(|rollout| Some((rollout.pushed?, rollout))).collect();
    pushes.sort_by_key(|(time, _)| *time);
    for (time, rollout) in pushes {
        trail.push_image(time, rollout.service.name(), rollout.to.version);
    }
    for (_, pod) in fleet.pods().filter(|(_, pod)| pod.started_in_story()) {
        trail.pull_image(pod.born - 3 * SECOND, pod.service.name());
    }
    trail.people();
    trail.machines();
    trail.events
}

struct Trail {
    events: Vec<Event>,
    random: Random,
}

impl Trail {
    fn add(&mut self, time: i64, caller: Caller, provider: &'static str, action: &'static str) -> Option<&mut Event> {
        let id = self.random.wide();
        self.events.push(Event { time, caller, provider, action, parameters: None, resource: None, error: None, id });
        self.events.last_mut()
    }

    fn add_to(&mut self, time: i64, caller: Caller, action: &'static str, repository: &str, parameters: String) {
        if let Some(event) = self.add(time, caller, "ecr.amazonaws.com", action) {
            event.parameters = Some(parameters.into());
            event.resource = Some(format!("arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{repository}"));
        }
    }

    /// The calls that `docker push` makes; the image is there with the last of them.
    fn push_image(&mut self, time: i64, repository: &'static str, tag: &'static str) {
        self.add(time - 41 * SECOND, Caller::Deploy, "ecr.amazonaws.com", "GetAuthorizationToken");
        let of = format!("registryId={ACCOUNT}, repositoryName={repository}");
        for layer in 0..4 {
            let began = time - 38 * SECOND + layer * 8 * SECOND;
            let digest = format!("sha256:{:032x}{:032x}", self.random.wide(), self.random.wide());
            let upload = uuid(self.random.wide());
            let check = format!("{{{of}, layerDigests=[{digest}]}}");
            self.add_to(began, Caller::Deploy, "BatchCheckLayerAvailability", repository, check);
            self.add_to(began + 400, Caller::Deploy, "InitiateLayerUpload", repository, format!("{{{of}}}"));
            let part = format!("{{{of}, uploadId={upload}, partFirstByte=0, partLastByte={}}}", self.random.between(90_000, 20_000_000));
            self.add_to(began + 1_300, Caller::Deploy, "UploadLayerPart", repository, part);
            let complete = format!("{{{of}, uploadId={upload}, layerDigests=[{digest}]}}");
            self.add_to(began + 4_100, Caller::Deploy, "CompleteLayerUpload", repository, complete);
        }
        let manifest = r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json"}"#;
        let parameters = format!("{{{of}, imageTag={tag}, imageManifest={manifest}}}");
        self.add_to(time, Caller::Deploy, "PutImage", repository, parameters);
    }

    fn pull_image(&mut self, time: i64, repository: &'static str) {
        let of = format!("{{registryId={ACCOUNT}, repositoryName={repository}}}");
        self.add_to(time, Caller::Node, "BatchGetImage", repository, of.clone());
        self.add_to(time + 300, Caller::Node, "GetDownloadUrlForLayer", repository, of);
    }

    fn people(&mut self) {
        if let Some(event) = self.add(at(12, 11, 40), Caller::Person("maria.platform"), "eks.amazonaws.com", "UpdateNodegroupVersion") {
            event.parameters = Some("{name=shop-prod, nodegroupName=general-b, releaseVersion=1.32.3-20260318}".into());
        }
        self.add(at(12, 9, 58), Caller::Person("maria.platform"), "signin.amazonaws.com", "ConsoleLogin");
        self.add(at(14, 4, 21), Caller::Person("jonas.audit"), "signin.amazonaws.com", "ConsoleLogin");
        for minute in [6, 9, 14, 22] {
            let refused = self.add(at(14, minute, 17), Caller::Person("jonas.audit"), "iam.amazonaws.com", "ListUsers");
            if let Some(event) = refused {
                event.error = Some(("AccessDenied", "User is not authorized to perform: iam:ListUsers"));
            }
        }
    }

    fn machines(&mut self) {
        let mut time = BEGIN + 2 * SECOND;
        while time < END {
            let (cloud, role) = match self.random.between(0, 3) {
                0 => ("eks.amazonaws.com", "shop-cluster"),
                1 => ("ec2.amazonaws.com", "shop-node"),
                _ => ("lambda.amazonaws.com", "shop-thumbnails"),
            };
            if let Some(event) = self.add(time, Caller::Cloud(cloud), "sts.amazonaws.com", "AssumeRole") {
                let session = format!("{{roleArn=arn:aws:iam::{ACCOUNT}:role/{role}, roleSessionName={role}, durationSeconds=3600}}");
                event.parameters = Some(session.into());
            }
            time += self.random.between(14_000, 32_000);
        }
        let calls = [
            ("ec2.amazonaws.com", "DescribeInstances"),
            ("ec2.amazonaws.com", "DescribeNetworkInterfaces"),
            ("eks.amazonaws.com", "DescribeNodegroup"),
            ("eks.amazonaws.com", "DescribeCluster"),
            ("autoscaling.amazonaws.com", "DescribeAutoScalingGroups"),
            ("elasticloadbalancing.amazonaws.com", "DescribeTargetHealth"),
            ("sts.amazonaws.com", "GetCallerIdentity"),
        ];
        let mut time = BEGIN + 9 * SECOND;
        while time < END {
            if let Some(&(provider, action)) = self.random.one_of(&calls) {
                self.add(time, Caller::Node, provider, action);
            }
            time += self.random.between(18_000, 42_000);
        }
        for time in (BEGIN..END).step_by(5 * 60 * 1000) {
            self.add(time + MINUTE, Caller::Node, "ecr.amazonaws.com", "GetAuthorizationToken");
        }
    }
}

impl Caller {
    /// Its user name, where it has one.
    const fn user(self) -> Option<&'static str> {
        match self {
            Self::Deploy => Some("ci-deploy"),
            Self::Person(name) => Some(name),
            Self::Node | Self::Cloud(_) => None,
        }
    }

    fn identity(self) -> Identity {
        let arn = |account, rest: &str| Some(format!("arn:aws:{account}::{ACCOUNT}:{rest}"));
        match self {
            Self::Deploy => Identity { kind: "IAMUser", arn: arn("iam", "user/ci-deploy"), invoked_by: None },
            Self::Person(name) => Identity { kind: "IAMUser", arn: arn("iam", &format!("user/{name}")), invoked_by: None },
            Self::Node => Identity { kind: "AssumedRole", arn: arn("sts", "assumed-role/shop-node/i-0c5f2ab47d1e98f36"), invoked_by: None },
            Self::Cloud(service) => Identity { kind: "AWSService", arn: None, invoked_by: Some(service) },
        }
    }

    const fn source(self) -> Source {
        match self {
            Self::Deploy => Source { address: "198.51.100.24", ip: Some("198.51.100.24") },
            Self::Person(_) => Source { address: "203.0.113.61", ip: Some("203.0.113.61") },
            Self::Node => Source { address: "10.0.12.103", ip: Some("10.0.12.103") },
            Self::Cloud(service) => Source { address: service, ip: None },
        }
    }

    const fn agent(self) -> &'static str {
        match self {
            Self::Deploy => "docker/28.2.2 go/go1.24.3 kernel/6.1.0 os/linux arch/amd64",
            Self::Person(_) => "Mozilla/5.0 (X11; Linux x86_64; rv:148.0) Gecko/20100101 Firefox/148.0",
            Self::Node => "aws-sdk-go/1.55.7 (go1.24.3; linux; amd64)",
            Self::Cloud(service) => service,
        }
    }
}

impl Event {
    pub(super) fn document(&self) -> String {
        let (error_code, error_message) = self.error.unzip();
        let shipped = Shipped {
            timestamp: rfc3339(self.time),
            event: Action {
                action: self.action,
                provider: self.provider,
                outcome: if self.error.is_some() { "failure" } else { "success" },
                kind: "event",
                module: "aws",
                dataset: "aws.cloudtrail",
                id: uuid(self.id),
            },
            cloud: Cloud { provider: "aws", region: REGION, account: Account { id: ACCOUNT } },
            user: self.caller.user().map(|name| User { name }),
            source: self.caller.source(),
            user_agent: UserAgent { original: self.caller.agent() },
            aws: Aws {
                cloudtrail: CloudTrail {
                    event_version: "1.11",
                    event_type: if self.action == "ConsoleLogin" { "AwsConsoleSignIn" } else { "AwsApiCall" },
                    event_category: "Management",
                    user_identity: self.caller.identity(),
                    request_id: uuid(self.id.rotate_left(64)),
                    recipient_account_id: ACCOUNT,
                    request_parameters: self.parameters.as_deref(),
                    resources: self.resource.as_deref().map(|arn| Resource { arn, account_id: ACCOUNT }),
                    error_code,
                    error_message,
                },
            },
            ecs: Version { version: "8.0.0" },
        };
        serde_json::to_string(&shipped).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Shipped<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: String,
    event: Action,
    cloud: Cloud,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User>,
    source: Source,
    user_agent: UserAgent,
    aws: Aws<'a>,
    ecs: Version,
}

#[derive(Serialize)]
struct Action {
    action: &'static str,
    provider: &'static str,
    outcome: &'static str,
    kind: &'static str,
    module: &'static str,
    dataset: &'static str,
    id: String,
}

#[derive(Serialize)]
struct Cloud {
    provider: &'static str,
    region: &'static str,
    account: Account,
}

#[derive(Serialize)]
struct Account {
    id: &'static str,
}

#[derive(Serialize)]
struct User {
    name: &'static str,
}

#[derive(Serialize)]
struct Source {
    address: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<&'static str>,
}

#[derive(Serialize)]
struct UserAgent {
    original: &'static str,
}

#[derive(Serialize)]
struct Aws<'a> {
    cloudtrail: CloudTrail<'a>,
}

#[derive(Serialize)]
struct CloudTrail<'a> {
    event_version: &'static str,
    event_type: &'static str,
    event_category: &'static str,
    user_identity: Identity,
    request_id: String,
    recipient_account_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_parameters: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Resource<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'static str>,
}

#[derive(Serialize)]
struct Identity {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoked_by: Option<&'static str>,
}

#[derive(Serialize)]
struct Resource<'a> {
    arn: &'a str,
    account_id: &'static str,
}

#[derive(Serialize)]
struct Version {
    version: &'static str,
}
