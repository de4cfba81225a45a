//! Conditions on one field, whoever wrote them: times, durations and levels are read as what they are. Knows no syntax.

use jiff::Timestamp;

use super::{Level, Text, TimeSpan, text::shown, time};
use crate::{
    dsl::{Range, Scalar},
    error::{Code, ToolError},
    look::{Field, Filter},
    params::Moment,
    schema::Role,
};

/// How a value is compared with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}

/// The field has one of these values.
pub(super) fn is(field: &Field, values: Vec<Scalar>, now: Timestamp) -> Result<Filter, ToolError> {
    match field {
        Field::Role(Role::Time) => {
            let mut moments = values
                .iter()
                .map(|value| {
                    let time = moment(field, value, now)?;
                    let range = Range { gte: Some(time.clone()), lte: Some(time), is_time: true, ..Range::default() };
                    Ok(Filter::Range(field.clone(), range))
                })
                .collect::<Result<Vec<_>, ToolError>>()?;
            Ok(if moments.len() == 1 { moments.swap_remove(0) } else { Filter::Or(moments) })
        }
        Field::Role(Role::Duration) => {
            Ok(Filter::Is(field.clone(), values.into_iter().map(|value| milliseconds(field, value)).collect::<Result<_, _>>()?))
        }
        Field::Role(Role::Level) => {
            let words = values.iter().map(|value| level_words(&value.to_string())).collect::<Option<Vec<_>>>();
            // A word that is on no scale may still be stored verbatim.
            Ok(words.map_or_else(|| Filter::Is(field.clone(), values), |levels| Filter::Levels(union(levels))))
        }
        field if is_text(field) => {
            let phrase = |value: &Scalar| Filter::Phrase { field: field.clone(), text: value.to_string(), prefix: false };
            let mut phrases: Vec<Filter> = values.iter().map(phrase).collect();
            Ok(if phrases.len() == 1 { phrases.swap_remove(0) } else { Filter::Or(phrases) })
        }
        Field::Role(_) | Field::Named(_) => Ok(Filter::Is(field.clone(), values)),
    }
}

/// Whether a field holds sentences: there a value is some words of it, also where the index could compare the whole.
pub(super) fn is_text(field: &Field) -> bool {
    const TEXTS: [Role; 3] = [Role::Message, Role::ErrorMessage, Role::Stack];
    match field {
        Field::Role(role) => TEXTS.contains(role),
        Field::Named(name) => TEXTS.iter().any(|role| role.candidates().iter().any(|candidate| candidate.name == name)),
    }
}

/// Reads `error` as that level, `error+` as that and worse.
pub(super) fn level_words(word: &str) -> Option<Vec<Level>> {
    match word.trim().strip_suffix('+') {
        Some(least) => Level::parse(least).map(|least| least.and_worse().collect()),
        None => Level::parse(word).map(|level| vec![level]),
    }
}

/// The levels of all lists, ascending, each once.
pub(super) fn union(lists: Vec<Vec<Level>>) -> Vec<Level> {
    Level::ALL.into_iter().filter(|level| lists.iter().any(|list| list.contains(level))).collect()
}

/// The field meets all of these bounds.
pub(super) fn compare(field: Field, bounds: Vec<(Comparison, Scalar)>, now: Timestamp) -> Result<Filter, ToolError> {
    if field == Field::Role(Role::Level) {
        return levels(&bounds);
    }
    let mut range = Range::default();
    for (comparison, value) in bounds {
        let value = match &field {
            Field::Role(Role::Time) => {
                range.is_time = true;
                moment(&field, &value, now)?
            }
            Field::Role(Role::Duration) => milliseconds(&field, value)?,
            // The present is known here only: any other date is left to the type of the field.
            Field::Role(_) | Field::Named(_) => match &value {
                Scalar::Text(text) if text.starts_with("now") => match time::parse(text, now) {
                    Some(time) => {
                        range.is_time = true;
                        Scalar::Text(time.to_string())
                    }
                    None => value,
                },
                _ => value,
            },
        };
        match comparison {
            Comparison::Greater => range.gt = Some(value),
            Comparison::GreaterOrEqual => range.gte = Some(value),
            Comparison::Less => range.lt = Some(value),
            Comparison::LessOrEqual => range.lte = Some(value),
        }
    }
    Ok(Filter::Range(field, range))
}

fn levels(bounds: &[(Comparison, Scalar)]) -> Result<Filter, ToolError> {
    let mut levels = Level::ALL.to_vec();
    for (comparison, value) in bounds {
        let bound = Level::parse(&value.to_string()).ok_or_else(|| unknown_level(&value.to_string()))?;
        levels.retain(|level| match comparison {
            Comparison::Greater => *level > bound,
            Comparison::GreaterOrEqual => *level >= bound,
            Comparison::Less => *level < bound,
            Comparison::LessOrEqual => *level <= bound,
        });
    }
    Ok(if levels.is_empty() { Filter::Nothing } else { Filter::Levels(levels) })
}

/// The error for a word that is no level.
pub(super) fn unknown_level(word: &str) -> ToolError {
    let words = Level::ALL.map(Level::as_str).join(", ");
    ToolError::new(
        Code::BadArgument,
        format!("`{}` is no level", shown(word)),
        format!("the levels are {words}; `error+` means error and worse"),
    )
}

fn moment(field: &Field, value: &Scalar, now: Timestamp) -> Result<Scalar, ToolError> {
    let text = value.to_string();
    let moment = Text::new(&text).map_err(|why| ToolError::new(Code::BadTime, format!("`{}`: {why}", field.name()), Moment::EXAMPLES))?;
    Ok(Scalar::Text(Moment::from(moment).resolve(field.name(), now)?.to_string()))
}

fn milliseconds(field: &Field, value: Scalar) -> Result<Scalar, ToolError> {
    let Scalar::Text(text) = &value else { return Ok(value) };
    if let Ok(number) = text.trim().parse::<f64>()
        && number.is_finite()
    {
        return Ok(Scalar::Float(number));
    }
    TimeSpan::parse(text).map(|span| Scalar::Float(span.milliseconds())).ok_or_else(|| {
        ToolError::new(
            Code::BadTime,
            format!("`{}` is `{}`, which is no length of time", field.name(), shown(text)),
            "write a number of milliseconds, or `500ms`, `2s`, `1m30s`",
        )
    })
}
