//! The kinds of things that change, and the roles of fields that tell of them. Knows no tool.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::schema::Role;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Inferred from what came and went.
    #[serde(alias = "deployments")]
    Deployment,
    #[serde(alias = "services")]
    Service,
    #[serde(alias = "pods")]
    Pod,
    #[serde(alias = "images")]
    Image,
    #[serde(alias = "versions")]
    Version,
    #[serde(alias = "replica_sets")]
    ReplicaSet,
    #[serde(alias = "endpoints", alias = "path", alias = "paths")]
    Endpoint,
    /// Audit and Kubernetes events.
    #[serde(alias = "events")]
    Event,
    Cloudtrail,
    Kubernetes,
    KubernetesEvent,
}

impl Kind {
    /// Those that are told by the first and last sight of a value.
    pub(super) const SEEN: [Kind; 6] = [Self::Service, Self::Pod, Self::Image, Self::Version, Self::ReplicaSet, Self::Endpoint];

    /// The field that holds its values.
    pub(super) fn role(self) -> Option<Role> {
        match self {
            Self::Service => Some(Role::Service),
            Self::Pod | Self::Deployment => Some(Role::Pod),
            Self::Image => Some(Role::Image),
            Self::Version => Some(Role::Version),
            Self::ReplicaSet => Some(Role::ReplicaSet),
            Self::Endpoint => Some(Role::Path),
            Self::Event | Self::Cloudtrail | Self::Kubernetes | Self::KubernetesEvent => None,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Service => "service",
            Self::Pod => "pod",
            Self::Image => "image",
            Self::Version => "version",
            Self::ReplicaSet => "replica_set",
            Self::Endpoint => "endpoint",
            Self::Event => "event",
            Self::Cloudtrail => "cloudtrail",
            Self::Kubernetes => "kubernetes",
            Self::KubernetesEvent => "kubernetes_event",
        }
    }

    /// Which rows are kept first where not all fit: a lower number is more telling.
    pub(super) fn weight(self) -> u8 {
        match self {
            Self::Deployment => 0,
            Self::Event | Self::Cloudtrail | Self::Kubernetes => 1,
            Self::Service | Self::KubernetesEvent => 2,
            Self::Image | Self::Version => 3,
            Self::Endpoint => 4,
            Self::ReplicaSet => 5,
            Self::Pod => 6,
        }
    }
}
