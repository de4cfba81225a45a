//! The layers below the flags: variables and the file. Knows names, not meanings.

use std::{collections::BTreeMap, ffi::OsString, fs, path::Path};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory as _, FromArgMatches as _, builder::OsStr, parser::ValueSource};

use super::{
    arguments::Arguments,
    variables::{Layers, Value},
};

/// The flags of which one names the source: a source given in a higher layer hides those of the lower ones.
const SOURCES: [&str; 3] = ["es-url", "logs", "demo"];

/// The file, read: values by flag, and the field roles.
#[derive(Debug, Default)]
struct File {
    values: BTreeMap<String, Value>,
    fields: BTreeMap<String, String>,
}

/// The command line over its lower layers.
#[derive(Debug)]
pub struct Parsed {
    /// The command and its settings.
    pub arguments: Arguments,
    /// The file's table of field roles: role → field.
    pub fields: BTreeMap<String, String>,
    /// Where settings come from variables of other servers, each as a sentence.
    pub borrowed: Vec<String>,
}

/// Reads the command line over its lower layers.
///
/// # Errors
/// A [`clap::Error`] for a wrong command line (also for `--help`); otherwise what is wrong with a variable or the file.
pub fn parse(arguments: impl IntoIterator<Item = OsString>, layers: &Layers) -> Result<Parsed> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let command = Arguments::command();
    // A first look, to see which settings the flags give, the file's place among them.
    let first = command.clone().try_get_matches_from(&arguments)?;
    let (_, chosen) = first.subcommand().ok_or_else(|| anyhow!("no command"))?;
    let file = match given_path(chosen).or(layers.variable("config")?.map(|value| value.texts.concat())) {
        Some(path) => read_file(Path::new(&path), &flags(&command))?,
        None => File::default(),
    };
    let mut borrowed = Vec::new();
    let layered = layered(command, chosen, layers, &file, &mut borrowed)?;
    let matches = layered.try_get_matches_from(&arguments)?;
    borrowed.sort();
    borrowed.dedup();
    Ok(Parsed { arguments: Arguments::from_arg_matches(&matches)?, fields: file.fields, borrowed })
}

fn given_path(chosen: &ArgMatches) -> Option<String> {
    chosen.get_one::<std::path::PathBuf>("config").map(|path| path.display().to_string())
}

/// The command with the lower layers' values as its defaults.
fn layered(command: Command, chosen: &ArgMatches, layers: &Layers, file: &File, borrowed: &mut Vec<String>) -> Result<Command> {
    let is_known = |id: &str| chosen.try_contains_id(id).is_ok();
    let given = |id: &str| is_known(id) && chosen.value_source(id) == Some(ValueSource::CommandLine);
    let source_given = SOURCES.iter().any(|flag| given(&flag.replace('-', "_")));
    let source_in_variables = SOURCES.iter().any(|flag| !matches!(layers.variable(flag), Ok(None)));
    let mut failure = None;
    let mut layer = |arg: Arg| -> Arg {
        let Some(flag) = arg.get_long().map(str::to_owned) else { return arg };
        let is_source = SOURCES.contains(&flag.as_str());
        let is_wanted = is_known(arg.get_id().as_str()) && !given(arg.get_id().as_str()) && !(is_source && source_given);
        let variable = layers.variable(&flag).unwrap_or_else(|error| {
            if is_wanted {
                failure.get_or_insert(error);
            }
            None
        });
        let from_variable = || variable.filter(|_| !(is_source && source_given));
        let from_file = || file.values.get(&flag).cloned().filter(|_| !(is_source && (source_given || source_in_variables)));
        let Some(value) = from_variable().or_else(from_file) else { return arg };
        if value.is_borrowed && is_wanted {
            borrowed.push(format!("{} is read as --{flag}", value.origin));
        }
        match defaults(&arg, &value) {
            Ok(defaults) if arg.get_action().takes_values() => arg.default_values(defaults).hide_default_value(true),
            Ok(defaults) => arg.default_values(defaults),
            Err(error) => {
                failure.get_or_insert(error);
                arg
            }
        }
    };
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let mut command = command.mut_args(&mut layer);
    for name in names {
        command = command.mut_subcommand(name, |sub| sub.mut_args(&mut layer));
    }
    failure.map_or(Ok(command), Err)
}

/// A value in the form that the argument's parser takes.
fn defaults(arg: &Arg, value: &Value) -> Result<Vec<OsStr>> {
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        let text = value.texts.concat();
        let normal = match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => "true",
            "false" | "0" | "no" | "off" => "false",
            _ => bail!("{} is `{text}`; true or false is expected", value.origin),
        };
        return Ok(vec![normal.into()]);
    }
    let is_list = matches!(arg.get_action(), ArgAction::Append);
    let parts = value.texts.iter().flat_map(|text| if is_list { text.split(',').collect() } else { vec![text.as_str()] });
    let parts: Vec<&str> = parts.map(str::trim).collect();
    // A wrong value of a default would be a panic of clap's in debug builds, and would not name where it came from: so
    // it is tried alone first.
    let alone = Arg::new("value").long("value").value_parser(arg.get_value_parser().clone());
    let probe = Command::new("elk-mcp").arg(alone);
    for part in &parts {
        probe
            .clone()
            .try_get_matches_from(["elk-mcp", &format!("--value={part}")])
            .map_err(|error| anyhow!("{} has an {}", value.origin, first_line(&error)))?;
    }
    Ok(parts.into_iter().map(|part| part.to_owned().into()).collect())
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").replace(" for '--value <value>'", "")
}

