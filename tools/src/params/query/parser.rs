//! The grammar of a query, by recursive descent. Knows nothing of how filters become requests.

use jiff::Timestamp;

use super::{Clause, MAX_CLAUSES, MAX_DEPTH, reader::Reader};
use crate::{
    error::ToolError,
    look::{Field, Filter},
    params::condition::{self, Comparison},
};

pub(super) struct Parser {
    pub(super) reader: Reader,
    pub(super) now: Timestamp,
    clauses: usize,
    depth: usize,
}

/// What stands between a field and its value.
pub(super) enum Sign {
    Colon,
    Compare,
}

impl Parser {
    pub(super) fn new(text: &str, now: Timestamp) -> Result<Self, ToolError> {
        Ok(Self { reader: Reader::new(text)?, now, clauses: 0, depth: 0 })
    }

    /// The whole query, its topmost conjunction taken apart.
    pub(super) fn clauses(mut self) -> Result<Vec<Clause>, ToolError> {
        let start = self.reader.at;
        let first = self.conjunction(None)?;
        let clauses = if self.is_or_next() {
            let filter = self.alternatives(first, None)?;
            vec![Clause { written: self.reader.between(start, self.reader.at), filter }]
        } else {
            first
        };
        match self.reader.peek() {
            None => Ok(clauses),
            Some(_) => Err(self.fail("this parenthesis closes none", "remove it, or open one before it; `\\)` is the character itself")),
        }
    }

    fn expression(&mut self, field: Option<&Field>) -> Result<Filter, ToolError> {
        let first = self.conjunction(field)?;
        self.alternatives(first, field)
    }

    /// What follows the first operand of OR.
    fn alternatives(&mut self, first: Vec<Clause>, field: Option<&Field>) -> Result<Filter, ToolError> {
        let mut alternatives = vec![all_of(first)];
        while self.is_or_next() {
            let _ = self.reader.take("OR") || self.reader.take("||");
            alternatives.push(all_of(self.conjunction(field)?));
        }
        Ok(any_of(alternatives))
    }

    fn is_or_next(&mut self) -> bool {
        self.reader.skip_space();
        self.reader.is_word_next("OR") || self.reader.is_next("||")
    }

    /// Operands of AND: at least one, up to OR, a closing parenthesis, or the end.
    fn conjunction(&mut self, field: Option<&Field>) -> Result<Vec<Clause>, ToolError> {
        let mut clauses = Vec::new();
        loop {
            self.reader.skip_space();
            if !clauses.is_empty() {
                if self.is_or_next() || matches!(self.reader.peek(), None | Some(')')) {
                    return Ok(clauses);
                }
                if self.reader.is_word_next("AND") {
                    self.reader.at += 3;
                } else {
                    self.reader.take("&&");
                }
                self.reader.skip_space();
            }
            let start = self.reader.at;
            let filter = self.operand(field)?;
            clauses.push(Clause { written: self.reader.between(start, self.reader.at), filter });
        }
    }

    /// A condition with any number of NOT, `!`, `-`, `+` before it.
    fn operand(&mut self, field: Option<&Field>) -> Result<Filter, ToolError> {
        let mut is_negated = false;
        loop {
            self.reader.skip_space();
            if self.reader.is_word_next("NOT") {
                self.reader.at += 3;
                is_negated = !is_negated;
            } else if self.reader.is_next("!=") || self.reader.is_next("==") {
                return Err(self.fail("`!=` and `==` are not understood", "write `field:value`, or `NOT field:value`"));
            } else if self.is_sign_next('!') || self.is_sign_next('-') {
                self.reader.at += 1;
                is_negated = !is_negated;
            } else if self.is_sign_next('+') {
                self.reader.at += 1;
            } else {
                break;
            }
        }
        if ["AND", "OR", "&&", "||"].iter().any(|word| self.reader.is_word_next(word)) {
            return Err(self.fail("an operand is missing before this", "write a condition on each side, or put the word in quotes"));
        }
        let filter = self.primary(field)?;
        if matches!(self.reader.peek(), Some('~' | '^')) {
            return Err(self.unsupported(self.reader.at));
        }
        Ok(if is_negated { filter.negated() } else { filter })
    }

