//! What tells the kind of a line better than its text does: a code, a message template, the place in the source. Knows one line at a time.

use std::collections::BTreeSet;

use crate::{look::Hit, mining::place, schema::Role};

/// Something that programs write beside a message and that is the same for every line of a kind, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum KeyKind {
    /// `event.code`, `error.grouping_key`: of one service.
    Code,
    /// The message with its values left out.
    Template,
    /// Logger and line.
    Place,
    /// Logger and line in one field: zap's `caller`.
    Caller,
}

/// From so many lines on, a key that nine in ten of them have for themselves is an id, not a kind of event. Half would not do: few lines of
/// many services come from nearly as many places.
const ENOUGH_TO_JUDGE: usize = 50;

impl KeyKind {
    pub(crate) const ALL: [Self; 4] = [Self::Code, Self::Template, Self::Place, Self::Caller];

    /// The roles that a line must have.
    pub(crate) fn roles(self) -> &'static [Role] {
        match self {
            Self::Code => &[Role::EventCode],
            Self::Template => &[Role::Template],
            Self::Place => &[Role::Logger, Role::Line],
            Self::Caller => &[Role::Logger],
        }
    }

    /// The key of a line.
    fn of(self, hit: &Hit<'_>) -> Option<String> {
        let text = |role| hit.text(role).filter(|text| !text.is_empty());
        match self {
            Self::Code => {
                let code = text(Role::EventCode)?;
                Some(format!("{}\t{code}", text(Role::Service).unwrap_or_default()))
            }
            Self::Template => text(Role::Template).map(|text| text.into_owned()),
            Self::Place => place(&text(Role::Logger)?, Some(&text(Role::Line)?)),
            Self::Caller => place(&text(Role::Logger)?, None),
        }
    }

    /// The key as an answer shows it; none where it is the text of the line itself.
    pub(crate) fn shown(self, key: &str) -> Option<&str> {
        match self {
            Self::Code => Some(key.rsplit_once('\t').map_or(key, |(_, code)| code)),
            Self::Template => None,
            Self::Place | Self::Caller => Some(key),
        }
    }
}

/// The surest key of a line, of a kind that is not an id.
pub(crate) fn key(hit: &Hit<'_>, ids: &BTreeSet<KeyKind>) -> Option<(KeyKind, String)> {
    KeyKind::ALL.into_iter().filter(|kind| !ids.contains(kind)).find_map(|kind| Some((kind, kind.of(hit)?)))
}

/// The kinds of some lines' keys that are ids: they tell lines apart rather than kinds of events. One kind after the other, each by the lines
/// that no surer kind tells: beneath a code that is an id the template may be one too.
pub(crate) fn ids<'h>(lines: impl Iterator<Item = &'h Hit<'h>>) -> BTreeSet<KeyKind> {
    let mut ids = BTreeSet::new();
    let mut untold: Vec<&Hit<'_>> = lines.collect();
    for kind in KeyKind::ALL {
        let mut keys = BTreeSet::new();
        let (told, rest): (Vec<&Hit<'_>>, Vec<&Hit<'_>>) =
            untold.iter().partition(|line| kind.of(line).map(|key| keys.insert(key)).is_some());
        if told.len() >= ENOUGH_TO_JUDGE && keys.len() * 10 > told.len() * 9 {
            ids.insert(kind);
        } else {
            untold = rest;
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::{Field, Value};

    fn hit(values: &[(Role, &str)]) -> Hit<'static> {
        let value = |(role, text): &(Role, &str)| (Field::Role(*role), vec![Value::Text((*text).to_owned().into())]);
        Hit { index: "logs".into(), id: "1".into(), time: None, values: values.iter().map(value).collect(), source: None, is_span: false }
    }

    #[test]
    fn the_surest_key_of_a_line_is_taken() {
        let all = [
            (Role::Service, "pay"),
            (Role::EventCode, "E7"),
            (Role::Template, "charge {id}"),
            (Role::Logger, "pay.Card"),
            (Role::Line, "12"),
        ];
        let check = |values: &[(Role, &str)], expected: Option<(KeyKind, &str)>| {
            let found = key(&hit(values), &BTreeSet::new());
            assert_eq!(found.as_ref().map(|(kind, key)| (*kind, key.as_str())), expected);
        };
        check(&all, Some((KeyKind::Code, "pay\tE7")));
        check(&all[2..], Some((KeyKind::Template, "charge {id}")));
        check(&all[3..], Some((KeyKind::Place, "pay.Card#12")));
        check(&[(Role::Logger, "pay/card.go:12")], Some((KeyKind::Caller, "pay/card.go:12")));
        check(&[(Role::Logger, "pay.Card")], None);
        check(&[(Role::EventCode, "")], None);
    }

    #[test]
    fn an_id_is_passed_over_for_the_next_key() {
        let codes = |lines: usize, codes: usize, templates: usize| -> Vec<Hit<'static>> {
            let line = |n: usize| {
                let (code, template) = (format!("e{}", n % codes), format!("charge {}", n % templates));
                hit(&[(Role::EventCode, &code), (Role::Template, &template), (Role::Logger, "pay.Card"), (Role::Line, "12")])
            };
            (0..lines).map(line).collect()
        };
        let check = |lines: &[Hit<'static>], expected: &[KeyKind]| {
            assert_eq!(ids(lines.iter()), expected.iter().copied().collect(), "{} lines", lines.len());
        };
        check(&codes(60, 60, 1), &[KeyKind::Code]);
        check(&codes(20, 20, 1), &[]);
        // Sixty lines of forty codes.
        check(&codes(60, 40, 60), &[]);
        check(&codes(60, 60, 60), &[KeyKind::Code, KeyKind::Template]);
        let line = hit(&[(Role::EventCode, "e1"), (Role::Template, "charge {id}")]);
        assert_eq!(key(&line, &[KeyKind::Code].into()), Some((KeyKind::Template, "charge {id}".to_owned())));
    }
}
