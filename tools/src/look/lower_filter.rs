//! Conditions in terms of roles, lowered to queries on the fields of one group.

use std::collections::BTreeSet;

use super::{
    Field, Filter,
    fit::{beginning, exactly, fit, fit_one, no_text, unsearchable, within},
};
use crate::{
    dsl::{Query, Range, Scalar},
    error::{Code, ToolError},
    params::{Level, Window},
    schema::{FieldInfo, Group, Kind, Role, span_forms, trace_forms},
};

/// Lowers conditions for one group and notes what does not fit it.
pub(super) struct Lowering<'a> {
    group: &'a Group,
    /// Fields that the group does not have.
    pub(super) unknown: Vec<Field>,
    /// A value that does not fit its field's type.
    pub(super) mismatch: Option<ToolError>,
    /// What was not searched though it is there, for the reader of the answer.
    pub(super) notes: BTreeSet<String>,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(group: &'a Group) -> Self {
        Self { group, unknown: Vec::new(), mismatch: None, notes: BTreeSet::new() }
    }

    /// The time is in the window.
    pub(super) fn time(&mut self, window: &Window) -> Query {
        let Some(field) = self.group.field(&Field::Role(Role::Time)) else { return Query::Nothing };
        let range = match field.epoch {
            None => Range {
                gte: Some(Scalar::Text(window.start().to_string())),
                lt: Some(Scalar::Text(window.end().to_string())),
                is_time: true,
                ..Range::default()
            },
            Some(unit) if field.kind == Kind::Float => Range {
                gte: Some(Scalar::Float(unit.fraction_from(window.start()))),
                lt: Some(Scalar::Float(unit.fraction_from(window.end()))),
                ..Range::default()
            },
            Some(unit) => Range {
                gte: Some(Scalar::Int(unit.number_from(window.start()))),
                lt: Some(Scalar::Int(unit.number_from(window.end()))),
                ..Range::default()
            },
        };
        Query::Range { field: field.name.clone(), range }
    }

    pub(super) fn filter(&mut self, filter: &Filter) -> Query {
        match filter {
            Filter::All => Query::All,
            Filter::Nothing => Query::Nothing,
            Filter::Is(field, values) => self.is(field, values),
            Filter::Id(field, forms) => self.each(field, |info| {
                let forms = forms.iter().map(|form| Scalar::from(form.as_str()));
                // Digits that a number would not be written with (007) are another id.
                let canonical = |(form, value): &(Scalar, Scalar)| !info.kind.is_number() || form.to_string() == value.to_string();
                let fitting = forms.filter_map(|form| fit_one(info, &form).map(|value| (form, value))).filter(canonical);
                exactly_any(info, &fitting.map(|(_, value)| value).collect::<Vec<_>>())
            }),
            Filter::Levels(levels) => self.levels(levels),
            Filter::Words(field, text) => self.each_fitting(field, |info| words(info, text)),
            Filter::Phrase { field, text, prefix } => self.each_fitting(field, |info| phrase(info, text, *prefix)),
            Filter::AnyText(text) => self.any(|info| words(info, text).unwrap_or(Query::Nothing)),
            Filter::AnyPhrase { text, prefix } => self.any(|info| phrase(info, text, *prefix).unwrap_or(Query::Nothing)),
            Filter::Prefix(Field::Role(Role::Level), value) => self.level_prefix(value),
            Filter::Prefix(field, value) => self.each_fitting(field, |info| beginning(info, value)),
            Filter::Range(Field::Role(Role::Time), range) => self.time_range(range),
            Filter::Range(field, range) => self.range(field, range),
            Filter::Time(window) => self.time(window),
            Filter::Contains(field, text) => self.contains(field, text),
            Filter::Exists(field) => self.each_fitting(field, |info| match info.kind {
                Kind::Nested => Err(unsearchable(info)),
                _ => Ok(Query::Exists { field: info.name.clone() }),
            }),
            Filter::Groupable(fields) => Query::all_of(fields.iter().map(|field| self.groupable(field)).collect()),
            Filter::Indices(names) => {
                Query::Terms { field: "_index".to_owned(), values: names.iter().map(|name| Scalar::from(name.as_str())).collect() }
            }
            Filter::Document { index, id } => Query::all_of(vec![Query::term("_index", index.as_str()), Query::Ids(vec![id.clone()])]),
            Filter::Failed => self.failed(),
            Filter::And(list) => Query::all_of(list.iter().map(|filter| self.filter(filter)).collect()),
            Filter::Or(list) => Query::any_of(list.iter().map(|filter| self.filter(filter)).collect()),
            Filter::Not(inner) => self.filter(inner).negated(),
        }
    }

    /// The condition on any of the fields in which a value may lie.
    fn each(&mut self, field: &Field, query: impl Fn(&FieldInfo) -> Query) -> Query {
        let fields = self.group.fields(field);
        if fields.is_empty() {
            self.unknown.push(field.clone());
            return Query::Nothing;
        }
        Query::any_of(fields.iter().map(query).collect())
    }

    /// The condition on those of the fields whose type can hold the value; a mismatch where none can.
    fn each_fitting(&mut self, field: &Field, query: impl Fn(&FieldInfo) -> Result<Query, ToolError>) -> Query {
        let fields = self.group.fields(field);
        if fields.is_empty() {
            self.unknown.push(field.clone());
            return Query::Nothing;
        }
        let group = self.group;
        self.notes.extend(fields.iter().filter(|info| info.kind == Kind::Nested).map(|info| told(group, &unsearchable(info).message)));
        let (fitting, mut misfits): (Vec<_>, Vec<_>) = fields.iter().map(query).partition(Result::is_ok);
        if fitting.is_empty() {
            self.mismatch = misfits.pop().and_then(Result::err).or(self.mismatch.take());
        }
        Query::any_of(fitting.into_iter().flatten().collect())
    }

    /// The words are in the text, in this order. What has whole values only is told rather than compared.
    fn contains(&mut self, field: &Field, text: &str) -> Query {
        let query = |info: &FieldInfo| if info.analysed().is_some() { phrase(info, text, false) } else { Err(no_text(info)) };
        let group = self.group;
        let without = group.fields(field).iter().filter(|info| info.analysed().is_none());
        self.notes.extend(without.map(|info| told(group, &no_text(info).message)));
        self.each_fitting(field, query)
    }

    /// The field has a value that documents can be grouped by.
    fn groupable(&self, field: &Field) -> Query {
        let name = self.group.field(field).and_then(FieldInfo::groupable);
        name.map_or(Query::Nothing, |name| Query::Exists { field: name.to_owned() })
    }

    /// The condition on message, error message or stack trace, whichever are there.
    fn any(&mut self, query: impl Fn(&FieldInfo) -> Query) -> Query {
        let roles = [Role::Message, Role::ErrorMessage, Role::Stack];
        let group = self.group;
        let keyword = group.field(&Field::Role(Role::Message)).filter(|info| info.analysed().is_none());
        self.notes
            .extend(keyword.map(|info| told(group, &format!("`{}` is {}: words match whole values only", info.name, info.kind.word()))));
        let fields: Vec<&FieldInfo> = roles.iter().flat_map(|role| self.group.fields(&Field::Role(*role))).collect();
        if fields.is_empty() {
            // Spans have a name in place of a message.
            let name = self.group.fields(&Field::Role(Role::SpanName));
            return Query::any_of(name.iter().map(query).collect());
        }
        Query::any_of(fields.into_iter().map(query).collect())
    }

    fn is(&mut self, field: &Field, values: &[Scalar]) -> Query {
        match field {
            Field::Role(Role::Level) => {
                let words: Option<Vec<Level>> = values.iter().map(|value| Level::parse(&value.to_string())).collect();
                match words {
                    Some(levels) => self.levels(&levels),
                    None => self.each(field, |info| exactly(info, values, true)),
                }
            }
            Field::Role(Role::TraceId) => self.ids(field, values, trace_forms),
            Field::Role(Role::SpanId | Role::ParentSpanId) => self.ids(field, values, span_forms),
            Field::Role(Role::Time) => {
                let first = values.first().map(ToString::to_string);
                let range = Range { gte: first.clone().map(Scalar::Text), lte: first.map(Scalar::Text), ..Range::default() };
                self.time_range(&range)
            }
            Field::Role(Role::Duration) => {
                let queries = values.iter().map(|value| {
                    Filter::Range(field.clone(), Range { gte: Some(value.clone()), lte: Some(value.clone()), ..Range::default() })
                });
                Query::any_of(queries.collect::<Vec<_>>().iter().map(|filter| self.filter(filter)).collect())
            }
            _ => self.each_fitting(field, |info| fit(info, values).map(|values| exactly(info, &values, false))),
        }
    }

    /// The level's word begins so, in any case: `warn*`.
    fn level_prefix(&mut self, value: &str) -> Query {
        let value = value.to_ascii_lowercase();
        let mut levels: Vec<Level> = Level::ALL.into_iter().filter(|level| level.as_str().starts_with(&value)).collect();
        if levels.is_empty() {
            levels.extend(Level::ALL.into_iter().filter(|level| level.spellings().iter().any(|word| word.starts_with(&value))));
        }
        if levels.is_empty() {
            return self.each_fitting(&Field::Role(Role::Level), |info| beginning(info, &value));
        }
        self.levels(&levels)
    }

    fn ids(&mut self, field: &Field, values: &[Scalar], forms: impl Fn(&str) -> Vec<String>) -> Query {
        let forms: Vec<Scalar> = values.iter().flat_map(|value| forms(&value.to_string())).map(Scalar::Text).collect();
        self.each(field, |info| exactly_any(info, &forms.iter().filter_map(|form| fit_one(info, form)).collect::<Vec<_>>()))
    }

    fn levels(&mut self, levels: &[Level]) -> Query {
        self.each(&Field::Role(Role::Level), |info| match info.level_scale {
            Some(scale) if info.kind.is_number() => Query::any_of(
                levels
                    .iter()
                    .filter_map(|level| scale.range(*level))
                    .map(|(low, high)| Query::Range {
                        field: info.name.clone(),
                        range: Range { gte: Some(Scalar::Int(low)), lte: Some(Scalar::Int(high)), ..Range::default() },
                    })
                    .collect(),
            ),
            _ => {
                let spellings = levels.iter().flat_map(|level| level.spellings());
                match info.exact() {
                    Some(exact) => {
                        let words: BTreeSet<String> = spellings.flat_map(|word| spelled(word)).collect();
                        let values = words.into_iter().map(Scalar::Text).collect();
                        Query::Terms { field: exact.to_owned(), values }
                    }
                    None => {
                        Query::any_of(spellings.map(|word| Query::Match { field: info.name.clone(), text: (*word).to_owned() }).collect())
                    }
                }
            }
        })
    }

    fn failed(&mut self) -> Query {
        let mut any = Vec::new();
        let has = |role: Role| self.group.field(&Field::Role(role)).is_some();
        let (level, status, outcome) = (has(Role::Level), has(Role::Status), has(Role::Outcome));
        if level {
            any.push(self.levels(&[Level::Error, Level::Fatal]));
        }
        if status {
            let range = Range { gte: Some(Scalar::Int(500)), lte: Some(Scalar::Int(599)), ..Range::default() };
            any.push(self.range(&Field::Role(Role::Status), &range));
        }
        if outcome {
            let words = ["failure", "Failure", "FAILURE", "error", "Error", "ERROR", "failed", "STATUS_CODE_ERROR", "2"];
            any.push(self.is(&Field::Role(Role::Outcome), &words.map(Scalar::from)));
        }
        Query::any_of(any)
    }

    fn time_range(&mut self, range: &Range) -> Query {
        let Some(field) = self.group.field(&Field::Role(Role::Time)) else { return Query::Nothing };
        let mut misread = None;
        let mut bound = |bound: &Option<Scalar>| {
            let value = bound.as_ref()?;
            match (field.epoch, value.to_string().parse::<jiff::Timestamp>()) {
                (_, Err(error)) => {
                    misread = Some(ToolError::new(
                        Code::BadTime,
                        format!("`{value}` is no time: {error}"),
                        "write times as 2026-03-25T14:52:57Z",
                    ));
                    None
                }
                (None, Ok(time)) => Some(Scalar::Text(time.to_string())),
                (Some(unit), Ok(time)) if field.kind == Kind::Float => Some(Scalar::Float(unit.fraction_from(time))),
                (Some(unit), Ok(time)) => Some(Scalar::Int(unit.number_from(time))),
            }
        };
        let lowered = Range {
            gt: bound(&range.gt),
            gte: bound(&range.gte),
            lt: bound(&range.lt),
            lte: bound(&range.lte),
            is_time: field.epoch.is_none(),
        };
        if let Some(error) = misread {
            self.mismatch = Some(error);
            return Query::Nothing;
        }
        Query::Range { field: field.name.clone(), range: lowered }
    }

    fn range(&mut self, field: &Field, range: &Range) -> Query {
        self.each_fitting(field, |info| within(info, range))
    }
}

