//! How much one request may ask. Knows the DSL; knows no index and no engine.

use elk_mcp_tools::{
    dsl::{Aggregation, AggregationKind, Aggregations, Query, Request, Search},
    engine::{EngineError, EngineErrorKind},
};

/// Upper bounds of one request. A backstop under the tools' own limits: what is refused here is a fault of a tool, since
/// a caller's excess was told to him before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Documents of one search. 10,000, Elasticsearch's `index.max_result_window`: samples for templates need as many.
    pub size: u32,
    /// Documents passed over and returned.
    pub window: u32,
    /// Searches of one `_msearch`.
    pub searches: usize,
    /// Leaf queries and values of one search. 1,024, the lowest `indices.query.bool.max_clause_count` of any engine.
    pub clauses: usize,
    /// Aggregations that make buckets, one in the other.
    pub depth: usize,
    /// Buckets that one aggregation asks for inside each bucket above it. How many there will be in all depends on the
    /// documents: the engines stop at their own `search.max_buckets` (65,536).
    pub buckets: u64,
}

impl Default for Caps {
    fn default() -> Self {
        Self { size: 10_000, window: 10_000, searches: 128, clauses: 1_024, depth: 5, buckets: 10_000 }
    }
}

impl Caps {
    pub(super) fn check(&self, request: &Request) -> Result<(), EngineError> {
        match request {
            Request::Search(search) => self.check_search(search),
            Request::Msearch(searches) => {
                within("searches in one request", searches.len() as u64, self.searches as u64)?;
                searches.iter().try_for_each(|search| self.check_search(search))
            }
            Request::FieldCaps(_)
            | Request::ResolveIndex(_)
            | Request::IndexStats(_)
            | Request::Ping
            | Request::Health(_)
            | Request::HasPrivileges(_)
            | Request::AuthInfo => Ok(()),
        }
    }

    fn check_search(&self, search: &Search) -> Result<(), EngineError> {
        within("size", search.size().into(), self.size.into())?;
        within("from + size", u64::from(search.from()) + u64::from(search.size()), self.window.into())?;
        let clauses = clauses(search.query()) + clauses_of_aggregations(search.aggregation_list());
        within("clauses", clauses as u64, self.clauses as u64)?;
        within("levels of aggregations", depth(search.aggregation_list()) as u64, self.depth as u64)?;
        within("buckets", buckets(search.aggregation_list()), self.buckets)
    }
}

fn within(what: &str, asked: u64, most: u64) -> Result<(), EngineError> {
    if asked <= most {
        return Ok(());
    }
    Err(EngineError::new(EngineErrorKind::TooLarge, format!("{what}: {asked} of at most {most}"))
        .about(format!("{what}: {asked} of at most {most}")))
}

fn clauses(query: &Query) -> usize {
    match query {
        Query::All
        | Query::Nothing
        | Query::Term { .. }
        | Query::Prefix { .. }
        | Query::Match { .. }
        | Query::Phrase { .. }
        | Query::Range { .. }
        | Query::Exists { .. } => 1,
        Query::Terms { values, .. } => values.len().max(1),
        Query::Ids(ids) => ids.len().max(1),
        Query::Bool { filter, should, must_not } => filter.iter().chain(should).chain(must_not).map(clauses).sum(),
    }
}

fn clauses_of_aggregations(aggregations: &Aggregations) -> usize {
    aggregations
        .iter()
        .map(|(_, aggregation)| {
            let own = match &aggregation.kind {
                AggregationKind::Filter(query) => clauses(query),
                AggregationKind::Filters(filters) => filters.iter().map(|(_, query)| clauses(query)).sum(),
                _ => 0,
            };
            own + clauses_of_aggregations(&aggregation.inner)
        })
        .sum()
}