/// All long flags of all commands.
fn flags(command: &Command) -> Vec<String> {
    let all = command.get_arguments().chain(command.get_subcommands().flat_map(Command::get_arguments));
    let mut flags: Vec<String> = all.filter_map(Arg::get_long).map(str::to_owned).collect();
    flags.sort();
    flags.dedup();
    // A file that names another file would have to say which of them wins.
    flags.retain(|flag| flag != "config");
    flags
}

fn read_file(path: &Path, flags: &[String]) -> Result<File> {
    let text = fs::read_to_string(path).with_context(|| format!("--config {} cannot be read", path.display()))?;
    let table: toml::Table = text.parse().with_context(|| format!("--config {} is no TOML", path.display()))?;
    let mut file = File::default();
    for (key, value) in table {
        let flag = key.replace('_', "-");
        let origin = format!("the key `{key}` of {}", path.display());
        if flag == "fields" {
            let toml::Value::Table(fields) = value else { bail!("{origin} must be a table: role = \"field\"") };
            for (role, field) in fields {
                let toml::Value::String(field) = field else { bail!("{origin}: the field of the role `{role}` must be a string") };
                file.fields.insert(role, field);
            }
            continue;
        }
        if !flags.contains(&flag) {
            let nearest = nearest(&flag, flags.iter().map(String::as_str)).map_or(String::new(), |near| format!("; is `{near}` meant?"));
            bail!("{origin} is no setting{nearest}");
        }
        let texts = match value {
            toml::Value::Array(items) => items.iter().map(|item| scalar(item, &origin)).collect::<Result<_>>()?,
            single => vec![scalar(&single, &origin)?],
        };
        file.values.insert(flag, Value { texts, origin, is_borrowed: false });
    }
    Ok(file)
}

fn scalar(value: &toml::Value, origin: &str) -> Result<String> {
    Ok(match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Boolean(flag) => flag.to_string(),
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => {
            bail!("{origin} must be a string, a number, true or false, or a list of strings")
        }
    })
}

