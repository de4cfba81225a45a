//! Which services a line names: where the broken one logs nothing itself, its callers do. Knows no tool and no search.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Endings that say no more than that it is a service.
const ENDINGS: [&str; 6] = ["service", "svc", "server", "srv", "api", "app"];

/// Endings of classes that are named after the service that they belong to.
const CLASSES: [&str; 8] = ["impl", "client", "controller", "exception", "stub", "proxy", "blockingstub", "grpc"];

/// A shorter stem is too likely an ordinary word.
const SHORTEST_STEM: usize = 4;

/// A first part of names that says no more than which system it is: as many services have it, and at least half of all.
const SHARED_BY: usize = 3;

/// Services that one line can name; a longer list is a listing, and blames nobody.
const MOST_OF_A_LINE: usize = 16;

/// Words right before the name of a host that was not reached.
const BEFORE_HOST: [&str; 12] = [
    "lookup",
    "host",
    "hostname",
    "dial",
    "resolve",
    "resolving",
    "unknownhostexception",
    "connectexception",
    "econnrefused",
    "enotfound",
    "eai_again",
    "ehostunreach",
];

/// As [`BEFORE_HOST`], with `to` between.
const BEFORE_TO: [&str; 6] = ["connect", "connecting", "connection", "connections", "reconnect", "reconnecting"];

/// Words right before the name of a service that was called.
const BEFORE_CALLED: [&str; 9] =
    ["calling", "invoking", "contacting", "contact", "reach", "reaching", "upstream", "downstream", "requesting"];

/// As [`BEFORE_CALLED`], with `to` or `from` between.
const CALLED_TO: [&str; 8] = ["call", "calls", "request", "requests", "talk", "talking", "send", "sending"];
const CALLED_FROM: [&str; 9] = ["response", "responses", "reply", "error", "errors", "answer", "fetch", "fetching", "reading"];

/// How a line names a service, the least certain first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Naming {
    /// By a single word that may be an ordinary one: `order` of `order-service`.
    Word,
    /// By its full name, in any spelling, or by the name of one of its pods or classes.
    Name,
    /// As a host that was called or not reached.
    Host,
}

/// A service that a line names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mention<'m> {
    /// The service; for a host that is no known service, the host as the line has it, without domain and port where it is
    /// inside the cluster.
    pub service: &'m str,
    /// One of the known services.
    pub is_known: bool,
    /// How.
    pub naming: Naming,
}

/// The services of a system, by what may stand for them in a line.
#[derive(Debug, Clone, Default)]
pub struct Services {
    names: Vec<String>,
    /// Letters and digits of a name in lower case, and whose it is.
    keys: HashMap<String, (usize, Naming)>,
}

