//! Analysed text on the inverted index.

use std::ops::Bound;

use tantivy::{
    DocSet, TERMINATED, Term,
    query::{EnableScoring, PhrasePrefixQuery, PhraseQuery, Query},
    schema::IndexRecordOption,
};

use super::texts::TextTest;
use crate::{
    bits::Bits,
    failure::Stop,
    ingest::{Part, layout},
};

/// How many tokens a prefix at the end of a phrase stands for, at most: `max_expansions`.
const EXPANSIONS: u32 = 1_000;

/// Which texts match.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenTest {
    /// All of these tokens.
    All(Vec<String>),
    /// Any of these tokens.
    Any(Vec<String>),
    /// A token that passes.
    Passing(TextTest),
    /// These tokens one after the other; the last may be the start of one.
    Phrase(Vec<String>, bool),
}

impl TokenTest {
    /// The documents that match.
    pub(super) fn find(&self, key: &str, part: &Part) -> Result<Bits, Stop> {
        let length = part.documents();
        let index = part.reader().inverted_index(layout().text)?;
        let postings = |token: &str| -> Result<Bits, Stop> {
            let mut found = Bits::none(length);
            if let Some(mut postings) = index.read_postings(&term(key, token), IndexRecordOption::Basic)? {
                collect(&mut postings, &mut found);
            }
            Ok(found)
        };
        match self {
            Self::All(tokens) => {
                let mut found = Bits::all(length);
                for token in tokens {
                    found.intersect(&postings(token)?);
                    if found.is_empty() {
                        break;
                    }
                }
                Ok(found)
            }
            Self::Any(tokens) => {
                let mut found = Bits::none(length);
                for token in tokens {
                    found.unite(&postings(token)?);
                }
                Ok(found)
            }
            Self::Passing(test) => {
                let start = term(key, if let TextTest::Prefix(prefix) = test { prefix } else { "" });
                let field = term(key, "");
                let from = field.serialized_value_bytes().len();
                let mut found = Bits::none(length);
                let mut terms = index.terms().range().ge(start.serialized_value_bytes()).into_stream()?;
                while terms.advance() {
                    let token = match terms.key().split_at_checked(from) {
                        Some((path, token)) if path == field.serialized_value_bytes() => token,
                        _ => break,
                    };
                    let Ok(token) = std::str::from_utf8(token) else { continue };
                    if test.matches(token) {
                        let mut postings = index.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
                        collect(&mut postings, &mut found);
                    } else if matches!(test, TextTest::Prefix(_)) {
                        break;
                    }
                }
                Ok(found)
            }
            Self::Phrase(tokens, last_is_prefix) => {
                let terms: Vec<Term> = tokens.iter().map(|token| term(key, token)).collect();
                let scoring = EnableScoring::disabled_from_schema(&layout().schema);
                let weight = if *last_is_prefix {
                    let mut query = PhrasePrefixQuery::new(terms);
                    query.set_max_expansions(EXPANSIONS);
                    query.weight(scoring)?
                } else {
                    PhraseQuery::new(terms).weight(scoring)?
                };
                let mut found = Bits::none(length);
                let mut scorer = weight.scorer(part.reader(), 1.0)?;
                collect(scorer.as_mut(), &mut found);
                Ok(found)
            }
        }
    }

    /// A phrase of tokens; of one token it is simpler.
    pub(super) fn phrase(mut tokens: Vec<String>, last_is_prefix: bool) -> Option<Self> {
        match (tokens.len(), last_is_prefix) {
            (0, _) => None,
            (1, false) => Some(Self::All(tokens)),
            (1, true) => tokens.pop().map(|token| Self::Passing(TextTest::Prefix(token))),
            _ => Some(Self::Phrase(tokens, last_is_prefix)),
        }
    }

    /// Tokens between two bounds.
    pub(super) fn range(low: Bound<String>, high: Bound<String>) -> Self {
        Self::Passing(TextTest::Range(low, high))
    }
}

fn term(key: &str, token: &str) -> Term {
    let mut term = Term::from_field_json_path(layout().text, key, false);
    term.append_type_and_str(token);
    term
}

fn collect<D: DocSet + ?Sized>(documents: &mut D, found: &mut Bits) {
    let mut document = documents.doc();
    while document != TERMINATED {
        found.set(document);
        document = documents.advance();
    }
}
