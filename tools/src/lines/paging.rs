//! Where a page begins and where the next one goes on: exact, without any state. Knows no columns.
//!
//! Documents come in order of time. A place among them is a millisecond and how many documents beyond the edge of that
//! millisecond were given. Milliseconds, because a `date` field is stored, sorted and compared in milliseconds; where more
//! digits are stored (`date_nanos`), the documents of one millisecond are still neighbours in the order, and counting
//! them is just as exact.

use jiff::{SignedDuration, Timestamp};

use crate::{
    error::{Code, ToolError},
    look::{Filter, Hit, Look, Order},
    params::{Cursor, Scope, Window},
    tool::Context,
};

/// The most documents that an engine passes over and returns in one search (`index.max_result_window`).
pub(crate) const MAX_OFFSET: u32 = 10_000;

const MILLISECOND: SignedDuration = SignedDuration::from_millis(1);

/// One page of a search in order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paging {
    is_newest_first: bool,
    /// Of the whole search.
    window: Window,
    /// The millisecond in which the page before ended, and how many documents of it were given.
    after: Option<(Timestamp, u32)>,
    /// The fingerprint of the search.
    search: u64,
}

impl Paging {
    /// The first page of a search, or the one that the scope's cursor asks for. `own` are the tool's own arguments that change
    /// which documents come in which order, its name among them.
    ///
    /// # Errors
    /// As [`Scope::cursor`] and [`Scope::window`].
    pub(crate) fn read(scope: &Scope, own: &[&str], is_newest_first: bool, context: &Context) -> Result<Self, ToolError> {
        let search = scope.fingerprint(own);
        match scope.cursor(own)? {
            Some(cursor) => Ok(Self::resume(&cursor, search)),
            None => Ok(Self::begin(scope.window(context.now, context.settings.max_window_s)?, is_newest_first, search)),
        }
    }

    /// The first page of a window.
    pub(crate) fn begin(window: Window, is_newest_first: bool, search: u64) -> Self {
        Self { is_newest_first, window, after: None, search }
    }

    /// The page after a place.
    pub(crate) fn resume(cursor: &Cursor, search: u64) -> Self {
        let Cursor { is_newest_first, window, last, given } = *cursor;
        Self { is_newest_first, window, after: Some((last, given)), search }
    }

    /// The window of the whole search.
    pub(crate) fn window(&self) -> Window {
        self.window
    }

    /// Whether nothing was given before.
    pub(crate) fn is_first(&self) -> bool {
        self.after.is_none()
    }

    /// Whether the newest documents come first.
    pub(crate) fn is_newest_first(&self) -> bool {
        self.is_newest_first
    }

    /// How many documents of the page's part of the window were given before.
    pub(crate) fn skip(&self) -> u32 {
        self.after.map_or(0, |(_, given)| given)
    }

    /// The search for this page: what is left of the window, without what was given at its edge.
    ///
    /// # Errors
    /// `bad_cursor` when an engine cannot pass over as many documents.
    pub(crate) fn look(&self, filter: Filter, size: u32) -> Result<Look, ToolError> {
        if let Some((last, given)) = self.after
            && given >= MAX_OFFSET
        {
            return Err(ToolError::new(
                Code::BadCursor,
                format!("{given} documents of the millisecond {last} were given; no engine passes over more"),
                "narrow the search by query or filters, or begin anew beyond that millisecond with `start` or `end`",
            ));
        }
        let order = if self.is_newest_first { Order::Newest } else { Order::Oldest };
        Ok(Look::new(filter, Some(self.part())).page(order, self.skip(), size.min(MAX_OFFSET - self.skip())))
    }

    /// What is left of the window, the millisecond of the last document included.
    fn part(&self) -> Window {
        let (start, end) = (self.window.start(), self.window.end());
        let part = match self.after {
            None => None,
            Some((last, _)) if self.is_newest_first => {
                last.checked_add(MILLISECOND).ok().and_then(|edge| Window::new(start, edge.min(end)))
            }
            Some((last, _)) => Window::new(last.max(start), end),
        };
        part.unwrap_or(self.window)
    }

    /// The time by which a document of this page is placed, after one placed at `before`. One whose time cannot be read
    /// stays where the engine put it.
    pub(crate) fn place(&self, hit: &Hit<'_>, before: Option<Timestamp>) -> Timestamp {
        let edge = if self.is_newest_first { self.window.end() } else { self.window.start() };
        hit.time.or(before).unwrap_or(edge)
    }

