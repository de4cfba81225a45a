//! What tells the kind of a line better than its text does: a code, a message template, the place in the source. Knows one line at a time.

use std::collections::{BTreeMap, BTreeSet};

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

/// The kinds of some lines' keys that are ids: they tell lines apart rather than kinds of events.
pub(crate) fn ids<'k>(keys: impl Iterator<Item = (KeyKind, &'k str)>) -> BTreeSet<KeyKind> {
    let mut seen: BTreeMap<KeyKind, (usize, BTreeSet<&str>)> = BTreeMap::new();
    for (kind, key) in keys {
        let (lines, keys) = seen.entry(kind).or_default();
        *lines += 1;
        keys.insert(key);
    }
    let is_id = |lines: usize, keys: usize| lines >= ENOUGH_TO_JUDGE && keys * 10 > lines * 9;
    seen.into_iter().filter(|(_, (lines, keys))| is_id(*lines, keys.len())).map(|(kind, _)| kind).collect()
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
        let keys: Vec<String> = (0..60).map(|n| format!("e{n}")).collect();
        let found = |lines: usize| ids(keys.iter().take(lines).map(|key| (KeyKind::Code, key.as_str())));
        assert_eq!((found(60), found(20)), ([KeyKind::Code].into(), BTreeSet::new()));
        // Sixty lines of forty places.
        let places = ids(keys.iter().take(40).chain(keys.iter().take(20)).map(|key| (KeyKind::Place, key.as_str())));
        assert_eq!(places, BTreeSet::new());
        let line = hit(&[(Role::EventCode, "e1"), (Role::Template, "charge {id}")]);
        assert_eq!(key(&line, &found(60)), Some((KeyKind::Template, "charge {id}".to_owned())));
    }
}