/// How many buckets each bucket above becomes, for the kinds that make any; a single `filter` is one.
fn fan_out(aggregation: &Aggregation) -> Option<u64> {
    match &aggregation.kind {
        AggregationKind::Terms { size, .. } | AggregationKind::Composite { size, .. } => Some((*size).into()),
        // Without bounds there are only as many as have documents, which the query's time range limits; the tools choose
        // the interval so that they are few.
        AggregationKind::DateHistogram { interval_ms, bounds_ms, .. } => {
            Some(bounds_ms.map_or(1, |(first, last)| last.abs_diff(first) / interval_ms.unsigned_abs().max(1) + 1))
        }
        AggregationKind::Histogram { interval, bounds, .. } =>
        {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a float that saturates is over the cap all the same"
            )]
            Some(bounds.map_or(1, |(first, last)| ((last - first).abs() / interval.abs()) as u64 + 1))
        }
        AggregationKind::Filters(filters) => Some(filters.len() as u64),
        AggregationKind::Filter(_)
        | AggregationKind::Min(_)
        | AggregationKind::Max(_)
        | AggregationKind::Sum(_)
        | AggregationKind::Avg(_)
        | AggregationKind::ValueCount(_)
        | AggregationKind::Cardinality(_)
        | AggregationKind::Percentiles { .. }
        | AggregationKind::TopHits { .. } => None,
    }
}

fn depth(aggregations: &Aggregations) -> usize {
    aggregations.iter().map(|(_, aggregation)| usize::from(fan_out(aggregation).is_some()) + depth(&aggregation.inner)).max().unwrap_or(0)
}

/// The largest number of buckets that any one aggregation asks for.
fn buckets(aggregations: &Aggregations) -> u64 {
    aggregations.iter().map(|(_, aggregation)| fan_out(aggregation).unwrap_or(0).max(buckets(&aggregation.inner))).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use elk_mcp_tools::dsl::{IndexExpression, TermsOrder};

    use super::*;

    fn search() -> Search {
        Search::new(IndexExpression::parse("logs-a").unwrap(), Query::All)
    }

    fn terms(size: u32) -> Aggregation {
        Aggregation::new(AggregationKind::Terms { field: "f".to_owned(), size, shard_size: None, order: TermsOrder::Count, include: None })
    }

    #[track_caller]
    fn refused(search: Search, what: &str) {
        let error = Caps::default().check(&Request::Search(search)).unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::TooLarge);
        assert!(error.subject.starts_with(what), "{error}");
    }

    #[track_caller]
    fn passes(search: Search) {
        Caps::default().check(&Request::Search(search)).unwrap();
    }

    #[test]
    fn pages_beyond_the_window_are_refused() {
        passes(search().page(0, 10_000));
        passes(search().page(9_500, 500));
        refused(search().page(0, 10_001), "size");
        refused(search().page(9_501, 500), "from + size");
        refused(search().page(u32::MAX, 1), "from + size");
    }

    #[test]
    fn values_count_as_clauses_wherever_they_stand() {
        let values = |count: i64| Query::Terms { field: "f".to_owned(), values: (0..count).map(Into::into).collect() };
        let with = |query| Search::new(IndexExpression::parse("logs-a").unwrap(), query);
        passes(with(values(1_024)));
        refused(with(values(1_025)), "clauses");
        let in_a_filter = Aggregation::new(AggregationKind::Filter(values(1_000).negated()));
        refused(with(values(100)).aggregations(vec![("a".to_owned(), in_a_filter)]), "clauses");
    }

    #[test]
    fn levels_are_few_and_each_has_a_limited_number_of_buckets() {
        let nested = |sizes: &[u32]| {
            let mut sizes = sizes.iter().rev();
            let last = terms(*sizes.next().unwrap());
            sizes.fold(last, |inner, size| terms(*size).with("inner", inner))
        };
        passes(search().aggregations(vec![("a".to_owned(), nested(&[100, 100, 100]))]));
        refused(search().aggregations(vec![("a".to_owned(), nested(&[1, 10_001, 1]))]), "buckets");
        refused(search().aggregations(vec![("a".to_owned(), nested(&[1; 6]))]), "levels");
    }

    #[test]
    fn empty_buckets_of_a_histogram_count() {
        let histogram = |last| {
            let kind = AggregationKind::DateHistogram {
                field: "@timestamp".to_owned(),
                interval_ms: 1_000,
                offset_ms: 0,
                bounds_ms: Some((0, last)),
            };
            vec![("a".to_owned(), Aggregation::new(kind))]
        };
        passes(search().aggregations(histogram(3_600_000)));
        refused(search().aggregations(histogram(i64::MAX)), "buckets");
    }
}
