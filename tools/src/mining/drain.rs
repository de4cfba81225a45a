//! Message templates of many lines: masks, then the fixed-depth parse tree of Drain (He, Zhu, Zheng, Lyu: "Drain: An Online Log Parsing
//! Approach with Fixed Depth Tree", ICWS 2017; similarity 0.5, depth 4). The result depends on which lines there are, not on their order.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, RandomState},
};

use crate::mining::{
    mask::{WILDCARD, masked_headline},
    request::endpoint,
};

/// The share of tokens that a line and its template have in common at least.
const SIMILARITY: f64 = 0.5;

/// Branches of a node of the tree; what comes later shares one.
const MOST_CHILDREN: usize = 100;

/// Templates in a leaf. Once they are so many, a line joins the most similar of them, so that the cost stays linear in the lines.
const MOST_IN_LEAF: usize = 256;

/// Tokens of a line that are compared. The rest is one more token.
const MOST_TOKENS: usize = 64;

/// A token by its hash: tokens are only ever compared.
type Token = u64;

/// What the masks left.
const MASKED: Token = 0;

/// A position where the lines of a template differ. Reads like a mask, but speaks against similarity.
const DIFFERS: Token = 1;

/// The templates of a set of lines, most frequent first.
#[derive(Debug, Default)]
pub struct Templates {
    texts: Vec<String>,
    counts: Vec<u64>,
    of_line: Vec<usize>,
    /// Masked lines by number.
    numbers: HashMap<String, usize>,
    of_number: Vec<usize>,
    tree: Tree,
    of_cluster: Vec<usize>,
}

impl Templates {
    /// Mines the templates of some lines. Of a message with several lines, the one that says what happened counts.
    pub fn mine<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut counts: Vec<u64> = Vec::new();
        let mut number_of_line = Vec::new();
        for line in lines {
            let next = counts.len();
            let number = *numbers.entry(masked_headline(line)).or_insert(next);
            match counts.get_mut(number) {
                Some(count) => *count += 1,
                None => counts.push(1),
            }
            number_of_line.push(number);
        }
        let count_of = |number: usize| counts.get(number).copied().unwrap_or(0);
        // The first bytes of a text decide nearly always: they are compared without going to it.
        let mut order: Vec<(Reverse<u64>, u128, &str, usize)> =
            numbers.iter().map(|(text, number)| (Reverse(count_of(*number)), beginning(text), text.as_str(), *number)).collect();
        order.sort_unstable();

        let mut tree = Tree::default();
        let mut cluster_of_number = vec![0; counts.len()];
        let mut count_of_cluster: Vec<u64> = Vec::new();
        for (Reverse(count), _, text, number) in &order {
            let cluster = tree.add(text);
            match count_of_cluster.get_mut(cluster) {
                Some(known) => *known += count,
                None => count_of_cluster.push(*count),
            }
            if let Some(slot) = cluster_of_number.get_mut(*number) {
                *slot = cluster;
            }
        }
        // Two leaves can hold the same template: they are one.
        let texts_of_cluster: Vec<String> = (0..tree.clusters.len()).map(|cluster| tree.text(cluster)).collect();
        let mut total_of_text: BTreeMap<&str, u64> = BTreeMap::new();
        for (text, count) in texts_of_cluster.iter().zip(&count_of_cluster) {
            *total_of_text.entry(text).or_default() += count;
        }
        let mut ranked: Vec<(&str, u64)> = total_of_text.into_iter().collect();
        ranked.sort_by_key(|(_, count)| Reverse(*count));
        let rank_of_text: HashMap<&str, usize> = ranked.iter().enumerate().map(|(rank, (text, _))| (*text, rank)).collect();
        let of_cluster: Vec<usize> =
            texts_of_cluster.iter().map(|text| rank_of_text.get(text.as_str()).copied().unwrap_or_default()).collect();
        let template_of = |cluster: usize| of_cluster.get(cluster).copied().unwrap_or_default();
        let of_number: Vec<usize> = cluster_of_number.into_iter().map(template_of).collect();
        let of_line = number_of_line.into_iter().map(|number| of_number.get(number).copied().unwrap_or_default()).collect();
        let (texts, counts) = ranked.into_iter().map(|(text, count)| (text.to_owned(), count)).unzip();
        Self { texts, counts, of_line, numbers, of_number, tree, of_cluster }
    }

    /// Templates.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether no line was seen.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The template of the line that came at this place, counted from 0; 0 for a place that had none.
    pub fn of(&self, line: usize) -> usize {
        self.of_line.get(line).copied().unwrap_or_default()
    }

    /// The text of a template, `<*>` where its lines differ; empty for a number that is none.
    pub fn template(&self, template: usize) -> &str {
        self.texts.get(template).map_or("", String::as_str)
    }

    /// Lines of a template.
    pub fn count(&self, template: usize) -> u64 {
        self.counts.get(template).copied().unwrap_or_default()
    }

    /// All templates with their lines, most frequent first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.texts.iter().map(String::as_str).zip(self.counts.iter().copied())
    }

    /// The template that another line belongs to; none when it is like none of them.
    pub fn assign(&self, line: &str) -> Option<usize> {
        let masked = masked_headline(line);
        if let Some(number) = self.numbers.get(&masked) {
            return self.of_number.get(*number).copied();
        }
        let cluster = self.tree.find(&masked)?;
        self.of_cluster.get(cluster).copied()
    }
}