    fn is_sign_next(&self, sign: char) -> bool {
        self.reader.peek() == Some(sign) && self.reader.peek_at(self.reader.at + 1).is_some_and(|next| !next.is_whitespace() && next != ')')
    }

    fn primary(&mut self, field: Option<&Field>) -> Result<Filter, ToolError> {
        self.clauses += 1;
        if self.clauses > MAX_CLAUSES {
            return Err(self.fail("more than 128 conditions", "use `filters` with op `one_of` for a list of values"));
        }
        match self.reader.peek() {
            None => Err(self.fail("a condition is missing at the end", "write a word, a phrase, or `field:value`")),
            Some(')') => {
                Err(self
                    .fail("a condition is missing before this", "write a word, a phrase, or `field:value`; `\\)` is the character itself"))
            }
            Some('(') => self.group(field),
            Some('<' | '>') => match field {
                Some(field) => self.comparison(field.clone()),
                None => Err(self.fail("a field is missing before this", "write `field:>=500`, or put the text in quotes")),
            },
            Some('"') => {
                let phrase = self.reader.phrase()?;
                self.phrase(field, phrase)
            }
            Some(_) => match field {
                Some(field) => self.value(field.clone()),
                None => match self.field_ahead() {
                    Some((name, after, sign)) => {
                        self.reader.at = after;
                        self.condition(&name, &sign)
                    }
                    None => self.words(),
                },
            },
        }
    }

    fn group(&mut self, field: Option<&Field>) -> Result<Filter, ToolError> {
        let open = self.reader.at;
        if self.depth == MAX_DEPTH {
            return Err(self.fail("parentheses nested deeper than 20", "write the query with fewer parentheses"));
        }
        self.depth += 1;
        self.reader.at += 1;
        let filter = self.expression(field)?;
        self.depth -= 1;
        if !self.reader.take(")") {
            return Err(self.reader.fail(open, "this parenthesis is never closed", "close it, or write `\\(` for the character itself"));
        }
        Ok(filter)
    }

    /// Whether a field's name and a sign come next: the name, and where its value begins.
    pub(super) fn field_ahead(&self) -> Option<(String, usize, Sign)> {
        let start = self.reader.at;
        let mut end = start;
        while self.reader.peek_at(end).is_some_and(|char| char.is_alphanumeric() || "_.@-/".contains(char)) {
            end += 1;
        }
        let first = self.reader.peek_at(start)?;
        if end == start || !(first.is_alphabetic() || first == '_' || first == '@') {
            return None;
        }
        let name = self.reader.between(start, end);
        let sign_at = self.reader.after_space(end);
        let after = self.reader.peek_at(sign_at + 1);
        match self.reader.peek_at(sign_at)? {
            // `std::fmt` and `https://host` are words.
            ':' if after == Some(':') || (after == Some('/') && self.reader.peek_at(sign_at + 2) == Some('/')) => None,
            ':' => Some((name, sign_at + 1, Sign::Colon)),
            // `vec<T>` is a word; `field>5` is a comparison.
            '<' | '>' if sign_at > end => Some((name, sign_at, Sign::Compare)),
            '<' | '>' if after.is_some_and(|char| char == '=' || char == '"' || char.is_ascii_digit() || char.is_whitespace()) => {
                Some((name, sign_at, Sign::Compare))
            }
            _ => None,
        }
    }

