//! The nodes of a cluster: which one is asked next, and what the address of a request is. Knows no credentials.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use elasticsearch::http::Url;
use tokio::time::Instant;

use super::NodeUrl;

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
    url: Url,
    address: String,
    down_until: Mutex<Option<Instant>>,
}

impl Nodes {
    /// None without any address.
    pub(super) fn new(urls: Vec<NodeUrl>) -> Option<Self> {
        let mut nodes = urls.into_iter().enumerate().map(|(position, url)| Node::new(position, url));
        Some(Self { first: nodes.next()?, others: nodes.collect(), turn: AtomicUsize::new(0) })
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
    fn new(position: usize, url: NodeUrl) -> Self {
        let url = url.into_url();
        let address = url.as_str().trim_end_matches('/').to_owned();
        Self { position, url, address, down_until: Mutex::new(None) }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// The address, for the log.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The whole address of a request. Refuses a path that means anything else once it is part of a URL: a parser of
    /// URLs resolves `..` and `%2e` in silence.
    pub(super) fn url_of(&self, path: &str) -> Result<Url, String> {
        let text = format!("{}{path}", self.address);
        let url = Url::parse(&text).map_err(|error| format!("`{path}` makes no address: {error}"))?;
        let unchanged = url.as_str() == text && url.fragment().is_none() && url.origin() == self.url.origin();
        if unchanged { Ok(url) } else { Err(format!("`{path}` would be sent as `{}`", url.path())) }
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
        let node = Node::new(0, NodeUrl::parse("https://es.example:9200/prefix/").unwrap());
        assert_eq!(node.url_of("/logs-*/_search?a=b").unwrap().as_str(), "https://es.example:9200/prefix/logs-*/_search?a=b");
        for path in ["/logs-a/../_search", "/logs-a/%2e%2e/_search", "/..", "/a\n", "/a#b", "/\u{2217}", "/a b"] {
            assert!(node.url_of(path).is_err(), "{path:?}");
        }
    }
}