/// The first bytes of a text as a number that sorts as they do.
fn beginning(text: &str) -> u128 {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(text.bytes()).for_each(|(slot, byte)| *slot = byte);
    u128::from_be_bytes(bytes)
}

/// The parse tree, its leaves keyed by the path that leads to them: depth 4 is root, number of tokens, first token, leaf. Beyond the
/// paper, the HTTP request that a line is about branches too: `GET /alert` and `GET /health` are not the same event.
#[derive(Debug, Default)]
struct Tree {
    children: HashMap<(usize, Token), usize>,
    leaf_of: HashMap<Path, usize>,
    leaves: Vec<Leaf>,
    clusters: Vec<Cluster>,
    hasher: RandomState,
}

/// The number of tokens, the first of them, and the path or method of the request.
type Path = (usize, Token, Token);

/// Lines of one template.
#[derive(Debug)]
struct Cluster {
    /// The first of them.
    line: Box<str>,
    leaf: usize,
    /// Its place in the leaf.
    slot: usize,
}

/// Clusters of as many tokens each, by the position of a token: a line is held against all of them at once.
#[derive(Debug, Default)]
struct Leaf {
    clusters: Vec<usize>,
    columns: Vec<Vec<Token>>,
}

impl Tree {
    /// Puts a masked line where it belongs and returns its cluster.
    fn add(&mut self, line: &str) -> usize {
        let tokens = self.tokens(line);
        let path = self.grow(line, &tokens);
        let number = *self.leaf_of.entry(path).or_insert(self.leaves.len());
        if number == self.leaves.len() {
            self.leaves.push(Leaf { clusters: Vec::new(), columns: vec![Vec::new(); tokens.len()] });
        }
        let next = self.clusters.len();
        let Some(leaf) = self.leaves.get_mut(number) else { return next };
        let is_full = leaf.clusters.len() >= MOST_IN_LEAF;
        if let Some((slot, similarity)) = leaf.closest(&tokens)
            && (similarity >= SIMILARITY || is_full)
            && let Some(cluster) = leaf.clusters.get(slot)
        {
            for (column, token) in leaf.columns.iter_mut().zip(&tokens) {
                if let Some(known) = column.get_mut(slot).filter(|known| **known != *token) {
                    *known = DIFFERS;
                }
            }
            return *cluster;
        }
        self.clusters.push(Cluster { line: line.into(), leaf: number, slot: leaf.clusters.len() });
        leaf.clusters.push(next);
        leaf.columns.iter_mut().zip(&tokens).for_each(|(column, token)| column.push(*token));
        next
    }