    fn condition(&mut self, name: &str, sign: &Sign) -> Result<Filter, ToolError> {
        let field = Field::parse(name);
        if let Sign::Compare = sign {
            return self.comparison(field);
        }
        self.reader.skip_space();
        if name == "_exists_" {
            let word = self.reader.word("")?;
            let name: String = word.iter().map(|letter| letter.char).collect();
            return match name.as_str() {
                "" => Err(self.fail("a field is missing here", "write `_exists_:field`")),
                name => Ok(Filter::Exists(Field::parse(name))),
            };
        }
        match self.reader.peek() {
            None | Some(')') => {
                Err(self.fail(&format!("a value for `{name}` is missing here"), "write `field:value`, or `field:*` for any value"))
            }
            Some('(') => self.group(Some(&field)),
            Some('"') => {
                let phrase = self.reader.phrase()?;
                self.phrase(Some(&field), phrase)
            }
            Some('[' | '{') => self.range(field),
            Some('<' | '>') => self.comparison(field),
            Some('\'') => Err(self.fail("single quotes do not join words", "use double quotes")),
            Some(_) => self.value(field),
        }
    }

    fn comparison(&mut self, field: Field) -> Result<Filter, ToolError> {
        let comparison =
            [(">=", Comparison::GreaterOrEqual), ("<=", Comparison::LessOrEqual), (">", Comparison::Greater), ("<", Comparison::Less)]
                .into_iter()
                .find_map(|(sign, comparison)| self.reader.take(sign).then_some(comparison));
        self.reader.skip_space();
        let at = self.reader.at;
        let value = self.bound("")?;
        match (comparison, value) {
            (Some(comparison), Some(value)) => condition::compare(field, vec![(comparison, value)], self.now),
            _ => Err(self.reader.fail(at, "a bound is missing here", "write a number, a time or a text, such as `field:>=500`")),
        }
    }

    /// `[from TO to]`, with `{` and `}` for a bound that is left out.
    fn range(&mut self, field: Field) -> Result<Filter, ToolError> {
        let open = self.reader.at;
        let example = "write `field:[1 TO 5]`, `{` and `}` to leave a bound out, `*` for an open end";
        let is_from_included = self.reader.peek() == Some('[');
        self.reader.at += 1;
        self.reader.skip_space();
        let from = self.bound("]}")?;
        self.reader.skip_space();
        if !self.reader.is_word_next("TO") {
            return Err(self.fail("a range needs TO here", example));
        }
        self.reader.at += 2;
        self.reader.skip_space();
        let to = self.bound("]}")?;
        self.reader.skip_space();
        let is_to_included = match self.reader.peek() {
            Some(']') => true,
            Some('}') => false,
            _ => return Err(self.reader.fail(open, "this range is never closed", example)),
        };
        self.reader.at += 1;
        let lower = if is_from_included { Comparison::GreaterOrEqual } else { Comparison::Greater };
        let upper = if is_to_included { Comparison::LessOrEqual } else { Comparison::Less };
        let bounds: Vec<_> = from.map(|from| (lower, from)).into_iter().chain(to.map(|to| (upper, to))).collect();
        if bounds.is_empty() { Ok(Filter::Exists(field)) } else { condition::compare(field, bounds, self.now) }
    }

    pub(super) fn fail(&self, what: &str, next_step: &str) -> ToolError {
        self.reader.fail(self.reader.at, what, next_step)
    }
}

fn all_of(mut clauses: Vec<Clause>) -> Filter {
    if clauses.len() == 1 { clauses.swap_remove(0).filter } else { Filter::And(clauses.into_iter().map(|clause| clause.filter).collect()) }
}

/// At least one of these; values of one field become one list.
pub(super) fn any_of(mut filters: Vec<Filter>) -> Filter {
    if filters.len() == 1 {
        return filters.swap_remove(0);
    }
    let same = match filters.first() {
        Some(Filter::Is(field, _)) if filters.iter().all(|filter| matches!(filter, Filter::Is(other, _) if other == field)) => {
            Some(field.clone())
        }
        _ => None,
    };
    let Some(field) = same else { return Filter::Or(filters) };
    let values = filters.into_iter().flat_map(|filter| if let Filter::Is(_, values) = filter { values } else { Vec::new() });
    Filter::Is(field, values.collect())
}
