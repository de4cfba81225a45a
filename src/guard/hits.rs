//! The last check: the `_index` of every hit of a reply. Knows the shape of hits; parses nothing else.

use std::{borrow::Cow, fmt, sync::LazyLock};

use elk_mcp_tools::{
    dsl::{Request, Search},
    engine::{EngineError, EngineErrorKind, Reply},
};
use memchr::memmem::Finder;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::AllowList;

/// Refuses a whole reply when any hit in it, also those inside buckets, is of an index that is not allowed.
pub(super) fn check(reply: Reply, allowed: &AllowList, request: &Request) -> Result<Reply, EngineError> {
    if plainly_allowed(&reply.body, allowed) {
        return Ok(reply);
    }
    let mut foreign = None;
    let mut deserializer = serde_json::Deserializer::from_slice(&reply.body);
    let walked = Walk { allowed, foreign: &mut foreign }.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    if let Err(error) = walked {
        return Err(EngineError::new(EngineErrorKind::BadReply, format!("a reply to a search is no JSON: {error}")));
    }
    match foreign {
        None => Ok(reply),
        Some(index) => Err(EngineError::new(EngineErrorKind::NotAllowed, format!("a hit came from `{index}`, outside the allow-list"))
            .about(asked(request))),
    }
}

/// Whether every key `_index` anywhere in the bytes, of hits and of documents alike, names an allowed index, and no key can be written in
/// another way. Then nothing has to be parsed: what is found here is more than what has to be looked at.
fn plainly_allowed(body: &[u8], allowed: &AllowList) -> bool {
    const KEY: &[u8] = b"\"_index\"";
    static KEYS: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(KEY));
    static ESCAPES: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\\u"));
    if ESCAPES.find(body).is_some() {
        return false;
    }
    let mut last = None;
    KEYS.find_iter(body).all(|at| {
        let value = body.get(at + KEY.len()..).and_then(|rest| rest.strip_prefix(b":\""));
        let name = value.and_then(|value| value.get(..memchr::memchr(b'"', value)?));
        name.is_some_and(|name| {
            let is_allowed =
                last == Some(name) || std::str::from_utf8(name).is_ok_and(|name| !name.contains('\\') && allowed.covers_concrete(name));
            last = Some(name);
            is_allowed
        })
    })
}

/// What the caller asked for. What it led to is not his to know.
fn asked(request: &Request) -> String {
    match request {
        Request::Search(search) => search.index().to_string(),
        Request::Msearch(searches) => {
            let mut expressions: Vec<String> = searches.iter().map(Search::index).map(ToString::to_string).collect();
            expressions.dedup();
            expressions.join(",")
        }
        Request::FieldCaps(_)
        | Request::ResolveIndex(_)
        | Request::IndexStats(_)
        | Request::Ping
        | Request::Health(_)
        | Request::HasPrivileges(_)
        | Request::AuthInfo => String::new(),
    }
}

/// Walks through every object but into no hit: a hit begins with `_index`, and what follows is the user's own data.
struct Walk<'a, 'f> {
    allowed: &'a AllowList,
    foreign: &'f mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reply")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            if key == "_index" {
                let Key(index) = map.next_value()?;
                if self.foreign.is_none() && !self.allowed.covers_concrete(&index) {
                    *self.foreign = Some(index.into_owned());
                }
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            } else {
                map.next_value_seed(Walk { allowed: self.allowed, foreign: &mut *self.foreign })?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Walk { allowed: self.allowed, foreign: &mut *self.foreign })?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(body: &str) -> Option<EngineErrorKind> {
        check(Reply { body: body.as_bytes().to_vec() }, &AllowList::parse("logs-*").unwrap(), &Request::Ping).err().map(|error| error.kind)
    }

    #[test]
    fn hits_of_allowed_indices_pass() {
        assert_eq!(refused(r#"{"took":1,"hits":{"hits":[{"_index":"logs-a","_id":"1","sort":[1.5,null,true]}]}}"#), None);
        assert_eq!(refused(r#"{"responses":[{"hits":{"hits":[{"_index":".ds-logs-a-2026.11.22-000001"}]}}]}"#), None);
    }

    #[test]
    fn a_foreign_hit_anywhere_refuses_the_reply() {
        for body in [
            r#"{"hits":{"hits":[{"_index":"logs-a"},{"_index":"payroll"}]}}"#,
            r#"{"responses":[{"hits":{"hits":[]}},{"hits":{"hits":[{"_index":"pay\u0072oll"}]}}]}"#,
            r#"{"aggregations":{"a":{"buckets":[{"key":"x","top":{"hits":{"hits":[{"_index":"payroll"}]}}}]}}}"#,
        ] {
            assert_eq!(refused(body), Some(EngineErrorKind::NotAllowed), "{body}");
        }
    }

    #[test]
    fn what_a_document_says_about_itself_is_not_taken_for_its_index() {
        assert_eq!(refused(r#"{"hits":{"hits":[{"_index":"logs-a","_source":{"_index":"payroll"}}]}}"#), None);
    }

    #[test]
    fn a_reply_that_has_to_be_walked_and_is_cut_is_a_bad_reply() {
        assert_eq!(refused(r#"{"hits":{"hits":[{"_index":"logs-\u0061""#), Some(EngineErrorKind::BadReply));
        assert_eq!(refused(r#"{"hits":{"_index": "logs-a"}} <html>"#), Some(EngineErrorKind::BadReply));
    }

    #[test]
    fn only_what_needs_no_parser_is_passed_without_one() {
        let allowed = AllowList::parse("logs-*").unwrap();
        for (body, plain) in [
            (r#"{"_index":"logs-a","x":"\"_index\":\"payroll\""}"#, true),
            (r#"{"aggregations":{"a":{"value":1}}}"#, true),
            (r#"{"_index":"payroll"}"#, false),
            (r#"{"_index":""}"#, false),
            (r#"{"_index":"logs-a","_source":{"_index":"payroll"}}"#, false),
            (r#"{"_ind\u0065x":"payroll"}"#, false),
            (r#"{"_index" :"logs-a"}"#, false),
            (r#"{"_index":"logs-a\n"}"#, false),
            (r#"{"_index":"logs-a"#, false),
        ] {
            assert_eq!(plainly_allowed(body.as_bytes(), &allowed), plain, "{body}");
        }
    }
}