impl Services {
    /// Knows these services by their full names, with and without what most of them begin with; and by stems that only one
    /// of them has.
    pub fn of<'s>(services: impl IntoIterator<Item = &'s str>) -> Self {
        let names: BTreeSet<&str> = services.into_iter().filter(|name| !name.is_empty()).collect();
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let prefix = shared_prefix(&names);
        let mut claims: BTreeMap<(bool, String), Vec<(usize, Naming)>> = BTreeMap::new();
        for (number, name) in names.iter().enumerate() {
            let mut claim = |is_full: bool, key: &str, naming| {
                claims.entry((!is_full, key.to_owned())).or_default().push((number, naming));
            };
            let full = glued(name);
            claim(true, &full, naming_of(name));
            let bare = prefix.and_then(|prefix| name.get(prefix.len()..)).filter(|bare| name.len() > bare.len()).unwrap_or(name);
            let bare_key = glued(bare);
            if bare.len() < name.len() {
                claim(false, &bare_key, naming_of(bare));
            }
            for whole in [&full, &bare_key] {
                let stem = ENDINGS.iter().find_map(|ending| whole.strip_suffix(ending));
                if let Some(stem) = stem.filter(|stem| stem.len() >= SHORTEST_STEM) {
                    let parts = bare.split(['-', '_', '.']).filter(|part| !ENDINGS.contains(part)).count();
                    claim(false, stem, if parts > 1 { Naming::Name } else { Naming::Word });
                }
            }
        }
        let mut keys = HashMap::new();
        // Full names come first, and keep what a stem claims too.
        for ((_, key), mut of) in claims {
            of.dedup_by_key(|(number, _)| *number);
            if let ([only], false) = (of.as_slice(), key.is_empty()) {
                keys.entry(key).or_insert(*only);
            }
        }
        Self { names, keys }
    }

    /// The services that a line of `writer` names, the writer itself left out, each once and by its most certain naming; and
    /// hosts that the line could not reach. A service that is named as the caller is not meant. Takes one pass over the line.
    pub fn mentioned<'m>(&'m self, writer: &str, line: &'m str) -> Vec<Mention<'m>> {
        let mut reader = Reader { services: self, writer, found: Vec::new(), buffer: String::new() };
        let mut before = ["", ""];
        let mut runs = line.split(|char: char| !is_part(char)).filter(|run| !run.is_empty()).peekable();
        while let Some(run) = runs.next() {
            reader.read(run, runs.peek().copied().unwrap_or_default(), context(before));
            let word = run.trim_end_matches([':', '.']);
            // The class of an exception, without its package.
            before = [before[1], word.rsplit('.').next().unwrap_or(word)];
        }
        reader.found
    }

    /// Whom a token names: its letters and digits as they are, or without what a pod's or a class's name ends with.
    fn find(&self, token: &str, buffer: &mut String) -> Option<(usize, Naming)> {
        let mut known = |token: &str| {
            buffer.clear();
            buffer.extend(token.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase));
            self.keys.get(buffer.as_str()).copied()
        };
        if let Some(found) = known(token) {
            return Some(found);
        }
        let is_full = |found: &(usize, Naming)| found.1 > Naming::Word;
        let (pod, _) = token.rsplit_once('-').filter(|(_, end)| is_generated(end))?;
        if let Some(found) = known(pod) {
            return Some((found.0, Naming::Name));
        }
        let (set, _) = pod.rsplit_once('-').filter(|(_, end)| is_generated(end))?;
        known(set).map(|found| (found.0, Naming::Name)).filter(is_full)
    }

    /// Whom a class is named after.
    fn find_class(&self, token: &str, buffer: &mut String) -> Option<(usize, Naming)> {
        if !token.starts_with(char::is_uppercase) || !token.chars().all(char::is_alphanumeric) {
            return None;
        }
        buffer.clear();
        buffer.extend(token.chars().flat_map(char::to_lowercase));
        let found = CLASSES.iter().find_map(|ending| self.keys.get(buffer.strip_suffix(ending)?));
        found.copied().filter(|(_, naming)| *naming > Naming::Word)
    }
}

/// What of most names says only which system it is, with the separator after it.
fn shared_prefix(names: &[String]) -> Option<&str> {
    let head = |name: &'_ String| name.find(['-', '_', '.']).map(|at| at + 1);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        if let Some(head) = head(name).and_then(|end| name.get(..end)) {
            *counts.entry(head).or_default() += 1;
        }
    }
    let (head, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    (count >= SHARED_BY && count * 2 >= names.len()).then_some(head)
}

/// How certain a full name is: of several words, or with the ending of a service, it is nothing else.
fn naming_of(name: &str) -> Naming {
    let key = glued(name);
    let is_compound = name.trim_matches(['-', '_', '.']).contains(['-', '_', '.']);
    let has_ending = ENDINGS.iter().any(|ending| key.strip_suffix(ending).is_some_and(|stem| !stem.is_empty()));
    if is_compound || has_ending { Naming::Name } else { Naming::Word }
}

/// Letters and digits in lower case: the same for `OrderService`, `order-service` and `order_service`.
fn glued(name: &str) -> String {
    name.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What names, addresses and paths consist of.
fn is_part(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '-' | '_' | '.' | ':' | '/' | '@')
}

/// An ending that Kubernetes gives to pods and replica sets: digits, or its alphabet without vowels
/// (`k8s.io/apimachinery/pkg/util/rand`).
fn is_generated(end: &str) -> bool {
    let safe = |byte: u8| b"bcdfghjklmnpqrstvwxz2456789".contains(&byte);
    let is_random = matches!(end.len(), 5 | 8..=10) && end.bytes().all(safe);
    is_random
        || (!end.is_empty() && end.len() <= 10 && end.bytes().all(|byte| byte.is_ascii_digit()))
        || (matches!(end.len(), 8..=10)
            && end.bytes().all(|byte| byte.is_ascii_hexdigit())
            && end.bytes().any(|byte| byte.is_ascii_digit()))
}

/// What the words before a name say of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    /// It is a host.
    Host,
    /// It was called.
    Called,
    /// It called: nobody blames it.
    Caller,
}

