//! Counting lines by what tells their kind. Knows the looks; sends nothing.

use crate::{
    line_key::KeyKind,
    look::{Agg, Bucket, Field, Filter, Key, Order},
    schema::{Role, Schema},
};

/// Distinct keys of a kind that are counted at most.
pub(super) const MOST_KEYS: u32 = 5_000;

/// Fields that hold a line beside the logger.
const CALLERS: [&str; 3] = ["caller", "cls", "source"];

/// Lines that show how a pattern reads.
const EXAMPLES: u32 = 5;

impl KeyKind {
    /// Those that the engine can count by, in every index that has them.
    pub(super) fn countable(schema: &Schema) -> Vec<Self> {
        Self::ALL.into_iter().filter(|kind| kind.is_countable(schema)).collect()
    }

    fn is_countable(self, schema: &Schema) -> bool {
        let has_line = schema.is_filled(Role::Line);
        let fits = match self {
            Self::Code | Self::Template => true,
            Self::Place => has_line,
            Self::Caller => !has_line && schema.shown(&[Role::Logger]).values().all(|name| CALLERS.contains(&name.as_str())),
        };
        fits && self.roles().iter().all(|role| schema.is_filled(*role) && is_groupable(schema, *role))
    }

    /// The fields that tell keys apart.
    fn fields(self, schema: &Schema) -> Vec<Field> {
        let service = (self == Self::Code && is_groupable(schema, Role::Service)).then_some(Role::Service);
        service.into_iter().chain(self.roles().iter().copied()).map(Field::Role).collect()
    }

    fn filter(self) -> Filter {
        self.roles().iter().fold(Filter::All, |all, role| all.and(Filter::Exists(Field::Role(*role))))
    }
}

/// Whether every index that has a role can be grouped by it.
pub(super) fn is_groupable(schema: &Schema, role: Role) -> bool {
    let mut fields = schema.groups.iter().filter_map(|group| group.field(&Field::Role(role))).peekable();
    fields.peek().is_some() && fields.all(|field| field.groupable().is_some())
}

/// Lines that have none of these keys.
pub(super) fn without(kinds: &[KeyKind]) -> Filter {
    kinds.iter().fold(Filter::All, |all, kind| all.and(kind.filter().negated()))
}

/// Counts the lines of each key of a kind, those with a surer key left out.
pub(super) fn count(kinds: &[KeyKind], at: usize, schema: &Schema) -> Option<(Filter, Agg)> {
    let kind = kinds.get(at)?;
    let filter = kind.filter().and(without(kinds.get(..at)?));
    Some((filter, Agg::Composite { fields: kind.fields(schema), size: MOST_KEYS, after: None, inner: Vec::new() }))
}

/// A key and its lines in the whole window.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub(super) kind: KeyKind,
    pub(super) key: String,
    pub(super) count: u64,
    /// What a line of it meets.
    filter: Filter,
}

impl Counted {
    /// None for the lines whose key is not indexed: it is too long.
    pub(super) fn read(kinds: &[KeyKind], at: usize, bucket: &Bucket<'_>, schema: &Schema) -> Option<Self> {
        let kind = *kinds.get(at)?;
        let Key::Parts(parts) = &bucket.key else { return None };
        let needed = kind.roles().len();
        if parts.iter().rev().take(needed).any(Option::is_none) {
            return None;
        }
        let part = |(field, part): (Field, &Option<String>)| match part {
            Some(value) => Filter::is(field, value.as_str()),
            None => Filter::Exists(field).negated(),
        };
        let filter = kind.fields(schema).into_iter().zip(parts).map(part).fold(without(kinds.get(..at)?), Filter::and);
        let texts: Vec<&str> = parts.iter().map(|part| part.as_deref().unwrap_or("")).collect();
        let key = match kind {
            KeyKind::Code if texts.len() == 1 => format!("\t{}", texts.join("\t")),
            KeyKind::Code => texts.join("\t"),
            KeyKind::Template | KeyKind::Place | KeyKind::Caller => texts.join("#"),
        };
        Some(Self { kind, key, count: bucket.count, filter })
    }
}

/// How the lines of some keys read, by the place of the key.
pub(super) fn examples(keys: &[Counted], fetch: impl IntoIterator<Item = Role>) -> Agg {
    let filters = keys.iter().enumerate().map(|(at, key)| (at.to_string(), key.filter.clone())).collect();
    let newest = Agg::Top { size: EXAMPLES, order: Order::Newest, fetch: fetch.into_iter().map(Field::from).collect() };
    Agg::Filters(filters, Vec::new())
        .with("level", Agg::terms(Role::Level, 5))
        .with("service", Agg::terms(Role::Service, 5))
        .with("newest", newest)
}
