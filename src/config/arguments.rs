//! The command line as clap reads it: names, help, defaults. What the values mean together is decided elsewhere.

#![allow(rustdoc::bare_urls, reason = "help texts are printed as they are")]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{sample::Scenario, secret::Secret};

/// Lets an AI agent investigate incidents in the logs of an Elasticsearch or OpenSearch cluster: an MCP server,
/// read-only, over HTTPS.
#[derive(Debug, Parser)]
#[command(name = "elk-mcp", version, about, after_help = LAYERS, subcommand_required = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// For every command.
    #[command(flatten)]
    pub general: General,
}

const LAYERS: &str = "Every flag --x-y is also the variable ELK_MCP_X_Y and the key x-y of the --config file: a flag wins over a \
    variable, a variable over the file. A secret can also be given by file: --es-api-key-file.";

/// Settings of every command.
#[derive(Debug, Args)]
pub struct General {
    /// TOML file of settings, one key a flag; field roles in a table named fields
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What is logged on standard error: error, warn, info, debug, trace, or a filter such as elk_mcp=debug [default: info
    /// for the commands that serve, warn for the others]
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// Form of the log
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub log_format: LogFormat,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line, in the names of ECS.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the tools over HTTPS
    Serve {
        /// Where the logs are.
        #[command(flatten)]
        source: SourceArguments,
        /// How tools answer.
        #[command(flatten)]
        tooling: ToolingArguments,
        /// How to listen.
        #[command(flatten)]
        serving: ServingArguments,
    },
    /// Serve the tools over standard input and output, to the program that started this one
    Stdio {
        /// Where the logs are.
        #[command(flatten)]
        source: SourceArguments,
        /// How tools answer.
        #[command(flatten)]
        tooling: ToolingArguments,
    },
    /// Call one tool and print its answer
    Call {
        /// Name of the tool; `elk-mcp tools` lists them
        tool: String,
        /// Arguments as key=value, or one JSON object. A value is read as JSON where it is JSON, else as a string
        #[arg(value_name = "KEY=VALUE | JSON")]
        arguments: Vec<String>,
        /// Print the structured answer, or the error, as JSON on standard output
        #[arg(long)]
        json: bool,
        /// Where the logs are.
        #[command(flatten)]
        source: SourceArguments,
        /// How tools answer.
        #[command(flatten)]
        tooling: ToolingArguments,
    },
    /// List the tools as a client gets them
    Tools {
        /// One tool only
        tool: Option<String>,
        /// Print the JSON that a client gets
        #[arg(long)]
        json: bool,
        /// Leave the output schemas out of the JSON
        #[arg(long)]
        no_output_schemas: bool,
        /// Which tools.
        #[command(flatten)]
        selection: Selection,
    },
    /// Ask a running server whether it is well: for containers, whose images have no curl. Exit code 0 or 1
    Healthcheck(HealthcheckArguments),
    /// Make the keys that clients sign in with
    Key {
        /// What to do with a key.
        #[command(subcommand)]
        action: KeyAction,
    },
    /// Investigate without a model: from an id, a trace, a time, an alert, or nothing but the last hour
    Investigate {
        /// What is known.
        #[command(flatten)]
        clue: ClueArguments,
        /// Where the logs are.
        #[command(flatten)]
        source: SourceArguments,
        /// How tools answer.
        #[command(flatten)]
        tooling: ToolingArguments,
    },
    /// Tell a sample incident call by call, then serve it
    Demo {
        /// Which one
        #[arg(long, value_enum, value_name = "SCENARIO", default_value_t)]
        scenario: Scenario,
        /// End after the story
        #[arg(long)]
        once: bool,
        /// Write the findings to this file, as one HTML page
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
        /// Address to serve the sample on
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
        listen: String,
    },
}

/// Which server to ask, and what.
#[derive(Debug, Args)]
pub struct HealthcheckArguments {
    /// Address of the server [default: that of --listen on this machine]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Ask whether the cluster answers too, not only whether the server is alive
    #[arg(long)]
    pub ready: bool,
    /// PEM file of the authority to trust. Not needed for a loopback address, where any certificate is taken
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Address that the server listens on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    pub listen: String,
    /// The server speaks plain HTTP
    #[arg(long)]
    pub insecure_http: bool,
}

/// What to do with a client's key.
#[derive(Debug, Subcommand)]
pub enum KeyAction {
    /// Make a key: prints it, this once, and then its line for the --client-keys file
    New {
        /// Name of whoever gets the key, as it stands in the log
        name: String,
    },
    /// Read a key from standard input and print its line for the --client-keys file
    Hash {
        /// Name of whoever has the key, as it stands in the log
        name: String,
    },
}

/// What an investigation begins with, and how it is told.
#[derive(Debug, Args)]
#[command(next_help_heading = "Clue")]
pub struct ClueArguments {
    /// Id of a message, a request, an order: anything that log lines carry
    #[arg(long, value_name = "ID")]
    pub message_id: Option<String>,
    /// Id of a trace, in any notation
    #[arg(long, value_name = "ID")]
    pub trace_id: Option<String>,
    /// When it was noticed: RFC 3339, epoch, now-2h
    #[arg(long, value_name = "TIME")]
    pub around: Option<String>,
    /// When it began, where that is known: then the time from there to --end is looked at, and nothing else
    #[arg(long, value_name = "TIME", requires = "end", conflicts_with_all = ["around", "window"])]
    pub start: Option<String>,
    /// Where that time ends
    #[arg(long, value_name = "TIME", requires = "start")]
    pub end: Option<String>,
    /// Where it was noticed
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// File with the payload of an alert, - for standard input: Datadog, AWS DevOps Agent, Alertmanager, PagerDuty, or any JSON
    /// with a time, a service or an id
    #[arg(long, value_name = "FILE")]
    pub alert: Option<String>,
    /// How much time before it is looked at, from 2m to 14h [default: 1h]
    #[arg(long, value_name = "DURATION")]
    pub window: Option<String>,
    /// How the findings are written
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// Write them to a file
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print the JSON schema of the findings and end
    #[arg(long)]
    pub schema: bool,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal.
    Text,
    /// The published structure.
    Json,
    /// One page that needs nothing else.
    Html,
}

/// Where the logs are: a cluster, files, or the sample.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Source")]
pub struct SourceArguments {
    /// Address of a cluster; several, comma-separated, are nodes of one cluster
    #[arg(long, value_name = "URL", conflicts_with_all = ["logs", "demo"])]
    pub es_url: Option<String>,
    /// Files or folders of logs: NDJSON of documents, of _bulk pairs, of Filebeat output; .gz and .zst too
    #[arg(long, value_name = "FILE|FOLDER", num_args = 1.., conflicts_with = "demo")]
    pub logs: Vec<PathBuf>,
    /// A sample incident
    #[arg(long)]
    pub demo: bool,
    /// Which one [default: bad-deploy]
    #[arg(long, value_enum, value_name = "SCENARIO")]
    pub scenario: Option<Scenario>,
    /// Names and patterns that may be read, comma-separated: logs-*,app-*. Must be set for a cluster
    #[arg(long, value_name = "PATTERNS")]
    pub allowed_indices: Option<String>,
    /// API key, as id:key or encoded
    #[arg(long, value_name = "KEY")]
    pub es_api_key: Option<Secret>,
    /// File with the API key
    #[arg(long, value_name = "FILE")]
    pub es_api_key_file: Option<PathBuf>,
    /// User
    #[arg(long, value_name = "NAME")]
    pub es_username: Option<String>,
    /// The user's password
    #[arg(long, value_name = "PASSWORD")]
    pub es_password: Option<Secret>,
    /// File with the user's password
    #[arg(long, value_name = "FILE")]
    pub es_password_file: Option<PathBuf>,
    /// Bearer token, such as a service account's
    #[arg(long, value_name = "TOKEN")]
    pub es_bearer_token: Option<Secret>,
    /// File with the bearer token
    #[arg(long, value_name = "FILE")]
    pub es_bearer_token_file: Option<PathBuf>,
    /// PEM file of the authority that signed the cluster's certificate, trusted in place of the system's
    #[arg(long, value_name = "FILE")]
    pub es_ca_cert: Option<PathBuf>,
    /// PEM file of a client certificate and its chain
    #[arg(long, value_name = "FILE", requires = "es_client_key")]
    pub es_client_cert: Option<PathBuf>,
    /// PEM file of the client certificate's key
    #[arg(long, value_name = "FILE", requires = "es_client_cert")]
    pub es_client_key: Option<PathBuf>,
    /// Do not check the cluster's certificate. For a test only
    #[arg(long)]
    pub es_ssl_skip_verify: bool,
    /// Serve also with a credential that can write in the cluster. One that cannot is one of three locks on read-only
    #[arg(long)]
    pub allow_writable_credential: bool,
}

/// Which tools there are.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Tools")]
pub struct Selection {
    /// Only these tools: names or patterns with *, comma-separated
    #[arg(id = "tools_only", long = "tools", value_name = "NAMES", value_delimiter = ',')]
    pub tools: Vec<String>,
    /// Not these tools: names or patterns with *, comma-separated
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub disable_tools: Vec<String>,
}

/// How tools answer.
#[derive(Debug, Args)]
#[command(next_help_heading = "Tools")]
pub struct ToolingArguments {
    /// Index expression searched when a call names none [default: the allowed indices]
    #[arg(long, value_name = "PATTERNS")]
    pub default_index: Option<String>,
    /// Size of an answer, in estimated tokens, when a call names none
    #[arg(long, value_name = "TOKENS", default_value_t = 6_000, value_parser = clap::value_parser!(u32).range(500..=100_000))]
    pub max_tokens: u32,
    /// How long a whole call may take, at most 2m
    #[arg(long, value_name = "DURATION", default_value = "25s")]
    pub call_timeout: String,
    /// Kibana's address, for links in answers
    #[arg(long, value_name = "URL")]
    pub kibana_url: Option<String>,
    /// Which tools.
    #[command(flatten)]
    pub selection: Selection,
}

/// How to listen, and who may call.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Serving")]
pub struct ServingArguments {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    pub listen: String,
    /// PEM file of the server's certificate and its chain [default: one made at start, on loopback only]
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file of the certificate's key
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// PEM file of the authorities that sign clients' certificates: clients must show one
    #[arg(long, value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,
    /// Plain HTTP. On loopback only, or with --behind-proxy
    #[arg(long)]
    pub insecure_http: bool,
    /// Addresses or networks of proxies whose X-Forwarded headers are believed, comma-separated [without a value: loopback]
    #[arg(long, value_name = "ADDRESSES", value_delimiter = ',', num_args = 0..=1, default_missing_value = "true")]
    pub behind_proxy: Vec<String>,
    /// Address that clients know the server by, such as `https://mcp.example.com/mcp`: its host and origin are allowed
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Other hosts that clients may call this server by, comma-separated: mcp.example.com,*.internal [those of the
    /// certificate are allowed too]
    #[arg(long, value_name = "HOSTS", value_delimiter = ',')]
    pub allowed_hosts: Vec<String>,
    /// Web pages that may call this server, comma-separated: `https://app.example.com`
    #[arg(long, value_name = "ORIGINS", value_delimiter = ',')]
    pub allowed_origins: Vec<String>,
    /// Do not serve the transport of clients before 2025, at /sse and /messages
    #[arg(long)]
    pub no_legacy_sse: bool,
    /// How many calls of tools each client may make: so many by second or minute, so many at once after a pause; or off
    /// [default: 20/s burst 100]
    #[arg(long, value_name = "RATE")]
    pub rate_limit: Option<String>,
    /// File with the secret that senders may sign alerts with (HMAC, as AWS DevOps Agent does) in place of a key
    #[arg(long, value_name = "FILE")]
    pub hook_secret_file: Option<PathBuf>,
    /// The secret itself: meant for the variable, since other users of the machine can see flags
    #[arg(long, value_name = "SECRET", hide = true)]
    pub hook_secret: Option<Secret>,
    /// Who may call.
    #[command(flatten)]
    pub sign_in: SignInArguments,
}

/// Who may call.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Sign-in")]
pub struct SignInArguments {
    /// File of the keys that clients sign in with, one name:sha256 a line, as `elk-mcp key new NAME` prints them. Read again
    /// when it changes
    #[arg(long, value_name = "FILE")]
    pub client_keys: Option<PathBuf>,
    /// File with the one key that clients sign in with [default: one made at start, on loopback only]
    #[arg(long, value_name = "FILE")]
    pub client_key_file: Option<PathBuf>,
    /// The key itself: meant for the variable, since other users of the machine can see flags
    #[arg(long, value_name = "KEY", hide = true)]
    pub client_key: Option<Secret>,
    /// Header that a key may stand in beside Authorization and X-API-Key
    #[arg(long, value_name = "NAME")]
    pub client_key_header: Option<String>,
    /// Let anyone on this machine call, without a key. Loopback only
    #[arg(long)]
    pub no_auth: bool,
}

impl Default for ToolingArguments {
    fn default() -> Self {
        Self { default_index: None, max_tokens: 6_000, call_timeout: "25s".to_owned(), kibana_url: None, selection: Selection::default() }
    }
}
