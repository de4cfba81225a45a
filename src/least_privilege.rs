//! Whether the cluster's credential can do no more than read, asked before anything is served with it. Knows the two requests
//! for that and how distributions answer them; knows no setting.

use std::time::Duration;

use elk_mcp_tools::{
    dsl::{AuthInfoReply, HasPrivileges, HasPrivilegesReply, IndexExpression, Request},
    engine::{Engine, EngineError, EngineErrorKind},
};
use serde::de::DeserializeOwned;

/// What the cluster says about the credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It cannot write what it was asked about.
    ReadOnly,
    /// It can, by these privileges or roles.
    Writable(Vec<String>),
    /// There is no security: anyone who reaches the cluster can write.
    NoSecurity,
    /// The cluster is there and does not say.
    Unknown(String),
}

/// Asks Elasticsearch's way, and OpenSearch's where that is unknown.
///
/// # Errors
/// When the cluster does not answer, or does not accept the credential: that may be otherwise later.
pub async fn judge(engine: &dyn Engine, index: &IndexExpression, time_limit: Duration) -> Result<Verdict, EngineError> {
    match ask::<HasPrivilegesReply>(engine, &Request::HasPrivileges(HasPrivileges::new(index.clone())), time_limit).await? {
        Answer::Said(reply) => Ok(of(reply.granted())),
        Answer::Unclear(why) => Ok(Verdict::Unknown(why)),
        Answer::NoSuchRequest => match ask::<AuthInfoReply>(engine, &Request::AuthInfo, time_limit).await? {
            Answer::Said(reply) => Ok(of(reply.writing_roles())),
            Answer::Unclear(why) => Ok(Verdict::Unknown(why)),
            Answer::NoSuchRequest => Ok(Verdict::NoSecurity),
        },
    }
}

enum Answer<T> {
    Said(T),
    NoSuchRequest,
    Unclear(String),
}

async fn ask<T: DeserializeOwned>(engine: &dyn Engine, request: &Request, time_limit: Duration) -> Result<Answer<T>, EngineError> {
    match engine.send(request, time_limit).await {
        Ok(reply) => Ok(match serde_json::from_slice(&reply.body) {
            Ok(reply) => Answer::Said(reply),
            Err(error) => Answer::Unclear(error.to_string()),
        }),
        // Without their security a path like this is no request, or a document of an index that cannot exist.
        Err(error) if matches!(error.kind, EngineErrorKind::Rejected | EngineErrorKind::UnknownIndex) => Ok(Answer::NoSuchRequest),
        Err(error) if matches!(error.kind, EngineErrorKind::Forbidden | EngineErrorKind::BadReply) => {
            Ok(Answer::Unclear(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

fn of(granted: Vec<String>) -> Verdict {
    if granted.is_empty() { Verdict::ReadOnly } else { Verdict::Writable(granted) }
}

#[cfg(test)]
mod tests {
    use elk_mcp_tools::engine::{BoxFuture, Reply};

    use super::*;

    /// What a cluster answers: to Elasticsearch's request, and to OpenSearch's.
    struct Canned(Result<&'static str, EngineErrorKind>, Result<&'static str, EngineErrorKind>);

    impl Engine for Canned {
        fn send<'a>(&'a self, request: &'a Request, _: Duration) -> BoxFuture<'a, Result<Reply, EngineError>> {
            let answer = match request {
                Request::HasPrivileges(_) => self.0,
                Request::AuthInfo => self.1,
                other => panic!("{other:?}"),
            };
            Box::pin(
                async move { answer.map(|body| Reply { body: body.into() }).map_err(|kind| EngineError::new(kind, "no handler found")) },
            )
        }
    }

    #[track_caller]
    fn check(engine: Canned, expected: Result<Verdict, EngineErrorKind>) {
        let index = IndexExpression::parse("logs-*").unwrap();
        let judged = futures_util::FutureExt::now_or_never(judge(&engine, &index, Duration::from_secs(1))).unwrap();
        assert_eq!(judged.map_err(|error| error.kind), expected);
    }

    #[test]
    fn elasticsearch_says_what_is_granted() {
        use EngineErrorKind as Kind;
        let unasked = Err(Kind::Timeout);
        check(Canned(Ok(r#"{"cluster":{"manage":false},"index":{"logs-*":{"write":false}}}"#), unasked), Ok(Verdict::ReadOnly));
        check(Canned(Ok(r#"{"index":{"logs-*":{"write":true}}}"#), unasked), Ok(Verdict::Writable(vec!["write of logs-*".to_owned()])));
        check(Canned(Err(Kind::Forbidden), unasked), Ok(Verdict::Unknown("Forbidden: no handler found".to_owned())));
        check(Canned(Err(Kind::Unreachable), unasked), Err(Kind::Unreachable));
        check(Canned(Err(Kind::Unauthorized), unasked), Err(Kind::Unauthorized));
    }

    #[test]
    fn opensearch_says_which_roles() {
        use EngineErrorKind as Kind;
        for unknown in [Err(Kind::Rejected), Err(Kind::UnknownIndex)] {
            check(Canned(unknown, Ok(r#"{"roles":["all_access"]}"#)), Ok(Verdict::Writable(vec!["all_access".to_owned()])));
            check(Canned(unknown, Ok(r#"{"roles":["logs_reader"]}"#)), Ok(Verdict::ReadOnly));
            check(Canned(unknown, unknown), Ok(Verdict::NoSecurity));
            check(Canned(unknown, Err(Kind::Unauthorized)), Err(Kind::Unauthorized));
        }
    }
}