fn context([second, first]: [&str; 2]) -> Said {
    let is_in = |words: &[&str], word: &str| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    let is = |word: &str| first.eq_ignore_ascii_case(word);
    let dials = is_in(&["tcp", "udp", "tcp4", "tcp6"], first) && is_in(&["dial", "lookup"], second);
    if dials || is_in(&BEFORE_HOST, first) || (is("to") && is_in(&BEFORE_TO, second)) {
        Said::Host
    } else if (is("from") && is_in(&["request", "requests", "call", "calls", "called"], second)) || (is("by") && is_in(&["called"], second))
    {
        Said::Caller
    } else if is_in(&BEFORE_CALLED, first) || (is("to") && is_in(&CALLED_TO, second)) || (is("from") && is_in(&CALLED_FROM, second)) {
        Said::Called
    } else {
        Said::Nothing
    }
}

/// One line being read.
struct Reader<'m, 'w> {
    services: &'m Services,
    writer: &'w str,
    found: Vec<Mention<'m>>,
    buffer: String,
}

impl<'m> Reader<'m, '_> {
    /// Reads what stands between two blanks, quotes or brackets.
    fn read(&mut self, run: &'m str, next: &str, said: Said) {
        let run = run.trim_end_matches([':', '.', '/', '@']);
        if said == Said::Caller {
            return;
        }
        if let Some((_, rest)) = run.split_once("://") {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let address = authority.rsplit('@').next().unwrap_or(authority);
            self.host(address, true);
            return path.split('/').for_each(|part| self.token(part, Naming::Name, Naming::Name));
        }
        let address = run.trim_start_matches('/').split('/').next().unwrap_or_default();
        let is_inside = inside(address.split(':').next().unwrap_or_default());
        if said == Said::Host || is_inside {
            self.host(address, said == Said::Host);
            return;
        }
        // A path names what it asks for; a word in it is a thing, not a service.
        let least = if run.starts_with('/') { Naming::Name } else { Naming::Word };
        let follows = || ENDINGS.iter().any(|ending| next.trim_end_matches(['.', ':']).eq_ignore_ascii_case(ending));
        for (number, part) in run.split(['/', '@', '.']).enumerate() {
            let (name, port) = part.split_once(':').unwrap_or((part, ""));
            let is_port = is_port(port);
            let most = match said {
                Said::Called if number == 0 => Naming::Host,
                _ if is_port => Naming::Host,
                _ if follows() => Naming::Name,
                _ => Naming::Word,
            };
            self.token(name, least, most);
            if !is_port {
                port.split(':').for_each(|rest| self.token(rest, least, Naming::Word));
            }
        }
    }

    /// A name that may be written with domain and port. Unknown ones count where something wanted to reach them.
    fn host(&mut self, address: &'m str, counts_unknown: bool) {
        let whole = address.split(':').next().unwrap_or_default().trim_end_matches('.');
        let label = whole.split('.').next().unwrap_or_default();
        if let Some((number, _)) = self.services.find(label, &mut self.buffer) {
            return self.add(number, Naming::Host);
        }
        let looks_like_host = address.contains(['.', ':']) || label.contains('-');
        let is_name = label.len() > 2 && label.starts_with(char::is_alphabetic) && !label.eq_ignore_ascii_case("localhost");
        if counts_unknown && looks_like_host && is_name {
            let service = if inside(whole) { label } else { whole };
            self.push(Mention { service, is_known: false, naming: Naming::Host });
        }
    }

    /// A word: counted if it names somebody at least as certainly as `least`; what surrounds it may make it more certain.
    fn token(&mut self, token: &str, least: Naming, most: Naming) {
        let token = token.trim_matches(['-', '_']);
        let found = self.services.find(token, &mut self.buffer).or_else(|| self.services.find_class(token, &mut self.buffer));
        if let Some((number, naming)) = found.filter(|(_, naming)| *naming >= least) {
            self.add(number, naming.max(most));
        }
    }

    fn add(&mut self, number: usize, naming: Naming) {
        let services = self.services;
        if let Some(service) = services.names.get(number).filter(|service| *service != self.writer) {
            self.push(Mention { service, is_known: true, naming });
        }
    }

    fn push(&mut self, mention: Mention<'m>) {
        if let Some(known) = self.found.iter_mut().find(|known| known.service == mention.service) {
            known.naming = known.naming.max(mention.naming);
        } else if self.found.len() < MOST_OF_A_LINE {
            self.found.push(mention);
        }
    }
}

/// A name inside a cluster or a private network.
fn inside(host: &str) -> bool {
    host.split('.').skip(1).any(|label| matches!(label, "svc" | "local" | "internal" | "consul"))
}

/// A port that a service listens at, rather than a number of a line or of a thing.
fn is_port(text: &str) -> bool {
    text.len() <= 5 && text.parse::<u16>().is_ok_and(|port| port >= 1024 || matches!(port, 80 | 443))
}

#[cfg(test)]
mod tests;
