//! Which field plays which role in each group of indices that name their fields alike. Knows no tool.

mod candidate;
mod detect;
mod field;
mod group;
mod ids;
mod names;
mod role;
mod sample;
mod unit;

use std::collections::BTreeMap;

pub use candidate::{Candidate, Reading};
pub use detect::detect;
pub use field::{FieldInfo, Kind};
pub use group::Group;
pub use ids::{span_forms, trace_forms};
pub use role::Role;
pub use unit::{EpochUnit, LevelScale};

use crate::{
    dsl::IndexExpression,
    error::{Code, ToolError},
    look::Field,
    params::shown,
};

/// Letters that two names of fields share at least, for one to be told in place of the other.
const SHORTEST_PART: usize = 3;

/// The fields of the indices of one expression.
///
/// # Invariants
/// Every concrete index is in exactly one group.
#[derive(Debug, Clone)]
pub struct Schema {
    /// What was asked.
    pub expression: IndexExpression,
    /// Every concrete index it names, sorted.
    pub indices: Vec<String>,
    /// Indices that name their fields alike, the largest group first. Never empty.
    pub groups: Vec<Group>,
    /// What a reader of answers should know: indices left out, fields guessed.
    pub notes: Vec<String>,
    /// Names beyond the known candidates that were looked up.
    pub looked_up: Vec<String>,
}

impl Schema {
    /// A schema that nothing was read for.
    pub fn unread(expression: IndexExpression) -> Self {
        Self { expression, indices: Vec::new(), groups: Vec::new(), notes: Vec::new(), looked_up: Vec::new() }
    }

    /// Whether some group has this field.
    pub fn has(&self, field: impl Into<Field>) -> bool {
        let field = field.into();
        self.groups.iter().any(|group| group.field(&field).is_some())
    }

    /// Whether some group has values of this role in its sample.
    pub fn is_filled(&self, role: Role) -> bool {
        self.groups.iter().any(|group| group.field(&Field::Role(role)).is_some_and(|info| info.filled != Some(0.0)))
    }

    /// That some group has this field.
    ///
    /// # Errors
    /// `unknown_field`, naming what was looked for and what is there.
    pub fn need(&self, field: &Field) -> Result<(), ToolError> {
        if self.has(field.clone()) { Ok(()) } else { Err(self.unknown(field)) }
    }

    /// That some group can be grouped by this field.
    ///
    /// # Errors
    /// `unknown_field`, or `field_not_groupable` naming fields that can.
    pub fn need_groupable(&self, field: &Field) -> Result<(), ToolError> {
        self.need(field)?;
        if self.groups.iter().filter_map(|group| group.field(field)).any(|info| info.groupable().is_some()) {
            return Ok(());
        }
        let what = self.groups.iter().find_map(|group| group.field(field)).map_or("text", |info| info.kind.word());
        Err(ToolError::new(
            Code::FieldNotGroupable,
            format!("`{}` is {what} and cannot be grouped by or sorted", field.name()),
            format!("these can: {}", self.groupable_roles().join(", ")),
        ))
    }

    /// That some group has numbers or dates in this field.
    ///
    /// # Errors
    /// `unknown_field`, or `bad_argument` naming what it is.
    pub fn need_quantity(&self, field: &Field) -> Result<(), ToolError> {
        self.need(field)?;
        let kinds = || self.groups.iter().filter_map(|group| group.field(field)).map(|info| info.kind);
        if kinds().any(Kind::is_quantity) {
            return Ok(());
        }
        Err(ToolError::new(
            Code::BadArgument,
            format!("`{}` is {}; this metric needs numbers", field.name(), kinds().next().map_or("text", Kind::word)),
            "use metric `cardinality` or group by it; describe_fields shows which fields are numbers",
        ))
    }

