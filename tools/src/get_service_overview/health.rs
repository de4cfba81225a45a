//! How well a group of documents fares in one window, and how that is called. Knows no tool and no answer.

use std::cmp::Ordering;

use jiff::Timestamp;

use crate::{
    dsl::{Range, Scalar},
    look::{Agg, Filter, Results},
    schema::{Role, Schema},
};

/// How a document is judged, in the words of an answer.
pub(super) const RULE: &str = "failed (error_rate): level error or worse, status 500+, or outcome failure; client_error_rate: 4xx of \
    all HTTP answers; never succeeded: every answer was 400+ or failed, in the days before too";

/// The conditions that tell success from failure, of the roles that the indices have.
pub(super) struct Rule {
    has_status: bool,
    has_outcome: bool,
    has_failure: bool,
    has_duration: bool,
}

impl Rule {
    pub(super) fn of(schema: &Schema) -> Self {
        let has_status = schema.has(Role::Status);
        let has_outcome = schema.has(Role::Outcome);
        Self {
            has_status,
            has_outcome,
            has_failure: has_status || has_outcome || schema.has(Role::Level),
            has_duration: schema.has(Role::Duration) && schema.is_filled(Role::Duration),
        }
    }

    /// Documents that tell how something ended.
    fn answers(&self) -> Filter {
        let status = self.has_status.then(|| Filter::Exists(Role::Status.into()));
        let outcome = self.has_outcome.then(|| Filter::Exists(Role::Outcome.into()));
        Filter::Or(status.into_iter().chain(outcome).collect())
    }

    /// HTTP answers with these statuses.
    fn status(&self, from: i64, below: i64) -> Filter {
        let range = Range { gte: Some(Scalar::Int(from)), lt: Some(Scalar::Int(below)), ..Range::default() };
        if self.has_status { Filter::Range(Role::Status.into(), range) } else { Filter::Nothing }
    }

    /// Documents that tell of a failure: the server's, or the client's as the server sees it.
    pub(super) fn bad(&self) -> Filter {
        Filter::Or(vec![self.failed(), self.status(400, 600)])
    }

    fn failed(&self) -> Filter {
        if self.has_failure { Filter::Failed } else { Filter::Nothing }
    }

    /// Answers that tell of success.
    pub(super) fn good(&self) -> Filter {
        self.answers().and(self.bad().negated())
    }

    /// What [`Health::read`] reads.
    pub(super) fn aggs(&self) -> Vec<(String, Agg)> {
        let mut aggs = vec![
            ("failed".to_owned(), Agg::Filter(self.failed(), Vec::new())),
            ("answers".to_owned(), Agg::Filter(self.answers(), Vec::new())),
            ("good".to_owned(), Agg::Filter(self.good(), Vec::new())),
        ];
        if self.has_status {
            let statuses = Agg::Filter(self.status(400, 600), Vec::new()).with("status", Agg::terms(Role::Status, 3));
            aggs.push(("refused".to_owned(), statuses));
            aggs.push(("client".to_owned(), Agg::Filter(self.status(400, 500), Vec::new())));
            aggs.push(("http".to_owned(), Agg::Filter(Filter::Exists(Role::Status.into()), Vec::new())));
        }
        if self.has_duration {
            aggs.push(("duration".to_owned(), Agg::Percentiles(Role::Duration.into(), vec![95.0])));
        }
        aggs
    }
}

/// What the documents of a group tell in one window.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Health {
    pub(super) count: u64,
    /// Documents that tell of a failure of the server's.
    pub(super) failed: u64,
    /// Documents that tell how something ended.
    pub(super) answers: u64,
    /// Answers that tell of success.
    good: u64,
    /// Answers of HTTP.
    http: u64,
    /// Answers of HTTP with 4xx.
    client: u64,
    pub(super) p95_ms: Option<f64>,
    /// The most frequent statuses from 400 up, each with its count.
    pub(super) statuses: Vec<(String, u64)>,
}

impl Health {
    pub(super) fn read(count: u64, results: &Results<'_>) -> Self {
        let statuses = results.inside("refused").map_or(&[][..], |inside| inside.buckets("status"));
        Self {
            count,
            failed: results.count("failed"),
            answers: results.count("answers"),
            good: results.count("good"),
            http: results.count("http"),
            client: results.count("client"),
            p95_ms: results.percentile("duration", 95.0),
            statuses: statuses.iter().map(|bucket| (bucket.key.text().into_owned(), bucket.count)).collect(),
        }
    }

    pub(super) fn error_rate(&self) -> Option<f64> {
        share(self.failed, self.count)
    }

    pub(super) fn client_error_rate(&self) -> Option<f64> {
        share(self.client, self.http)
    }

    /// Whether there were answers, and none of success.
    pub(super) fn never_succeeds(&self) -> bool {
        self.answers > 0 && self.good == 0
    }