    /// The place after the first documents of this page, which have these times; none after no document.
    pub(crate) fn after(&self, times: &[Timestamp]) -> Option<Cursor> {
        let mut backwards = times.iter().rev().map(|time| millisecond(*time));
        let last = backwards.next()?;
        let others = backwards.take_while(|time| *time == last).count();
        let only = others + 1 == times.len();
        let before = self.after.filter(|(edge, _)| only && *edge == last).map_or(0, |(_, given)| given);
        let given = before.saturating_add(u32::try_from(others + 1).unwrap_or(u32::MAX));
        Some(Cursor { is_newest_first: self.is_newest_first, window: self.window, last, given })
    }

    /// A cursor of this search as text.
    pub(crate) fn text(&self, cursor: &Cursor) -> String {
        cursor.encode(self.search)
    }
}

/// The millisecond in which a moment lies.
pub(crate) fn millisecond(time: Timestamp) -> Timestamp {
    let below = time.as_nanosecond().rem_euclid(1_000_000);
    Timestamp::from_nanosecond(time.as_nanosecond() - below).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE: i128 = 1_774_450_377_000_000_000;

    fn moment(nanoseconds: i128) -> Timestamp {
        Timestamp::from_nanosecond(BASE + nanoseconds).unwrap()
    }

    /// What an engine does that stores times cut to `precision` nanoseconds: bounds are cut alike.
    fn answer(documents: &[i128], look: &Look, precision: i128) -> Vec<(usize, Timestamp)> {
        let cut = |time: Timestamp| time.as_nanosecond().div_euclid(precision);
        let stored = |time: i128| moment(time.div_euclid(precision) * precision);
        let window = look.window.unwrap();
        let mut found: Vec<(usize, Timestamp)> = documents
            .iter()
            .enumerate()
            .map(|(at, time)| (at, stored(*time)))
            .filter(|(_, time)| cut(window.start()) <= cut(*time) && cut(*time) < cut(window.end()))
            .collect();
        match look.order {
            Order::Newest => found.sort_by_key(|(at, time)| std::cmp::Reverse((*time, *at))),
            _ => found.sort_by_key(|(at, time)| (*time, *at)),
        }
        found.into_iter().skip(look.skip as usize).take(look.size as usize).collect()
    }

    /// Follows the cursors, showing `shown` of each page at most.
    fn follow(documents: &[i128], window: Window, is_newest_first: bool, size: u32, shown: usize, precision: i128) -> Vec<usize> {
        let mut given = Vec::new();
        let mut paging = Paging::begin(window, is_newest_first, 7);
        loop {
            let page = answer(documents, &paging.look(Filter::All, size).unwrap(), precision);
            let page = page.get(..shown).unwrap_or(&page);
            let times: Vec<Timestamp> = page.iter().map(|(_, time)| *time).collect();
            given.extend(page.iter().map(|(at, _)| *at));
            let Some(place) = paging.after(&times) else { return given };
            paging = Paging::resume(&Cursor::decode(&paging.text(&place), 7).unwrap(), 7);
        }
    }

    proptest! {
        #[test]
        fn following_the_cursors_gives_each_document_once_and_in_order(
            documents in prop::collection::vec(0_i128..6_000_000, 0..60),
            coarse in prop::collection::vec(0_i128..6, 0..30),
            (start, length) in (0_i128..3_000_000, 0_i128..4_000_000),
            is_newest_first: bool,
            (size, shown) in (1_u32..20, 1_usize..20),
            precision in prop::sample::select(vec![1, 1_000, 1_000_000]),
        ) {
            let documents: Vec<i128> = documents.into_iter().chain(coarse.into_iter().map(|ms| ms * 1_000_000)).collect();
            let window = Window::new(moment(start), moment(start + length)).unwrap();
            let all = answer(&documents, &Paging::begin(window, is_newest_first, 7).look(Filter::All, MAX_OFFSET).unwrap(), precision);
            let given = follow(&documents, window, is_newest_first, size, shown, precision);
            prop_assert_eq!(given, all.into_iter().map(|(at, _)| at).collect::<Vec<_>>());
        }
    }

    #[test]
    fn ten_thousand_documents_of_one_millisecond_are_the_limit() {
        let window = Window::new(moment(0), moment(9)).unwrap();
        let at = |given| Cursor { is_newest_first: true, window, last: moment(0), given };
        let look = Paging::resume(&at(MAX_OFFSET - 20), 7).look(Filter::All, 50).unwrap();
        assert_eq!((look.skip, look.size), (9_980, 20));
        let error = Paging::resume(&at(MAX_OFFSET), 7).look(Filter::All, 50).unwrap_err();
        assert_eq!(error.code, Code::BadCursor);
        assert!(error.next_step.contains("start"));
    }
}