    /// Where a field is there, but is not what is needed of it: a note for the reader, none where it is so everywhere.
    pub fn lacking(&self, field: &Field, is_fit: impl Fn(&FieldInfo) -> bool) -> Option<String> {
        let unfit: Vec<(&str, &FieldInfo)> = self
            .groups
            .iter()
            .filter_map(|group| Some((group, group.field(field).filter(|info| !is_fit(info))?)))
            .flat_map(|(group, info)| group.indices.iter().map(move |index| (index.as_str(), info)))
            .collect();
        let (_, info) = unfit.first()?;
        let shown: Vec<&str> = unfit.iter().take(3).map(|(index, _)| *index).collect();
        let more = if unfit.len() > shown.len() { ", …" } else { "" };
        Some(format!("left out, because `{}` is {} there: {}{more}", info.name, info.kind.word(), shown.join(", ")))
    }

    /// Whether a concrete index is of a group other than the one with this number.
    pub(crate) fn is_of_another_group(&self, index: &str, number: usize) -> bool {
        let holds = |group: &Group| group.indices.binary_search_by(|name| name.as_str().cmp(index)).is_ok();
        self.groups.iter().enumerate().any(|(other, group)| other != number && holds(group))
    }

    /// Names of the roles that can be grouped by.
    pub fn groupable_roles(&self) -> Vec<&'static str> {
        Role::ALL
            .iter()
            .filter(|role| {
                **role != Role::Time
                    && self.groups.iter().filter_map(|group| group.field(&Field::Role(**role))).any(|info| info.groupable().is_some())
            })
            .map(|role| role.name())
            .collect()
    }

    /// The error for a field that no group has.
    pub fn unknown(&self, field: &Field) -> ToolError {
        let place = self.expression.to_string();
        match field {
            Field::Role(role) => {
                let looked: Vec<_> = role.candidates().iter().take(6).map(|candidate| candidate.name).collect();
                ToolError::new(
                    Code::UnknownField,
                    format!("no field of `{place}` plays the role `{}` (looked for {}, …)", role.name(), looked.join(", ")),
                    format!(
                        "roles that are there: {}; describe_fields shows fields, and the configuration can set a role",
                        self.groupable_roles().join(", ")
                    ),
                )
            }
            Field::Named(name) => {
                let nearest = self.nearest(name);
                let hint = if nearest.is_empty() { String::new() } else { format!("did you mean {}? ", nearest.join(" or ")) };
                ToolError::new(
                    Code::UnknownField,
                    format!("no index of `{place}` has a field `{}`", shown(name)),
                    format!("{hint}describe_fields with contains=… finds fields by a part of their name"),
                )
            }
        }
    }

    /// The error for a search by time where no index has a field of time.
    pub fn timeless(&self) -> ToolError {
        ToolError::new(
            Code::UnknownField,
            format!("`{}` has no field of time (looked for @timestamp, timestamp, time, ts, …)", self.expression),
            "ask about another index, or have the operator set the role in the configuration: [fields] time = \"…\"",
        )
    }

    fn nearest(&self, name: &str) -> Vec<String> {
        let last = name.rsplit('.').next().unwrap_or(name).to_lowercase();
        let mut found: Vec<String> = self
            .groups
            .iter()
            .flat_map(|group| group.roles.values().flatten().map(|info| info.name.clone()))
            .chain(Role::ALL.iter().filter(|role| self.has(**role)).map(|role| role.name().to_owned()))
            .filter(|known| {
                let tail = known.rsplit('.').next().unwrap_or(known).to_lowercase();
                // A part of one or two letters is in most names.
                let (shorter, longer) = if tail.len() < last.len() { (&tail, &last) } else { (&last, &tail) };
                tail == last || (shorter.len() >= SHORTEST_PART && longer.contains(shorter.as_str()))
            })
            .map(|known| format!("`{known}`"))
            .collect();
        found.sort();
        found.dedup();
        found.truncate(3);
        found
    }

    /// The fields behind roles, for an answer's `fields`: role name, then field names joined by a comma.
    pub fn shown(&self, roles: &[Role]) -> BTreeMap<String, String> {
        let mut shown = BTreeMap::new();
        for role in roles {
            let mut names: Vec<&str> = Vec::new();
            for info in self.groups.iter().filter_map(|group| group.field(&Field::Role(*role))) {
                if !names.contains(&info.name.as_str()) {
                    names.push(&info.name);
                }
            }
            if !names.is_empty() {
                shown.insert(role.name().to_owned(), names.join(","));
            }
        }
        shown
    }
}