/// The candidate that takes the fewest edits, unless more than a third of it would be edited.
pub(crate) fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (edits(text, candidate), candidate))
        .min()
        .filter(|(edits, candidate)| *edits <= candidate.len().div_ceil(3))
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in bytes.
fn edits(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = i;
        let mut last = i + 1;
        let mut next = vec![last];
        for (b, &above) in right.bytes().zip(row.iter().skip(1)) {
            last = (diagonal + usize::from(a != b)).min(above + 1).min(last + 1);
            diagonal = above;
            next.push(last);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::config::arguments::{Command as Chosen, SourceArguments, ToolingArguments};

    fn call(
        flags: &[&str],
        variables: &[(&str, &str)],
        file: &str,
    ) -> Result<(SourceArguments, ToolingArguments, BTreeMap<String, String>)> {
        let mut written = tempfile::NamedTempFile::new().unwrap();
        written.write_all(file.as_bytes()).unwrap();
        let path = written.path().display().to_string();
        let line =
            ["elk-mcp", "call", "--config", &path].iter().chain(flags).chain(&["list_indices"]).map(OsString::from).collect::<Vec<_>>();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let Parsed { arguments, fields, .. } = parse(line, &Layers { variables })?;
        match arguments.command {
            Chosen::Call { source, tooling, .. } => Ok((source, tooling, fields)),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn check_tokens(flags: &[&str], variables: &[(&str, &str)], file: &str, expected: u32) {
        assert_eq!(call(flags, variables, file).unwrap().1.max_tokens, expected);
    }

    #[test]
    fn a_flag_wins_over_a_variable_and_that_over_the_file_and_that_over_the_default() {
        let (flag, variable, file) = (&["--max-tokens=1000"][..], &[("ELK_MCP_MAX_TOKENS", "2000")][..], "max-tokens = 3000");
        check_tokens(flag, variable, file, 1_000);
        check_tokens(&[], variable, file, 2_000);
        check_tokens(&[], &[], file, 3_000);
        check_tokens(&[], &[], "max_tokens = \"3000\"", 3_000);
        check_tokens(&[], &[], "", 6_000);
    }

    #[test]
    fn variables_of_other_servers_are_understood_below_our_own() {
        let url = |variables: &[(&str, &str)]| call(&[], variables, "").unwrap().0.es_url.unwrap();
        assert_eq!(url(&[("ES_URL", "a")]), "a");
        assert_eq!(url(&[("ELASTICSEARCH_URL", "b"), ("OPENSEARCH_URL", "b")]), "b");
        assert_eq!(url(&[("ES_URL", "a"), ("ELK_MCP_ES_URL", "d")]), "d");
        assert_eq!(url(&[("ES_URL", "a"), ("OPENSEARCH_URL", "c"), ("ELK_MCP_ES_URL", "d")]), "d");
        let skips = |name: &str, text: &str| call(&[], &[("ES_URL", "u"), (name, text)], "").unwrap().0.es_ssl_skip_verify;
        assert!(skips("ES_SSL_SKIP_VERIFY", "1") && skips("VERIFY_CERTS", "false") && skips("OPENSEARCH_SSL_VERIFY", "0"));
        assert!(!skips("VERIFY_CERTS", "true"));
    }

    #[test]
    fn variables_of_other_servers_that_differ_are_an_error_that_names_both() {
        let two = [("ES_URL", "a"), ("OPENSEARCH_URL", "b")];
        refused(&two, "", &["ES_URL", "OPENSEARCH_URL", "ELK_MCP_ES_URL"]);
        refused(&[("ES_SSL_SKIP_VERIFY", "true"), ("VERIFY_CERTS", "true")], "", &["ES_SSL_SKIP_VERIFY", "VERIFY_CERTS"]);
        // Unless the flag says what counts, or the command has none.
        assert_eq!(call(&["--es-url", "c"], &two, "").unwrap().0.es_url.as_deref(), Some("c"));
        assert!(call(&["--demo"], &two, "").unwrap().0.demo);
        let variables = two.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert!(parse(["elk-mcp", "tools"].map(OsString::from), &Layers { variables }).is_ok());
    }

    #[test]
    fn variables_of_other_servers_that_are_in_use_are_told() {
        let borrowed = |flags: &[&str], variables: &[(&str, &str)]| {
            let line = ["elk-mcp", "stdio"].iter().chain(flags).map(OsString::from);
            let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            parse(line, &Layers { variables }).unwrap().borrowed
        };
        assert_eq!(borrowed(&[], &[("ES_URL", "a"), ("ELK_MCP_ES_USERNAME", "u")]), ["the variable ES_URL is read as --es-url"]);
        assert!(borrowed(&["--es-url", "b"], &[("ES_URL", "a")]).is_empty());
        assert!(borrowed(&["--demo"], &[("ES_URL", "a")]).is_empty());
        assert!(borrowed(&[], &[("ES_URL", "a"), ("ELK_MCP_ES_URL", "b")]).is_empty());
    }

    #[test]
    fn a_source_of_a_higher_layer_hides_those_below() {
        let source = call(&["--demo"], &[("ES_URL", "a")], "logs = [\"x\", \"y\"]").unwrap().0;
        assert!(source.demo && source.es_url.is_none() && source.logs.is_empty());
        let source = call(&[], &[("ES_URL", "a")], "demo = true").unwrap().0;
        assert!(!source.demo && source.es_url.is_some());
        assert_eq!(call(&[], &[], "logs = [\"x\", \"y\"]").unwrap().0.logs.len(), 2);
    }

    #[track_caller]
    fn refused(variables: &[(&str, &str)], file: &str, names: &[&str]) {
        let error = format!("{:#}", call(&[], variables, file).unwrap_err());
        assert!(names.iter().all(|name| error.contains(name)), "{error}");
    }

    #[test]
    fn what_is_wrong_in_a_lower_layer_is_named_with_its_place() {
        refused(&[], "max-token = 5", &["`max-token`", "`max-tokens`"]);
        refused(&[], "frobnicate = 5", &["`frobnicate` of", "is no setting"]);
        refused(&[], "max-tokens = 5", &["`max-tokens`", "5"]);
        refused(&[], "max-tokens = 5.5", &["`max-tokens`", "must be"]);
        refused(&[], "config = \"x\"", &["`config`"]);
        refused(&[], "fields = 1", &["`fields`", "table"]);
        refused(&[], "= 1", &["no TOML"]);
        refused(&[("ELK_MCP_MAX_TOKENS", "many")], "", &["ELK_MCP_MAX_TOKENS", "many"]);
        refused(&[("ES_SSL_SKIP_VERIFY", "perhaps")], "", &["ES_SSL_SKIP_VERIFY", "perhaps"]);
    }

    #[test]
    fn settings_of_other_commands_may_stand_in_the_file() {
        let fields = call(&[], &[], "listen = \"127.0.0.1:0\"\n[fields]\nservice = \"my.service\"").unwrap().2;
        assert_eq!(fields.get("service").map(String::as_str), Some("my.service"));
    }

    #[test]
    fn the_nearest_name_is_near() {
        assert_eq!(nearest("es-ur", ["es-url", "logs"]), Some("es-url"));
        assert_eq!(nearest("zzzzzz", ["es-url", "logs"]), None);
    }
}
