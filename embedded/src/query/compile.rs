//! From the tools' queries to plans: names become fields, values are read as the fields' types. Knows no part.

use std::{
    net::IpAddr,
    ops::{Bound, RangeBounds},
    sync::Arc,
};

use elk_mcp_tools::dsl::{Query, Range, Scalar};

use super::{
    Interval, Number, Plan,
    texts::{self, TextTest},
    tokens::TokenTest,
};
use crate::{
    analysis,
    failure::Failure,
    mapping::{Field, Kind, Mapping, Raw, read_date},
};

/// What a query is compiled against.
pub(crate) struct Target<'a> {
    pub(crate) mapping: &'a Mapping,
    /// The index's names: its own first, then its aliases and data streams.
    pub(crate) names: &'a [String],
}

/// Compiles a query. A field that the index does not have matches nothing.
pub(crate) fn compile(query: &Query, target: &Target<'_>) -> Result<Plan, Failure> {
    let all = |queries: &[Query]| queries.iter().map(|query| compile(query, target)).collect::<Result<Vec<_>, _>>();
    match query {
        Query::All => Ok(Plan::All),
        Query::Nothing => Ok(Plan::Nothing),
        Query::Term { field, value, case_insensitive } => {
            if *case_insensitive {
                on_text(field, target, TextTest::Folded(value.to_string()), |field| term(field, std::slice::from_ref(value)))
            } else {
                terms(field, std::slice::from_ref(value), target)
            }
        }
        Query::Terms { field, values } => terms(field, values, target),
        Query::Prefix { field, value, case_insensitive } => {
            let test = if *case_insensitive { TextTest::FoldedPrefix(value.clone()) } else { TextTest::Prefix(value.clone()) };
            on_text(field, target, test, |field| {
                Err(Failure::query(format!(
                    "Can only use prefix queries on keyword, text and wildcard fields - not on [{}] which is of type [{}]",
                    field.name, field.type_name
                )))
            })
        }
        Query::Match { field, text } => match target.mapping.field(field) {
            Some(found) if found.kind == Kind::Text => {
                let tokens = analysis::tokens(text);
                Ok(if tokens.is_empty() { Plan::Nothing } else { Plan::Tokens(Arc::clone(found), TokenTest::All(tokens)) })
            }
            _ => terms(field, &[Scalar::Text(text.clone())], target),
        },
        Query::Phrase { field, text, prefix } => match target.mapping.field(field) {
            Some(found) if found.kind == Kind::Text => {
                Ok(TokenTest::phrase(analysis::tokens(text), *prefix).map_or(Plan::Nothing, |test| Plan::Tokens(Arc::clone(found), test)))
            }
            Some(found) if *prefix => Err(Failure::query(format!(
                "Can only use phrase prefix queries on text fields - not on [{}] which is of type [{}]",
                found.name, found.type_name
            ))),
            _ => terms(field, &[Scalar::Text(text.clone())], target),
        },
        Query::Range { field, range } => range_of(field, range, target),
        Query::Exists { field } => Ok(match field.as_str() {
            "_index" | "_id" | "_seq_no" | "_source" => Plan::All,
            _ => Plan::Present(target.mapping.fields_within(field).into_iter().map(Arc::clone).collect()),
        }),
        Query::Ids(ids) => Ok(Plan::Ids(ids.clone())),
        Query::Bool { filter, should, must_not } => {
            let mut plans = all(filter)?;
            if !should.is_empty() {
                plans.push(Plan::AnyOf(all(should)?));
            }
            plans.extend(all(must_not)?.into_iter().map(|plan| Plan::Not(Box::new(plan))));
            Ok(Plan::AllOf(plans))
        }
    }
}

/// Whether the query names other indices only. Engines pass over the shards of such an index, so that nothing that its
/// fields cannot do counts as a failure.
pub(crate) fn excludes(query: &Query, target: &Target<'_>) -> bool {
    match query {
        Query::Nothing => true,
        Query::Terms { field, values } if field == "_index" => !is_named(values, target),
        Query::Bool { filter, must_not, .. } => {
            filter.iter().any(|query| excludes(query, target))
                || must_not
                    .iter()
                    .any(|query| matches!(query, Query::Terms { field, values } if field == "_index" && is_named(values, target)))
        }
        _ => false,
    }
}

