//! The documents of one trace as a tree: spans under their parents, lines under the span they were written in. Knows
//! neither looks nor answers.

use std::collections::HashMap;

use crate::{
    look::Hit,
    params::Level,
    schema::{Role, span_forms},
    spans::{Forest, SPAN_ROLES, Span, nanoseconds},
};

/// What is fetched of each document.
pub(super) fn roles() -> impl Iterator<Item = Role> {
    let lines = [
        Role::TraceId,
        Role::Pod,
        Role::Level,
        Role::Message,
        Role::Status,
        Role::Outcome,
        Role::Path,
        Role::ErrorType,
        Role::ErrorMessage,
    ];
    SPAN_ROLES.into_iter().chain(lines)
}

/// One document: a span or a line.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// When it happened, or began, in nanoseconds since the epoch.
    pub(super) time_ns: i64,
    pub(super) service: String,
    pub(super) pod: Option<String>,
    pub(super) level: Option<String>,
    pub(super) status: Option<String>,
    /// The line, or the name of the span.
    pub(super) text: String,
    pub(super) failed: bool,
    pub(super) warned: bool,
}

/// A trace. The first nodes are the spans, in the same order; the others are lines, by time.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) spans: Vec<Span>,
    pub(super) forest: Forest,
    pub(super) nodes: Vec<Node>,
    /// The nodes under each span, by time.
    pub(super) under: Vec<Vec<usize>>,
    /// The nodes under nothing, by time.
    pub(super) top: Vec<usize>,
    /// The trace ids as stored, each once.
    pub(super) ids: Vec<String>,
    /// Lines that name no span of the trace and were put under the span that was running then in their service.
    pub(super) placed_by_time: usize,
    /// Documents without a time: not in the tree.
    pub(super) timeless: usize,
}

impl Trace {
    /// Builds the tree.
    pub(super) fn read(hits: &[Hit<'_>]) -> Self {
        let mut trace = Self::default();
        let mut span_nodes = Vec::new();
        let mut lines: Vec<(Node, Option<String>)> = Vec::new();
        for hit in hits {
            if let Some(id) = hit.text(Role::TraceId)
                && !trace.ids.iter().any(|known| *known == id)
            {
                trace.ids.push(id.into_owned());
            }
            let Some(node) = Node::read(hit) else {
                trace.timeless += 1;
                continue;
            };
            match Span::read(hit) {
                Some(span) => {
                    trace.spans.push(span);
                    span_nodes.push(node);
                }
                None => lines.push((node, hit.text(Role::SpanId).map(|id| id.into_owned()))),
            }
        }
        lines.sort_by_key(|(node, _)| node.time_ns);
        trace.forest = Forest::grow(&trace.spans);
        trace.nodes = span_nodes;
        trace.under = trace.forest.children.clone();
        trace.top = trace.forest.roots.clone();
        for (line, span_id) in lines {
            trace.hang(line, span_id.as_deref());
        }
        let time = |node: &usize| trace.nodes.get(*node).map_or(0, |node| node.time_ns);
        // Stable: spans that begin with a line stay before it.
        trace.under.iter_mut().chain([&mut trace.top]).for_each(|list| list.sort_by_key(time));
        trace
    }

    fn hang(&mut self, line: Node, span_id: Option<&str>) {
        let named = span_id.and_then(|id| self.find(id));
        let parent = named.or_else(|| self.running(&line));
        self.placed_by_time += usize::from(named.is_none() && parent.is_some());
        let index = self.nodes.len();
        self.nodes.push(line);
        match parent.and_then(|parent| self.under.get_mut(parent)) {
            Some(list) => list.push(index),
            None => self.top.push(index),
        }
    }

    /// The span with an id, in whatever notation.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        let exact = self.spans.iter().position(|span| span.id == id);
        exact.or_else(|| {
            let forms = span_forms(id);
            self.spans.iter().position(|span| forms.contains(&span.id))
        })
    }