    /// The cluster of a masked line that was not there when the tree grew.
    fn find(&self, line: &str) -> Option<usize> {
        let tokens = self.tokens(line);
        let first = tokens.first().copied().unwrap_or(MASKED);
        let first = if self.children.contains_key(&(tokens.len(), first)) { first } else { MASKED };
        let endpoint = endpoint(line).map_or(MASKED, |at| tokens.get(at).copied().unwrap_or(MASKED));
        let paths = [(tokens.len(), first, endpoint), (tokens.len(), first, MASKED)];
        let leaf = self.leaves.get(*paths.iter().find_map(|path| self.leaf_of.get(path))?)?;
        let (slot, similarity) = leaf.closest(&tokens)?;
        leaf.clusters.get(slot).copied().filter(|_| similarity >= SIMILARITY)
    }

    /// The path of a line, branching where there is room.
    fn grow(&mut self, line: &str, tokens: &[Token]) -> Path {
        let length = tokens.len();
        let first = tokens.first().copied().unwrap_or(MASKED);
        // A name that holds a mask varies: it does not make a branch of its own.
        let varies = split(line).next().is_none_or(|name| name.contains(WILDCARD));
        let lengths = self.children.get(&(length, DIFFERS)).copied().unwrap_or(0);
        let first = match self.children.contains_key(&(length, first)) {
            _ if varies => MASKED,
            false if lengths >= MOST_CHILDREN => MASKED,
            known => {
                if !known {
                    self.children.insert((length, DIFFERS), lengths + 1);
                }
                first
            }
        };
        let endpoints = self.children.entry((length, first)).or_insert(0);
        let endpoint = endpoint(line).map_or(MASKED, |at| tokens.get(at).copied().unwrap_or(MASKED));
        let path = (length, first, endpoint);
        match self.leaf_of.contains_key(&path) {
            true => path,
            false if *endpoints >= MOST_CHILDREN => (length, first, MASKED),
            false => {
                *endpoints += 1;
                path
            }
        }
    }

    fn tokens(&self, line: &str) -> Vec<Token> {
        let token = |text: &str| if text == WILDCARD { MASKED } else { self.hasher.hash_one(text).max(DIFFERS + 1) };
        split(line).map(token).collect()
    }

    /// The tokens that all lines of a cluster share, as its first line has them.
    fn text(&self, cluster: usize) -> String {
        let Some(Cluster { line, leaf, slot }) = self.clusters.get(cluster) else { return String::new() };
        let columns = self.leaves.get(*leaf).map_or(&[][..], |leaf| &leaf.columns);
        let shared = |column: &Vec<Token>| column.get(*slot).is_some_and(|token| *token != DIFFERS);
        let names = split(line).zip(columns).map(|(name, column)| if shared(column) { name } else { WILDCARD });
        names.collect::<Vec<_>>().join(" ")
    }
}

/// The tokens of a line; those past the limit are one.
pub(super) fn split(line: &str) -> impl Iterator<Item = &str> {
    line.splitn(MOST_TOKENS, ' ')
}