/// What holds only for this group.
fn told(group: &Group, what: &str) -> String {
    let more = if group.indices.len() > 1 { ", …" } else { "" };
    format!("in {}{more}: {what}", group.indices.first().map_or("", String::as_str))
}

/// A word as loggers write it.
fn spelled(word: &str) -> [String; 3] {
    let mut capital = word.to_owned();
    if let Some(first) = capital.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    [word.to_owned(), word.to_ascii_uppercase(), capital]
}

fn exactly_any(info: &FieldInfo, values: &[Scalar]) -> Query {
    if values.is_empty() { Query::Nothing } else { exactly(info, values, false) }
}

fn words(info: &FieldInfo, text: &str) -> Result<Query, ToolError> {
    Ok(match info.analysed() {
        Some(field) => Query::Match { field: field.to_owned(), text: text.to_owned() },
        None if info.kind == Kind::Keyword => Query::Term { field: info.name.clone(), value: Scalar::from(text), case_insensitive: true },
        None => exactly(info, &fit(info, &[Scalar::from(text)])?, false),
    })
}

fn phrase(info: &FieldInfo, text: &str, prefix_last: bool) -> Result<Query, ToolError> {
    match info.analysed() {
        Some(field) => Ok(Query::Phrase { field: field.to_owned(), text: text.to_owned(), prefix: prefix_last }),
        None if prefix_last => beginning(info, text),
        None => words(info, text),
    }
}
