//! Whether an index's fields can do what aggregations ask, so that an index that cannot fails as a whole.

use elk_mcp_tools::dsl::{Aggregation, AggregationKind, Aggregations, Query, TermsOrder};

use crate::{
    failure::Failure,
    hits,
    mapping::Field,
    query::{Target, compile},
};

/// Checks all aggregations and what is inside them.
pub(crate) fn check(aggregations: &Aggregations, target: &Target<'_>) -> Result<(), Failure> {
    aggregations.iter().try_for_each(|(name, aggregation)| one(name, aggregation, target))
}

fn one(name: &str, aggregation: &Aggregation, target: &Target<'_>) -> Result<(), Failure> {
    let query = |query: &Query| compile(query, target).map(|_| ());
    match &aggregation.kind {
        AggregationKind::Terms { field, order, .. } => {
            grouped(field, target)?;
            if let TermsOrder::Metric { name: metric, .. } = order
                && !aggregation.inner.iter().any(|(inner, aggregation)| inner == metric && is_single_metric(&aggregation.kind))
            {
                return Err(Failure::illegal(format!(
                    "Invalid aggregation order path [{metric}]. The provided aggregation [{name}] has no such metric"
                )));
            }
        }
        AggregationKind::Composite { sources, .. } => sources.iter().try_for_each(|(_, field)| grouped(field, target))?,
        AggregationKind::Cardinality(field) | AggregationKind::ValueCount(field) => grouped(field, target)?,
        AggregationKind::DateHistogram { field, .. } => numeric(field, "date_histogram", target)?,
        AggregationKind::Histogram { field, .. } => numeric(field, "histogram", target)?,
        AggregationKind::Min(field) => numeric(field, "min", target)?,
        AggregationKind::Max(field) => numeric(field, "max", target)?,
        AggregationKind::Sum(field) => numeric(field, "sum", target)?,
        AggregationKind::Avg(field) => numeric(field, "avg", target)?,
        AggregationKind::Percentiles { field, .. } => numeric(field, "percentiles", target)?,
        AggregationKind::Filter(filter) => query(filter)?,
        AggregationKind::Filters(filters) => filters.iter().try_for_each(|(_, filter)| query(filter))?,
        AggregationKind::TopHits { sort, .. } => hits::check(sort, target)?,
    }
    check(&aggregation.inner, target)
}

fn is_single_metric(kind: &AggregationKind) -> bool {
    matches!(
        kind,
        AggregationKind::Min(_)
            | AggregationKind::Max(_)
            | AggregationKind::Sum(_)
            | AggregationKind::Avg(_)
            | AggregationKind::ValueCount(_)
            | AggregationKind::Cardinality(_)
    )
}

fn grouped(field: &str, target: &Target<'_>) -> Result<(), Failure> {
    match target.mapping.field(field) {
        Some(found) if !found.is_aggregatable() => Err(no_field_data(found)),
        _ if field == "_id" => Err(Failure::illegal("Fielddata access on the _id field is disallowed")),
        _ => Ok(()),
    }
}

fn numeric(field: &str, aggregation: &str, target: &Target<'_>) -> Result<(), Failure> {
    grouped(field, target)?;
    match target.mapping.field(field) {
        Some(found) if !found.is_numeric() => Err(Failure::illegal(format!(
            "Field [{}] of type [{}] is not supported for aggregation [{aggregation}]",
            found.name, found.type_name
        ))),
        None if field == "_index" => {
            Err(Failure::illegal(format!("Field [_index] of type [_index] is not supported for aggregation [{aggregation}]")))
        }
        _ => Ok(()),
    }
}

/// The failure of a sort or an aggregation on a field without doc values.
pub(crate) fn no_field_data(field: &Field) -> Failure {
    Failure::illegal(format!(
        "Fielddata is disabled on [{}]: a field of type [{}] cannot be sorted or aggregated. Please use a keyword field instead.",
        field.name, field.type_name
    ))
}