/// Whether one of these names or patterns means the index.
fn is_named(values: &[Scalar], target: &Target<'_>) -> bool {
    values.iter().any(|value| {
        let value = value.to_string();
        target.names.iter().any(|name| *name == value || crate::catalog::matches(&value, name))
    })
}

fn constant(matches: bool) -> Plan {
    if matches { Plan::All } else { Plan::Nothing }
}

fn terms(field: &str, values: &[Scalar], target: &Target<'_>) -> Result<Plan, Failure> {
    match field {
        "_index" => Ok(constant(is_named(values, target))),
        "_id" => Ok(Plan::Ids(values.iter().map(Scalar::to_string).collect())),
        _ => target.mapping.field(field).map_or(Ok(Plan::Nothing), |field| term(field, values)),
    }
}

/// Any of these exact values of a field.
fn term(field: &Arc<Field>, values: &[Scalar]) -> Result<Plan, Failure> {
    let field = Arc::clone(field);
    match &field.kind {
        Kind::Keyword | Kind::Constant(_) => Ok(Plan::Texts(field, TextTest::Exact(values.iter().map(Scalar::to_string).collect()))),
        Kind::Text => Ok(Plan::Tokens(field, TokenTest::Any(values.iter().map(Scalar::to_string).collect()))),
        Kind::Ip => {
            let mut plans = Vec::with_capacity(values.len());
            for value in values {
                let text = value.to_string();
                let (low, high) = match texts::block(&text) {
                    Some(block) => block,
                    None => address(&text).map(|ip| (ip, ip))?,
                };
                let test = if low == high {
                    TextTest::Exact(vec![crate::mapping::canonical(low)])
                } else {
                    TextTest::Addresses(Bound::Included(low), Bound::Included(high))
                };
                plans.push(Plan::Texts(Arc::clone(&field), test));
            }
            Ok(Plan::AnyOf(plans))
        }
        Kind::Integer | Kind::Unsigned | Kind::Float | Kind::Scaled(_) => {
            let intervals = values.iter().map(|value| number(value).map(Interval::only)).collect::<Result<_, _>>()?;
            Ok(Plan::Numbers(field, intervals))
        }
        Kind::Boolean => {
            let values = values.iter().map(boolean).collect::<Result<_, _>>()?;
            Ok(Plan::Booleans(field, values))
        }
        Kind::Date(format) => {
            let intervals = values.iter().map(|value| {
                let span = read_date(&raw(value), *format).ok_or_else(|| Failure::query(no_date(&field, value).reason))?;
                Ok(Interval::between(span.first, span.last))
            });
            Ok(Plan::Numbers(Arc::clone(&field), intervals.collect::<Result<_, Failure>>()?))
        }
        Kind::Opaque => Err(Failure::query(format!("field [{}] of type [{}] does not support searching", field.name, field.type_name))),
    }
}

/// A test of strings on a keyword, on each token of a text, or on the index's name; another field is `otherwise`.
fn on_text(
    field: &str,
    target: &Target<'_>,
    test: TextTest,
    otherwise: impl Fn(&Arc<Field>) -> Result<Plan, Failure>,
) -> Result<Plan, Failure> {
    if field == "_index" {
        return Ok(constant(target.names.iter().any(|name| test.matches(name))));
    }
    let Some(found) = target.mapping.field(field) else { return Ok(Plan::Nothing) };
    match &found.kind {
        Kind::Keyword | Kind::Constant(_) => Ok(Plan::Texts(Arc::clone(found), test)),
        Kind::Text => Ok(Plan::Tokens(Arc::clone(found), TokenTest::Passing(test))),
        _ => otherwise(found),
    }
}