    /// The innermost span of the line's service that was running when the line was written.
    fn running(&self, line: &Node) -> Option<usize> {
        let running = self
            .spans
            .iter()
            .enumerate()
            .filter(|(_, span)| span.service == line.service && span.start_ns <= line.time_ns && line.time_ns <= span.end_ns());
        running.max_by_key(|(_, span)| (span.start_ns, -span.duration_ns)).map(|(index, _)| index)
    }

    /// The longest root span.
    pub(super) fn root(&self) -> Option<usize> {
        self.forest.roots.iter().copied().max_by_key(|root| self.span(*root).map_or(0, |span| span.duration_ns))
    }

    /// Whether a node is a span.
    pub(super) fn span(&self, node: usize) -> Option<&Span> {
        self.spans.get(node)
    }

    /// Nodes under a node, by time.
    pub(super) fn under(&self, node: usize) -> &[usize] {
        self.under.get(node).map_or(&[], Vec::as_slice)
    }

    /// When a node ended.
    pub(super) fn end_ns(&self, node: usize) -> i64 {
        let start = self.nodes.get(node).map_or(0, |node| node.time_ns);
        self.span(node).map_or(start, Span::end_ns)
    }

    /// From the first to the last moment; none for an empty trace.
    pub(super) fn extent(&self) -> Option<(i64, i64)> {
        let first = self.nodes.iter().map(|node| node.time_ns).min()?;
        let last = (0..self.nodes.len()).map(|node| self.end_ns(node)).max()?;
        Some((first, last))
    }

    /// Every node under these ones and themselves, parents first, with their depth.
    pub(super) fn preorder(&self, from: &[usize]) -> Vec<(usize, u32)> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut stack: Vec<(usize, u32)> = from.iter().rev().map(|node| (*node, 0)).collect();
        while let Some((node, depth)) = stack.pop() {
            order.push((node, depth));
            stack.extend(self.under(node).iter().rev().map(|child| (*child, depth + 1)));
        }
        order
    }

    /// The nodes by time.
    pub(super) fn by_time(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by_key(|node| (self.nodes.get(*node).map_or(0, |node| node.time_ns), *node));
        order
    }

    /// The services by their first appearance.
    pub(super) fn services(&self) -> Vec<&str> {
        let mut services: Vec<&str> = Vec::new();
        let mut seen: HashMap<&str, ()> = HashMap::new();
        for node in self.by_time().into_iter().filter_map(|node| self.nodes.get(node)) {
            if seen.insert(&node.service, ()).is_none() {
                services.push(&node.service);
            }
        }
        services
    }

    /// The failure that was first complete: a span fails when it ends, so the innermost of nested ones comes first.
    pub(super) fn first_error(&self) -> Option<usize> {
        let failed = (0..self.nodes.len()).filter(|node| self.nodes.get(*node).is_some_and(|node| node.failed));
        failed.min_by_key(|node| (self.end_ns(*node), *node))
    }
}

impl Node {
    pub(super) fn read(hit: &Hit<'_>) -> Option<Self> {
        let time = hit.time?;
        let text = |role| hit.text(role).map(|text| text.into_owned()).filter(|text| !text.is_empty());
        let named = if hit.is_span { text(Role::SpanName).or_else(|| text(Role::Path)) } else { None };
        let said = named.or_else(|| text(Role::Message)).or_else(|| text(Role::ErrorMessage)).or_else(|| text(Role::SpanName));
        let mut said = said.unwrap_or_default();
        if let Some(kind) = text(Role::ErrorType)
            && !said.contains(&kind)
        {
            said = format!("{said} ({kind})");
        }
        let level = hit.level();
        let status = text(Role::Status);
        Some(Self {
            time_ns: nanoseconds(time),
            service: text(Role::Service).unwrap_or_else(|| "?".to_owned()),
            pod: text(Role::Pod),
            level: text(Role::Level),
            failed: matches!(level, Some(Level::Error | Level::Fatal)) || hit.answers_failure(),
            warned: level == Some(Level::Warn),
            status,
            text: said,
        })
    }
}
