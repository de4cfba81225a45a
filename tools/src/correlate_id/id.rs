//! An id as it was pasted, in the forms in which it may be stored. Knows no field.

use crate::schema::{span_forms, trace_forms};

/// More forms than this are not looked for.
const MAX_FORMS: usize = 24;

/// From this many characters on, the beginning of an id tells something.
const MIN_PREFIX: usize = 4;

/// An id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Id {
    /// As it was meant: without quotes, brackets and a name in front of it.
    pub(super) plain: String,
    /// What it may look like in a field of its own.
    pub(super) forms: Vec<String>,
    /// What it may look like in a field of traces or spans, which are also written in decimal, padded, or with a prefix.
    pub(super) trace_forms: Vec<String>,
    /// What it may look like in a text, where case does not matter.
    pub(super) phrases: Vec<String>,
}

impl Id {
    /// Reads an id.
    pub(super) fn parse(given: &str) -> Self {
        let plain = plain(given);
        let mut forms = vec![plain.to_owned(), plain.to_lowercase(), plain.to_uppercase()];
        let traces = trace_forms(plain);
        let uuids: Vec<String> = traces.iter().filter(|form| is_uuid(form)).cloned().collect();
        forms.extend(uuids.iter().cloned());
        forms.push(given.trim().to_owned());
        let trace_forms = forms.iter().cloned().chain(traces).chain(span_forms(plain)).collect();
        let phrases = [plain.to_owned()].into_iter().chain(uuids).collect();
        Self {
            plain: plain.to_owned(),
            forms: distinct(forms, false),
            trace_forms: distinct(trace_forms, false),
            phrases: distinct(phrases, true),
        }
    }

    /// The beginnings that values may have; none where the id is too short to tell anything.
    pub(super) fn beginnings(&self) -> Vec<String> {
        if self.plain.chars().count() < MIN_PREFIX {
            return Vec::new();
        }
        distinct(vec![self.plain.clone(), self.plain.to_lowercase(), self.plain.to_uppercase()], false)
    }
}

/// Without what stands around an id where it was copied from.
fn plain(given: &str) -> &str {
    let around = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '[' | ']' | '(' | ')' | '{' | '}' | ',' | ';');
    let inner = given.trim_matches(around).trim_end_matches(['.', ':', '!', '?']);
    let named = inner.split_once('=').or_else(|| inner.split_once(": ")).filter(|(name, value)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'.')) && !value.is_empty()
    });
    // X-Ray's header has names in it that belong to the id.
    let value = named.filter(|(name, _)| !matches!(*name, "Root" | "Self")).map_or(inner, |(_, value)| value.trim_matches(around));
    if value.is_empty() { given.trim() } else { value }
}

/// 32 hexadecimal digits, not padded, with or without the dashes of a UUID, in lower case.
fn is_uuid(text: &str) -> bool {
    if text.replace('-', "").starts_with("0000000000000000") {
        return false;
    }
    let digits = text.bytes().filter(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte)).count();
    digits == 32 && matches!(text.len(), 32 | 36)
}

fn distinct(list: Vec<String>, ignoring_case: bool) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for text in list {
        let known = kept.iter().any(|kept| *kept == text || (ignoring_case && kept.eq_ignore_ascii_case(&text)));
        if !text.is_empty() && !known && kept.len() < MAX_FORMS {
            kept.push(text);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, plain: &str, form: &str) {
        let id = Id::parse(given);
        assert_eq!(id.plain, plain, "{given}");
        assert!(id.forms.iter().any(|known| known == form), "{given} as {form}: {:?}", id.forms);
    }

    #[test]
    fn only_traces_and_spans_are_read_as_hexadecimal_numbers() {
        let id = Id::parse("4711");
        assert_eq!(id.forms, ["4711"]);
        assert!(id.trace_forms.contains(&"0000000000001267".to_owned()));
        assert_eq!(id.phrases, ["4711"]);
    }

    #[test]
    fn what_stands_around_an_id_is_taken_off() {
        check("\"7f3c21d4\"", "7f3c21d4", "7f3c21d4");
        check("[order-17],", "order-17", "order-17");
        check("message_id=7f3c21d4", "7f3c21d4", "7f3c21d4");
        check("request id: `ab12`.", "request id: `ab12`", "request id: `ab12`");
        check("orderId: ab12", "ab12", "ab12");
        check("c2VjcmV0==", "c2VjcmV0==", "c2VjcmV0==");
        check("4711", "4711", "4711");
        check("\"", "\"", "\"");
    }

    #[test]
    fn an_id_is_known_in_either_case_and_with_or_without_dashes() {
        check("AB12CD34", "AB12CD34", "ab12cd34");
        check("ab12cd34", "ab12cd34", "AB12CD34");
        check("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4736");
        check("4BF92F3577B34DA6A3CE929D0E0E4736", "4BF92F3577B34DA6A3CE929D0E0E4736", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736");
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        check(header, header, "4bf92f3577b34da6a3ce929d0e0e4736");
        check("Root=1-5759e988-bd862e3fe1be46a994272793", "Root=1-5759e988-bd862e3fe1be46a994272793", "5759e988bd862e3fe1be46a994272793");
    }

    #[test]
    fn a_text_is_searched_for_each_way_of_writing_it_once() {
        let id = Id::parse("4BF92F35-77B3-4DA6-A3CE-929D0E0E4736");
        assert_eq!(id.phrases, ["4BF92F35-77B3-4DA6-A3CE-929D0E0E4736", "4bf92f3577b34da6a3ce929d0e0e4736"]);
        assert_eq!(Id::parse("order-17").phrases, ["order-17"]);
    }

    #[test]
    fn a_beginning_needs_some_length() {
        assert_eq!(Id::parse("7f3").beginnings(), [""; 0]);
        assert_eq!(Id::parse("7f3c").beginnings(), ["7f3c", "7F3C"]);
    }
}