fn range_of(field: &str, range: &Range, target: &Target<'_>) -> Result<Plan, Failure> {
    if field == "_index" || field == "_id" {
        return Err(Failure::query(format!("Field [{field}] of type [{field}] does not support range queries")));
    }
    let Some(found) = target.mapping.field(field) else { return Ok(Plan::Nothing) };
    let field = Arc::clone(found);
    match &found.kind {
        Kind::Keyword | Kind::Constant(_) => {
            let (low, high) = bounds(range, |value| Ok(value.to_string()))?;
            Ok(Plan::Texts(field, TextTest::Range(low, high)))
        }
        Kind::Text => {
            let (low, high) = bounds(range, |value| Ok(value.to_string()))?;
            Ok(Plan::Tokens(field, TokenTest::range(low, high)))
        }
        Kind::Ip => {
            let (low, high) = bounds(range, |value| address(&value.to_string()))?;
            Ok(Plan::Texts(field, TextTest::Addresses(low, high)))
        }
        Kind::Integer | Kind::Unsigned | Kind::Float | Kind::Scaled(_) => {
            let (low, high) = bounds(range, number)?;
            Ok(Plan::Numbers(field, vec![Interval { low, high }]))
        }
        Kind::Date(format) => {
            // What a bound leaves open is rounded as the engine rounds it: `gt` and `lte` to its end, `gte` and `lt` to its start.
            let span = |value: &Scalar| read_date(&raw(value), *format).ok_or_else(|| no_date(&field, value));
            let (mut low, mut high) = (i64::MIN, i64::MAX);
            if let Some(value) = &range.gte {
                low = low.max(span(value)?.first);
            }
            if let Some(value) = &range.gt {
                low = low.max(span(value)?.last.saturating_add(1));
            }
            if let Some(value) = &range.lte {
                high = high.min(span(value)?.last);
            }
            if let Some(value) = &range.lt {
                high = high.min(span(value)?.first.saturating_sub(1));
            }
            Ok(Plan::Numbers(Arc::clone(&field), vec![Interval::between(low, high)]))
        }
        Kind::Boolean => {
            let (low, high) = bounds(range, boolean)?;
            let wanted = [false, true].into_iter().filter(|value| (low, high).contains(value)).collect();
            Ok(Plan::Booleans(field, wanted))
        }
        Kind::Opaque => Err(Failure::query(format!("Field [{}] of type [{}] does not support range queries", found.name, found.type_name))),
    }
}

fn bounds<T>(range: &Range, read: impl Fn(&Scalar) -> Result<T, Failure>) -> Result<(Bound<T>, Bound<T>), Failure> {
    let low = match (&range.gte, &range.gt) {
        (Some(value), _) => Bound::Included(read(value)?),
        (None, Some(value)) => Bound::Excluded(read(value)?),
        (None, None) => Bound::Unbounded,
    };
    let high = match (&range.lte, &range.lt) {
        (Some(value), _) => Bound::Included(read(value)?),
        (None, Some(value)) => Bound::Excluded(read(value)?),
        (None, None) => Bound::Unbounded,
    };
    Ok((low, high))
}

fn raw(value: &Scalar) -> Raw<'_> {
    match value {
        Scalar::Text(text) => Raw::Text(text.as_str().into()),
        Scalar::Int(value) => Raw::Int(*value),
        Scalar::Unsigned(value) => Raw::Unsigned(*value),
        Scalar::Float(value) => Raw::Float(*value),
        Scalar::Bool(value) => Raw::Bool(*value),
    }
}

fn number(value: &Scalar) -> Result<Number, Failure> {
    Number::read(&raw(value)).ok_or_else(|| Failure::query(format!("For input string: \"{value}\"")))
}

fn boolean(value: &Scalar) -> Result<bool, Failure> {
    match value {
        Scalar::Bool(value) => Ok(*value),
        Scalar::Text(text) if text == "true" => Ok(true),
        Scalar::Text(text) if text == "false" || text.is_empty() => Ok(false),
        other => Err(Failure::query(format!("Can't parse boolean value [{other}], expected [true] or [false]"))),
    }
}

fn address(text: &str) -> Result<IpAddr, Failure> {
    text.parse().map_err(|_| Failure::query(format!("'{text}' is not an IP string literal.")))
}

fn no_date(field: &Field, value: &Scalar) -> Failure {
    Failure { kind: "parse_exception", reason: format!("failed to parse date field [{value}] of [{}]", field.name) }
}
