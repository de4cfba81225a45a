//! The trace that a caller's work belongs to, in the W3C's notation, so that the cluster's own trace continues it. Knows
//! neither MCP nor the engine.

use std::sync::Arc;

use crate::call_id::random;

/// The longest `tracestate` that is handed on, in bytes, and its most members
/// (<https://www.w3.org/TR/trace-context/#tracestate-limits>).
const STATE_CAP: usize = 512;
const STATE_MEMBERS: usize = 32;
/// The longest `baggage` that is handed on, in bytes. The standard's limit is 8,192; with it, headers would no longer fit
/// into what search engines take.
const BAGGAGE_CAP: usize = 1_024;

/// A trace, and what travels with it. Holds only what is safe in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    flags: u8,
    state: Option<Arc<str>>,
    baggage: Option<Arc<str>>,
}

impl TraceContext {
    /// A trace of its own, not marked as recorded.
    pub fn random() -> Self {
        let trace_id = (u128::from(random()) << 64 | u128::from(random())).max(1);
        Self { trace_id, flags: 0, state: None, baggage: None }
    }

    /// The trace that a `traceparent` names; `tracestate` and `baggage` where they are well-formed. None where the
    /// `traceparent` is not exactly what the W3C's Trace Context asks for.
    pub fn parse(traceparent: &str, tracestate: Option<&str>, baggage: Option<&str>) -> Option<Self> {
        let (version, rest) = traceparent.split_once('-')?;
        let version = hexadecimal(version, 2)?;
        let mut parts = rest.split('-');
        let trace_id = hexadecimal(parts.next()?, 32)?;
        let parent_id = hexadecimal(parts.next()?, 16)?;
        let flags = hexadecimal(parts.next()?, 2)?;
        // Later versions may append parts; this one may not, and `ff` is never one.
        let is_whole = version != 0 || parts.next().is_none();
        if version == 0xff || trace_id == 0 || parent_id == 0 || !is_whole {
            return None;
        }
        let state = tracestate.map(str::trim).filter(|state| is_list(state, STATE_CAP) && state.split(',').count() <= STATE_MEMBERS);
        let baggage = baggage.map(str::trim).filter(|baggage| is_list(baggage, BAGGAGE_CAP));
        // Of the flags of this version only the lowest means something: recorded.
        let flags = u8::try_from(flags & 1).unwrap_or(0);
        Some(Self { trace_id, flags, state: state.map(Arc::from), baggage: baggage.map(Arc::from) })
    }

    /// The `traceparent` of one request within the trace: the same trace, a new parent.
    pub fn child(&self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.trace_id, random().max(1), self.flags)
    }

    /// The `tracestate`, as it came.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The `baggage`, as it came.
    pub fn baggage(&self) -> Option<&str> {
        self.baggage.as_deref()
    }

    /// The id of the trace, in 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }
}

/// A number of so many lower-case digits.
fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let is_lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (text.len() == digits && is_lower).then(|| u128::from_str_radix(text, 16).ok())?
}

/// Whether a text is a list of `key=value` that can stand in a header.
fn is_list(text: &str, cap: usize) -> bool {
    let is_member = |member: &str| member.trim().split_once('=').is_some_and(|(key, value)| !key.is_empty() && !value.is_empty());
    text.len() <= cap && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.split(',').all(is_member)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    #[test]
    fn a_child_has_the_same_trace_and_another_parent() {
        let trace = TraceContext::parse(&format!("00-{TRACE}-{PARENT}-01"), Some("vendor=opaque"), Some("userId=alice;p=1, b=2")).unwrap();
        let (one, other) = (trace.child(), trace.child());
        assert!(one.starts_with(&format!("00-{TRACE}-")) && one.ends_with("-01") && one.len() == 55, "{one}");
        assert!(!one.contains(PARENT) && one != other, "{one} {other}");
        assert_eq!((trace.state(), trace.baggage()), (Some("vendor=opaque"), Some("userId=alice;p=1, b=2")));
    }

    #[test]
    fn what_is_not_exactly_a_traceparent_is_none() {
        let zero = |digits: usize| "0".repeat(digits);
        for text in [
            String::new(),
            TRACE.to_owned(),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{}-{PARENT}-01", zero(32)),
            format!("00-{TRACE}-{}-01", zero(16)),
            format!("00-{TRACE}-{PARENT}-0g"),
            format!("00-+{}-{PARENT}-01", &TRACE[1..]),
            format!(" 00-{TRACE}-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-01\r\nx: y"),
        ] {
            assert_eq!(TraceContext::parse(&text, None, None), None, "{text}");
        }
        assert!(TraceContext::parse(&format!("01-{TRACE}-{PARENT}-01-more"), None, None).is_some(), "a later version may have more parts");
    }

    #[test]
    fn what_travels_along_is_dropped_where_no_header_may_hold_it() {
        let parent = format!("00-{TRACE}-{PARENT}-00");
        let parse = |text: &str| TraceContext::parse(&parent, Some(text), Some(text)).unwrap();
        for text in ["", "a", "a=", "=b", "a=b\r\nx: y", "a=\u{e9}", "a=b,,c=d", &format!("a={}", "x".repeat(BAGGAGE_CAP))] {
            assert_eq!((parse(text).state(), parse(text).baggage()), (None, None), "{text}");
        }
        let many = vec!["a=b"; STATE_MEMBERS + 1].join(",");
        assert_eq!((parse(&many).state(), parse(&many).baggage()), (None, Some(many.as_str())));
    }

    #[test]
    fn a_trace_of_its_own_is_one_that_parses() {
        let own = TraceContext::random();
        assert_eq!(TraceContext::parse(&own.child(), None, None), Some(own));
    }
}
