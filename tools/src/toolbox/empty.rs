//! Why nothing was found: which condition killed the result, how fresh the data is, and what was probably meant.

use jiff::{SignedDuration, Timestamp};

use crate::{
    answer::{Answer, Hint},
    dsl::Scalar,
    error::ToolError,
    look::{Agg, Field, Filter, Found, Look, Outcome, Total},
    params::Window,
    schema::Role,
    tool::{Ask, Conditions, Context, Step, Told},
};

/// More conditions than this are not left out one by one.
const MAX_CLAUSES: usize = 8;

/// Up to this many indices are each told their newest document.
const MAX_INDICES: usize = 6;

/// A shorter beginning says nothing of the rest.
const SHORTEST_BEGINNING: usize = 3;

/// Values of a field that are compared with a value that does not occur.
const MAX_VALUES: u32 = 200;

/// Asks, in one round trip: the search without each of its conditions, without its window, and how new the data is.
pub(super) fn explain(answer: Answer, conditions: Conditions, context: &Context) -> Result<Step, ToolError> {
    let Conditions { tool, window, clauses, schema } = conditions;
    let tried = clauses.len().min(MAX_CLAUSES);
    let mut looks: Vec<Look> = Vec::new();
    for left_out in 0..tried {
        looks.push(Look::new(without(&clauses, left_out), window));
    }
    looks.push(dated(all(&clauses), None));
    looks.iter_mut().for_each(|look| look.schema.clone_from(&schema));
    looks.push(dated(Filter::All, window));
    let indices: Vec<String> = if context.schema.indices.len() <= MAX_INDICES { context.schema.indices.clone() } else { Vec::new() };
    for index in &indices {
        looks.push(dated(Filter::Indices(vec![index.clone()]), None));
    }
    if indices.is_empty() {
        looks.push(dated(Filter::All, None));
    }
    // Values near those that do not occur are worth a look only for conditions of one value.
    let valued: Vec<(usize, Field)> =
        clauses.iter().take(tried).enumerate().filter_map(|(n, (_, filter))| Some((n, compared(filter, context)?))).collect();
    for (number, field) in &valued {
        looks.push(Look::new(without(&clauses, *number), window).agg("values", Agg::terms(field.clone(), MAX_VALUES)));
    }
    Step::ask(looks.into_iter().map(|look| Ask::Look(Box::new(look))).collect(), move |told, context| {
        let found = match told.into_iter().map(Told::found).collect::<Result<Vec<_>, _>>() {
            Ok(found) => found,
            // That nothing was found holds all the same.
            Err(error) => {
                return Step::done(answer.note(format!("why nothing was found could not be looked into: {}", error.code.as_str())));
            }
        };
        let mut found = found.into_iter();
        let counts: Vec<Total> = found.by_ref().take(tried).map(|found| found.total).collect();
        let ever = found.next().unwrap_or_default();
        let in_window = found.next().unwrap_or_default();
        let newest: Vec<Found<'_>> = found.by_ref().take(indices.len().max(1)).collect();
        let mut answer = answer;
        for ((written, _), count) in clauses.iter().zip(&counts).filter(|(_, count)| count.value > 0) {
            answer = answer.note(format!("without {written}: {count} documents match"));
        }
        if clauses.len() > 1 && in_window.total.value > 0 && counts.iter().all(|count| count.value == 0) {
            answer = answer.note(format!(
                "no single condition is the reason: two or more of them match nothing in this window, which holds {} documents",
                in_window.total.value
            ));
        }
        answer = nearest(answer, &clauses, &valued, found, window);
        for word in clauses.iter().flat_map(|(_, filter)| assignments(filter)) {
            let (name, value) = word.split_once('=').unwrap_or_default();
            if context.schema.has(Field::parse(name)) {
                let field = format!("{name}:{}", value.trim_start_matches('='));
                answer = answer.note(format!("`{word}` was looked for in the text of messages; for the field write `{field}`"));
            }
        }
        answer = elsewhere(answer, tool, &ever, &clauses, window);
        if in_window.total.value == 0 && window.is_some() {
            answer = answer.note("the indices have no document at all in this window");
        }
        Step::done(freshness(answer, &indices, &newest, context.now))
    })
}

fn all(clauses: &[(String, Filter)]) -> Filter {
    clauses.iter().fold(Filter::All, |filter, (_, clause)| filter.and(clause.clone()))
}