    /// Answers that failed for whatever reason.
    pub(super) fn bad(&self) -> u64 {
        (self.failed + self.client).min(self.count)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of documents")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// What happened to a group before the window: told only where it matters.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Past {
    pub(super) first_seen: Option<Timestamp>,
    pub(super) last_success: Option<Timestamp>,
}

/// What a group's figures amount to, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finding {
    NeverSucceeded,
    AllFailed,
    Worse,
    Slower,
    Gone,
    Failing,
    New,
    Fine,
}

impl Finding {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::NeverSucceeded => "never succeeded",
            Self::AllFailed => "all failed",
            Self::Worse => "worse",
            Self::Slower => "slower",
            Self::Gone => "gone",
            Self::Failing => "failing as before",
            Self::New => "new",
            Self::Fine => "ok",
        }
    }

    /// Judges a group by its window, its baseline where there is one, and its past where that was looked up.
    pub(super) fn of(now: &Health, before: Option<&Health>, past: Option<Past>) -> Self {
        if now.count == 0 {
            return Self::Gone;
        }
        if now.never_succeeds() {
            return if past.is_some_and(|past| past.last_success.is_some()) { Self::AllFailed } else { Self::NeverSucceeded };
        }
        let Some(before) = before else {
            return if now.bad() * 20 > now.count { Self::Failing } else { Self::Fine };
        };
        let rises =
            rose((now.failed, now.count), (before.failed, before.count)) || rose((now.client, now.http), (before.client, before.http));
        if rises && before.count > 0 {
            Self::Worse
        } else if before.count == 0 {
            if now.bad() * 20 > now.count { Self::Worse } else { Self::New }
        } else if is_slower(now, before) {
            Self::Slower
        } else if now.bad() * 20 > now.count {
            Self::Failing
        } else {
            Self::Fine
        }
    }
}

/// Whether a share rose by at least a hundredth and by more than three standard errors of the difference of two
/// proportions.
#[expect(clippy::cast_precision_loss, reason = "counts of documents")]
fn rose((a, of_a): (u64, u64), (b, of_b): (u64, u64)) -> bool {
    if of_a == 0 || of_b == 0 {
        return false;
    }
    let (n, m) = (of_a as f64, of_b as f64);
    let (p, q) = (a as f64 / n, b as f64 / m);
    let pooled = (a + b) as f64 / (n + m);
    let error = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    p - q >= 0.01 && p - q > 3.0 * error
}

/// Whether the p95 at least doubled, by at least 5 ms, with twenty documents on both sides.
fn is_slower(now: &Health, before: &Health) -> bool {
    match (now.p95_ms, before.p95_ms) {
        (Some(p), Some(q)) => now.count >= 20 && before.count >= 20 && p >= 2.0 * q && p - q >= 5.0,
        _ => false,
    }
}

/// Worst finding first; then the most failures, then the most documents.
pub(super) fn worst_first(a: (Finding, &Health), b: (Finding, &Health)) -> Ordering {
    a.0.cmp(&b.0).then(b.1.bad().cmp(&a.1.bad())).then(b.1.count.cmp(&a.1.count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(count: u64, failed: u64, client: u64) -> Health {
        Health { count, failed, answers: count, good: count - failed - client, http: count, client, ..Health::default() }
    }

    fn check(now: &Health, before: Option<&Health>, past: Option<Past>, finding: Finding) {
        assert_eq!(Finding::of(now, before, past), finding, "{now:?} after {before:?}");
    }

    #[test]
    fn answers_of_4xx_alone_never_succeed() {
        check(&health(214, 0, 214), Some(&health(0, 0, 0)), None, Finding::NeverSucceeded);
        let success = Past { first_seen: None, last_success: Some(Timestamp::UNIX_EPOCH) };
        check(&health(30, 0, 30), Some(&health(30, 0, 28)), Some(success), Finding::AllFailed);
    }

    #[test]
    fn documents_that_answer_nothing_cannot_have_failed_to_succeed() {
        check(&Health { count: 50, ..Health::default() }, Some(&health(50, 0, 0)), None, Finding::Fine);
    }

    #[test]
    fn a_share_that_stays_is_no_worse() {
        check(&health(1_000, 60, 0), Some(&health(1_000, 55, 0)), None, Finding::Failing);
        check(&health(1_000, 60, 0), Some(&health(1_000, 10, 0)), None, Finding::Worse);
        check(&health(1_000, 0, 80), Some(&health(1_000, 0, 10)), None, Finding::Worse);
        check(&health(10, 1, 0), Some(&health(10, 0, 0)), None, Finding::Failing);
    }

    #[test]
    fn what_comes_and_goes_is_told() {
        check(&health(10, 0, 0), Some(&health(0, 0, 0)), None, Finding::New);
        check(&health(10, 0, 0), None, None, Finding::Fine);
        check(&health(0, 0, 0), Some(&health(10, 0, 0)), None, Finding::Gone);
    }

    #[test]
    fn twice_the_p95_is_slower() {
        let at = |p95_ms| Health { p95_ms: Some(p95_ms), ..health(100, 0, 0) };
        check(&at(250.0), Some(&at(100.0)), None, Finding::Slower);
        check(&at(150.0), Some(&at(100.0)), None, Finding::Fine);
        check(&at(2.0), Some(&at(0.5)), None, Finding::Fine);
    }
}
