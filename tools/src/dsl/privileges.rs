//! What the credential may do, asked before it is used: the two requests beyond the tools', and their replies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::IndexExpression;

/// Privileges of indices that write, by names that Elasticsearch 7.17 to 9 know.
const WRITING: [&str; 7] = ["create_doc", "index", "write", "delete", "create_index", "delete_index", "manage"];
/// Privileges of the cluster that change it.
const CHANGING: [&str; 6] = ["all", "manage", "manage_security", "manage_index_templates", "manage_ilm", "manage_pipeline"];
/// Roles that OpenSearch comes with and that write.
const WRITING_ROLES: [&str; 4] = ["all_access", "kibana_server", "logstash", "security_rest_api_full_access"];

/// Which of the privileges that write the credential has, on these indices and on all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HasPrivileges {
    index: IndexExpression,
}

impl HasPrivileges {
    /// Asks about these indices.
    pub fn new(index: IndexExpression) -> Self {
        Self { index }
    }

    pub(super) fn body(&self) -> impl Serialize + use<> {
        #[derive(Serialize)]
        struct Body {
            cluster: [&'static str; 6],
            index: [OfIndices; 1],
        }
        #[derive(Serialize)]
        struct OfIndices {
            names: Vec<String>,
            privileges: [&'static str; 7],
        }
        let mut names: Vec<String> = self.index.patterns().iter().map(|pattern| pattern.as_str().to_owned()).collect();
        if !names.iter().any(|name| name == "*") {
            names.push("*".to_owned());
        }
        Body { cluster: CHANGING, index: [OfIndices { names, privileges: WRITING }] }
    }
}

/// The reply to [`HasPrivileges`].
#[derive(Debug, Default, Deserialize)]
pub struct HasPrivilegesReply {
    #[serde(default)]
    cluster: BTreeMap<String, bool>,
    #[serde(default)]
    index: BTreeMap<String, BTreeMap<String, bool>>,
}

impl HasPrivilegesReply {
    /// What the credential may write: privileges of the cluster, and of indices with their name.
    pub fn granted(&self) -> Vec<String> {
        let of_cluster = self.cluster.iter().filter(|(_, has)| **has).map(|(privilege, _)| format!("{privilege} of the cluster"));
        let of_indices = self.index.iter().flat_map(|(name, privileges)| {
            privileges.iter().filter(|(_, has)| **has).map(move |(privilege, _)| format!("{privilege} of {name}"))
        });
        of_cluster.chain(of_indices).collect()
    }
}

/// The reply of OpenSearch's security plugin to who one is.
#[derive(Debug, Default, Deserialize)]
pub struct AuthInfoReply {
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    backend_roles: Vec<String>,
}

impl AuthInfoReply {
    /// The roles that are known to write. What a role of the operator's own may do, OpenSearch tells administrators only.
    pub fn writing_roles(&self) -> Vec<String> {
        let is_writing = |role: &&String| WRITING_ROLES.contains(&role.as_str());
        let mut roles: Vec<String> = self.roles.iter().filter(is_writing).cloned().collect();
        if self.backend_roles.iter().any(|role| role == "admin") && roles.is_empty() {
            roles.push("admin".to_owned());
        }
        roles
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::dsl::{Method, Request};

    fn request(index: &str) -> Request {
        Request::HasPrivileges(HasPrivileges::new(IndexExpression::parse(index).unwrap()))
    }

    #[test]
    fn privileges_are_asked_about_the_indices_and_about_all() {
        let body: Value = serde_json::from_slice(&request("logs-*,app-*").body().unwrap()).unwrap();
        assert_eq!(body["index"][0]["names"], json!(["logs-*", "app-*", "*"]));
        assert!(body["index"][0]["privileges"].as_array().unwrap().contains(&json!("write")));
        assert!(body["cluster"].as_array().unwrap().contains(&json!("manage")));
        let body: Value = serde_json::from_slice(&request("*").body().unwrap()).unwrap();
        assert_eq!(body["index"][0]["names"], json!(["*"]));
    }

    #[test]
    fn both_requests_are_reads_of_constant_paths() {
        let asked = [request("logs-*"), Request::AuthInfo].map(|request| (request.method(), request.path()));
        assert_eq!(
            asked,
            [(Method::Get, "/_security/user/_has_privileges".to_owned()), (Method::Get, "/_plugins/_security/authinfo".to_owned())]
        );
        assert!(Request::AuthInfo.body().is_none());
    }

    #[test]
    fn what_is_granted_is_told_by_name() {
        let reply: HasPrivilegesReply = serde_json::from_value(json!({"username": "u", "has_all_requested": false,
            "cluster": {"manage": true, "all": false}, "application": {},
            "index": {"logs-*": {"write": true, "delete": false}, "*": {"write": false}}}))
        .unwrap();
        assert_eq!(reply.granted(), ["manage of the cluster", "write of logs-*"]);
        assert!(serde_json::from_str::<HasPrivilegesReply>("{}").unwrap().granted().is_empty());
    }

    #[test]
    fn roles_that_write_are_known() {
        let reply = |roles: Value, backend: Value| -> Vec<String> {
            serde_json::from_value::<AuthInfoReply>(json!({"user_name": "u", "roles": roles, "backend_roles": backend}))
                .unwrap()
                .writing_roles()
        };
        assert_eq!(reply(json!(["own_index", "all_access"]), json!(["admin"])), ["all_access"]);
        assert_eq!(reply(json!(["mine"]), json!(["admin"])), ["admin"]);
        assert!(reply(json!(["readall_and_monitor", "own_index"]), json!(["readall"])).is_empty());
    }
}