impl Leaf {
    /// The place of the most similar cluster, the first of equals, and how similar it is: the share of tokens in common among the
    /// positions that are not masked in both. What the masks found says nothing for or against.
    fn closest(&self, tokens: &[Token]) -> Option<(usize, f64)> {
        let mut equal = vec![0_u32; self.clusters.len()];
        let mut masked = vec![0_u32; self.clusters.len()];
        for (column, token) in self.columns.iter().zip(tokens) {
            let counts = if *token == MASKED { &mut masked } else { &mut equal };
            counts.iter_mut().zip(column).for_each(|(count, other)| *count += u32::from(other == token));
        }
        let all = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
        let mut best: Option<(usize, f64)> = None;
        for (slot, (equal, masked)) in equal.into_iter().zip(masked).enumerate() {
            let compared = all - masked;
            let similarity = if compared == 0 { 1.0 } else { f64::from(equal) / f64::from(compared) };
            if best.is_none_or(|(_, other)| similarity > other) {
                best = Some((slot, similarity));
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn templates(lines: &[&str]) -> Vec<(String, u64)> {
        Templates::mine(lines.iter().copied()).iter().map(|(text, count)| (text.to_owned(), count)).collect()
    }

    fn check(lines: &[&str], expected: &[(&str, u64)]) {
        let expected: Vec<_> = expected.iter().map(|(text, count)| ((*text).to_owned(), *count)).collect();
        assert_eq!(templates(lines), expected);
    }

    #[test]
    fn lines_that_differ_in_values_are_one_template() {
        check(
            &["user alice logged in from 10.0.0.1", "user bob logged in from 10.0.0.2", "cache miss for key 17"],
            &[("user <*> logged in from <*>", 2), ("cache miss for key <*>", 1)],
        );
    }

    #[test]
    fn lines_that_begin_differently_or_are_longer_are_not() {
        check(
            &["GET /alert 404", "PUT /alert 404", "GET /alert 404 again"],
            &[("GET /alert <*>", 1), ("GET /alert <*> again", 1), ("PUT /alert <*>", 1)],
        );
    }

    #[test]
    fn a_line_of_nothing_but_values_is_a_template() {
        check(&["1 2 3", "4 5 6", ""], &[("<*> <*> <*>", 2), ("", 1)]);
    }

    #[test]
    fn a_stack_trace_is_known_by_its_headline() {
        check(&["boom\n\tat a(B.java:1)", "boom\n\tat c(D.java:2)\n\tat e"], &[("boom", 2)]);
    }

    #[test]
    fn nothing_has_no_templates() {
        let none = Templates::mine([]);
        assert!(none.is_empty());
        assert_eq!((none.of(0), none.template(0), none.count(0), none.assign("x")), (0, "", 0, None));
    }

    #[test]
    fn lines_of_another_window_are_assigned_to_the_same_templates() {
        let mined = Templates::mine(["user alice logged in", "user bob logged in", "disk full on node 3"]);
        let check = |line: &str, expected: Option<&str>| assert_eq!(mined.assign(line).map(|at| mined.template(at)), expected, "{line}");
        check("user alice logged in", Some("user <*> logged in"));
        check("user carol logged in", Some("user <*> logged in"));
        check("disk full on node 99", Some("disk full on node <*>"));
        check("disk full", None);
        check("nobody knows this line", None);
    }

    #[test]
    fn a_flood_of_different_lines_is_bounded() {
        let lines: Vec<String> = (0..3000u32).map(|n| format!("{} {} end", letters(n), letters(n.wrapping_mul(2_654_435_761)))).collect();
        let mined = Templates::mine(lines.iter().map(String::as_str));
        assert!(mined.len() <= 3000);
        assert_eq!(mined.iter().map(|(_, count)| count).sum::<u64>(), 3000);
    }

    fn letters(mut number: u32) -> String {
        let mut word = String::new();
        while number > 0 {
            word.push(char::from(b'g' + u8::try_from(number % 19).unwrap()));
            number /= 19;
        }
        word
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_order_of_lines_changes_nothing(lines in prop::collection::vec("(get|put|user|GET /[ab]|\"GET /[ab]\" x y z) [a-d]{1,2}( [a-c0-9]{1,3}){0,4}", 0..60), seed in any::<u64>()) {
            let mut shuffled: Vec<(u64, &str)> =
                lines.iter().enumerate().map(|(at, line)| ((at as u64 + 1).wrapping_mul(seed | 1), line.as_str())).collect();
            shuffled.sort_unstable();
            let (mined, other) = (Templates::mine(lines.iter().map(String::as_str)), Templates::mine(shuffled.iter().map(|(_, line)| *line)));
            prop_assert_eq!(mined.iter().collect::<Vec<_>>(), other.iter().collect::<Vec<_>>());
            for (at, (_, line)) in shuffled.iter().enumerate() {
                prop_assert_eq!(Some(other.of(at)), mined.assign(line));
            }
            prop_assert_eq!(mined.iter().map(|(_, count)| count).sum::<u64>(), lines.len() as u64);
        }
    }
}