fn without(clauses: &[(String, Filter)], left_out: usize) -> Filter {
    let others = clauses.iter().enumerate().filter(|(number, _)| *number != left_out);
    others.fold(Filter::All, |filter, (_, (_, clause))| filter.and(clause.clone()))
}

fn dated(filter: Filter, window: Option<Window>) -> Look {
    Look::new(filter, window).agg("oldest", Agg::Min(Role::Time.into())).agg("newest", Agg::Max(Role::Time.into()))
}

/// Words such as `status=500`, which may be meant as a field and its value.
fn assignments(filter: &Filter) -> Vec<&str> {
    match filter {
        Filter::AnyText(text) => {
            text.split_whitespace().filter(|word| word.split_once('=').is_some_and(|(name, _)| !name.is_empty())).collect()
        }
        Filter::And(list) | Filter::Or(list) => list.iter().flat_map(assignments).collect(),
        Filter::Not(inner) => assignments(inner),
        _ => Vec::new(),
    }
}

/// The field that a condition compares with text.
fn compared(filter: &Filter, context: &Context) -> Option<Field> {
    let field = match filter {
        Filter::Is(field, _) | Filter::Prefix(field, _) => field.clone(),
        Filter::Levels(_) => Field::Role(Role::Level),
        _ => return None,
    };
    context.schema.need_groupable(&field).is_ok().then_some(field)
}

