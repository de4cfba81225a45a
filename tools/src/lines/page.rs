//! The documents of a page as rows, each with the cursor that goes on right after it. Knows no search.

use jiff::Timestamp;

use super::{Columns, Paging, columns::message};
use crate::{
    answer::Documents,
    look::{Hit, Total},
    mining::fold_key,
    schema::Role,
};

/// The documents of a page in the order of its search. `total` is what the page's own search matched. With `is_folded`,
/// near-duplicates share the row of the newest.
pub(crate) fn page(columns: &Columns, hits: &[Hit<'_>], paging: &Paging, total: Total, is_folded: bool) -> Documents {
    let mut times: Vec<Timestamp> = Vec::with_capacity(hits.len());
    for hit in hits {
        times.push(paging.place(hit, times.last().copied()));
    }
    let cursors = *paging;
    let mut page =
        Documents::new(columns.names(), move |shown| cursors.after(times.get(..shown).unwrap_or(&times)).map(|place| cursors.text(&place)));
    if is_folded {
        page = if paging.is_newest_first() { page.folding() } else { page.folding_into_last() };
    }
    page = page.with_room(hits.len());
    for hit in hits {
        page.push(columns.row(hit, page.last()), if is_folded { key(hit) } else { None });
    }
    let given = hits.len();
    page.left(paging.coming(total, given) - given as u64)
}

/// What near-duplicates share: service, level, and the message with what varies masked. None where nothing is said.
fn key(hit: &Hit<'_>) -> Option<String> {
    let message = message(hit)?;
    let word = |role| hit.text(role).unwrap_or_default();
    Some([&*word(Role::Service), "\0", &word(Role::Level), "\0", &fold_key(&message)].concat())
}
