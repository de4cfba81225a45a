//! The nodes of a cluster: which one is asked next, and what the address of a request is. Knows no credentials.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, Uri};
use tokio::time::Instant;

use super::{InvalidSettings, NodeUrl};

/// How long a node that could not be reached is asked only when no other is left.
const REST: Duration = Duration::from_secs(10);

/// All nodes, asked in turn.
#[derive(Debug)]
pub(super) struct Nodes {
    first: Node,
    others: Vec<Node>,
    turn: AtomicUsize,
}

/// One node.
#[derive(Debug)]
pub(super) struct Node {
    position: usize,
    /// For the log.
    address: String,
    endpoint: Uri,
    host: HeaderValue,
    /// The path of the address, without a slash at its end.
    prefix: String,
    down_until: Mutex<Option<Instant>>,
}

impl Nodes {
    /// # Errors
    /// Without any address, or when one is none that HTTP can use.
    pub(super) fn new(urls: Vec<NodeUrl>) -> Result<Self, InvalidSettings> {
        let mut nodes = urls.into_iter().enumerate().map(|(position, url)| Node::new(position, url));
        let first = nodes.next().ok_or_else(|| InvalidSettings::new("--es-url", "names no address"))??;
        Ok(Self { first, others: nodes.collect::<Result<_, _>>()?, turn: AtomicUsize::new(0) })
    }

    /// The next node in turn that is not down and not `except`; failing that, any but `except`; failing that, any.
    pub(super) fn pick(&self, except: Option<usize>) -> &Node {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % (self.others.len() + 1);
        let in_turn = || self.all().cycle().skip(turn).take(self.others.len() + 1);
        let other = |node: &&Node| Some(node.position) != except;
        in_turn().find(|node| other(node) && !node.is_down()).or_else(|| in_turn().find(other)).unwrap_or(&self.first)
    }

    /// Whether there is more than one.
    pub(super) fn several(&self) -> bool {
        !self.others.is_empty()
    }

    fn all(&self) -> impl Iterator<Item = &Node> + Clone {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl Node {
    fn new(position: usize, url: NodeUrl) -> Result<Self, InvalidSettings> {
        let invalid = |error: &dyn std::fmt::Display| InvalidSettings::new("--es-url", format!("is no address of HTTP: {error}"));
        let url = url.into_url();
        let address = url.as_str().trim_end_matches('/').to_owned();
        let endpoint: Uri = url.as_str().parse().map_err(|error| invalid(&error))?;
        // Without the port where it is the scheme's own: the address has none then either.
        let authority = endpoint.authority().map_or("", |authority| authority.as_str());
        let host = HeaderValue::from_str(authority).map_err(|error| invalid(&error))?;
        let prefix = url.path().trim_end_matches('/').to_owned();
        Ok(Self { position, address, endpoint, host, prefix, down_until: Mutex::new(None) })
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// The address, for the log.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Where to connect to.
    pub(super) fn endpoint(&self) -> &Uri {
        &self.endpoint
    }

    /// What stands in the header `Host`.
    pub(super) fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// The target of a request: the node's own path and this one. Refuses a path that may mean something else to someone on its
    /// way: what a parser of URLs would escape, or resolve as `..` and `%2e`.
    pub(super) fn target(&self, path: &str) -> Result<Uri, String> {
        let (names, query) = path.split_once('?').unwrap_or((path, ""));
        let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'*' | b',' | b'/' | b'=' | b'&' | b'%');
        let is_dots = |name: &str| matches!(name, "." | "..") || name.contains('%') && name.to_ascii_lowercase().contains("%2e");
        if !names.starts_with('/') || !names.bytes().all(is_plain) || !query.bytes().all(is_plain) || names.split('/').any(is_dots) {
            return Err(format!("`{path}` is no path that means the same to everyone"));
        }
        format!("{}{path}", self.prefix).try_into().map_err(|error| format!("`{path}` is no path: {error}"))
    }

    pub(super) fn mark_down(&self) {
        *self.down_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Instant::now() + REST);
    }

    pub(super) fn mark_up(&self) {
        *self.down_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }

    fn is_down(&self) -> bool {
        self.down_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_some_and(|until| until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(count: u16) -> Nodes {
        Nodes::new((0..count).map(|port| NodeUrl::parse(&format!("http://node:{}", 9200 + port)).unwrap()).collect()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_is_down_is_passed_over_until_it_has_rested() {
        let nodes = nodes(3);
        nodes.all().nth(1).unwrap().mark_down();
        for _ in 0..6 {
            assert_ne!(nodes.pick(None).position(), 1);
        }
        tokio::time::advance(REST).await;
        assert!((0..3).any(|_| nodes.pick(None).position() == 1));
    }

    #[tokio::test]
    async fn a_retry_goes_to_another_node_and_to_the_same_only_when_it_is_alone() {
        assert!((0..9).all(|_| nodes(3).pick(Some(2)).position() != 2));
        assert_eq!(nodes(1).pick(Some(0)).position(), 0);
    }

    #[test]
    fn an_address_is_sent_as_it_is_written_or_not_at_all() {
        let node = Node::new(0, NodeUrl::parse("https://es.example:9200/prefix/").unwrap()).unwrap();
        assert_eq!(node.target("/logs-*/_search?a=b%20c").unwrap(), "/prefix/logs-*/_search?a=b%20c");
        assert_eq!(node.host(), "es.example:9200");
        assert_eq!(node.endpoint().authority().unwrap(), "es.example:9200");
        for path in [
            "/logs-a/../_search",
            "/logs-a/%2e%2e/_search",
            "/logs-a/.%2E/_search",
            "/./a",
            "/..",
            "..",
            "",
            "a",
            "/a\n",
            "/a\t",
            "/a#b",
            "/a?b#c",
            "/\u{2217}",
            "/a b",
            "/a\\b",
            "/a?b c",
            "/a?b\r\nhost: x",
            "/\"",
            "/{a}",
        ] {
            assert!(node.target(path).is_err(), "{path:?}");
        }
    }
}