fn wanted(filter: &Filter) -> Vec<String> {
    match filter {
        Filter::Is(_, values) => values.iter().map(Scalar::to_string).collect(),
        Filter::Prefix(_, value) => vec![value.clone()],
        Filter::Levels(levels) => levels.iter().map(|level| level.as_str().to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// Tells the values that come nearest to one that does not occur.
fn nearest<'a>(
    mut answer: Answer,
    clauses: &[(String, Filter)],
    valued: &[(usize, Field)],
    found: impl Iterator<Item = Found<'a>>,
    window: Option<Window>,
) -> Answer {
    for ((number, field), found) in valued.iter().zip(found) {
        let Some((_, filter)) = clauses.get(*number) else { continue };
        let Some(Outcome::Buckets { buckets, .. }) = found.results.0.get("values") else { continue };
        let wanted = wanted(filter);
        let mut known: Vec<(usize, u64, String)> = buckets
            .iter()
            .map(|bucket| {
                let value = bucket.key.text().into_owned();
                let distance = wanted.iter().map(|wanted| distance(wanted, &value)).min().unwrap_or(usize::MAX);
                (distance, bucket.count, value)
            })
            .collect();
        if known.is_empty() || known.iter().any(|(distance, ..)| *distance == 0) {
            continue;
        }
        // Of short values any two are near: then the frequent ones say more.
        let length = wanted.iter().map(|wanted| wanted.chars().count()).max().unwrap_or(0);
        let is_near = |distance: usize| distance <= 1 + length / 3;
        known.sort_by(|a, b| {
            let far = |(distance, ..): &(usize, u64, String)| if is_near(*distance) { *distance } else { usize::MAX };
            far(a).cmp(&far(b)).then(b.1.cmp(&a.1)).then_with(|| a.2.cmp(&b.2))
        });
        let what = if known.first().is_some_and(|(distance, ..)| is_near(*distance)) { "the nearest" } else { "there are" };
        let shown: Vec<String> = known.iter().take(3).map(|(_, count, value)| format!("{value} ({count})")).collect();
        let mut where_looked = if window.is_some() { " in this window" } else { "" }.to_owned();
        if clauses.len() > 1 {
            where_looked.push_str(" under the other conditions");
        }
        answer = answer.note(format!("`{}` has no such value{where_looked}; {what}: {}", field.name(), shown.join(", ")));
    }
    answer
}

/// Tells when the same conditions match outside the window.
fn elsewhere(answer: Answer, tool: &'static str, ever: &Found<'_>, clauses: &[(String, Filter)], window: Option<Window>) -> Answer {
    let (Some(window), Some(oldest), Some(newest)) = (window, ever.results.time("oldest"), ever.results.time("newest")) else {
        return answer;
    };
    if ever.total.value == 0 {
        return answer;
    }
    let what = if clauses.is_empty() { "documents" } else { "matches" };
    let before =
        if newest < window.start() { format!(", the last one {} before this window", span(window.start(), newest)) } else { String::new() };
    let hour = SignedDuration::from_hours(1);
    let (start, end) =
        (newest.saturating_sub(hour).unwrap_or(newest), newest.saturating_add(SignedDuration::from_secs(1)).unwrap_or(newest));
    answer
        .note(format!("outside this window there are {} {what}, from {oldest} to {newest}{before}", ever.total))
        .hint(Hint::new(tool, "the hour before the last match").with("start", start.to_string()).with("end", end.to_string()))
}

/// Tells how new the data is: a result may be missing because it is not there yet.
fn freshness(mut answer: Answer, indices: &[String], newest: &[Found<'_>], now: Timestamp) -> Answer {
    for (number, found) in newest.iter().enumerate() {
        let name = indices.get(number).map_or("the indices", String::as_str);
        answer = answer.note(match found.results.time("newest") {
            Some(time) => format!("newest document of {name}: {time}, {} ago", span(now, time)),
            None => format!("{name}: empty"),
        });
    }
    answer
}

/// A length of time in its two largest units.
fn span(later: Timestamp, earlier: Timestamp) -> String {
    let seconds = later.duration_since(earlier).as_secs().max(0);
    let (days, hours, minutes, rest) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} s"),
        (0, 0, _) => format!("{minutes} min {rest} s"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// How far two values are apart: 0 when equal, 1 when they differ in case or one begins with the other, otherwise one
/// more than the edit distance of Levenshtein.
fn distance(wanted: &str, value: &str) -> usize {
    if wanted == value {
        return 0;
    }
    let (a, b) = (wanted.to_lowercase(), value.to_lowercase());
    let begins = |one: &str, other: &str| one.len() >= SHORTEST_BEGINNING && other.starts_with(one);
    if a == b || begins(&a, &b) || begins(&b, &a) {
        return 1;
    }
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let up = *cell;
            left = (left + 1).min(up + 1).min(diagonal + usize::from(x != *y));
            diagonal = up;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    1 + row.last().copied().unwrap_or(usize::MAX - 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{ECS, play, reply};

    #[test]
    fn nothing_found_stays_whole_where_its_reason_is_not() {
        let arguments = json!({"service": "pay", "level": "error"});
        let mut lacking = reply(7, vec![], json!({}));
        lacking["_shards"] = json!({"total": 2, "successful": 1, "failed": 1, "failures": []});
        // Its searches: without each condition, without the window, the window alone, the newest document, near values.
        let searches = 2 + 1 + 1 + 1 + 2;
        let replies = [reply(0, vec![], json!({}))].into_iter().chain(vec![lacking; searches]);
        let played = play("aggregate_logs", arguments.clone(), ECS, replies);
        assert!(played.text().starts_with("count over 0 documents"), "{}", played.text());
        assert!(played.text().contains("at least 7 documents match"), "{}", played.text());
        let failed = json!({"status": 429, "error": {"type": "es_rejected_execution_exception"}});
        let replies = [reply(0, vec![], json!({}))].into_iter().chain(vec![failed; searches]);
        let played = play("aggregate_logs", arguments, ECS, replies);
        assert!(played.text().contains("could not be looked into: cluster_busy"), "{}", played.text());
    }

    #[test]
    fn a_field_written_like_an_assignment_is_told_how_to_be_written() {
        let replies = std::iter::repeat_n(reply(0, vec![], json!({})), 9);
        let played = play("search_logs", json!({"query": "status==500 AND nowhere=1"}), ECS, replies);
        assert!(played.text().contains("for the field write `status:500`"), "{}", played.text());
        assert!(!played.text().contains("nowhere:1"), "{}", played.text());
    }

    #[test]
    fn a_reply_without_hits_is_not_called_empty() {
        let played = play("aggregate_logs", json!({}), ECS, [json!({"took": 1, "timed_out": false})]);
        assert_eq!(played.error().code.as_str(), "bad_upstream_response");
    }

    #[test]
    fn the_nearest_value_is_the_one_that_was_meant() {
        assert_eq!(distance("checkout", "checkout"), 0);
        assert_eq!(distance("Checkout", "checkout"), 1);
        assert_eq!(distance("check", "checkout"), 1);
        assert_eq!(distance("chekout", "checkout"), 2);
        assert_eq!(distance("c", "checkout"), 8);
        assert!(distance("chekout", "payment") > 4);
    }
}
