# Recipes for people; .ci/run calls the same scripts. `just` alone lists them. Cargo alone builds, tests and runs everything.

_default:
    @just --list

# What must pass before a commit: formatting, lints, arrows, licences, documentation, tests
check: && test
    .ci/check

# All tests; real engines too where they are named: just test es8,os3
test engines="":
    {{ if engines == "" { "" } else { "ELK_MCP_TEST_ENGINES=" + engines + " " } }}cargo test --workspace

# Start, stop or list real search engines: just engines up es8 os3
engines *arguments="list":
    tests/engines/engine {{ arguments }}

# Real clients over HTTPS with a private authority and a key, in both eras: just clients fastmcp
clients *names:
    cargo build
    tests/clients/run {{ names }}

# The protocol's conformance suite, against the program and against the suite's own tools on its HTTP stack
conformance:
    cargo build --bins --examples
    tests/conformance/run

# Benchmarks; figures are compared by hand, not asserted
bench *arguments:
    cargo bench --workspace {{ arguments }}

# Incidents whose culprit is known, through the tools: just incidents FOLDER --each
incidents folder="../shared/data/incidents" *arguments:
    cargo run --release -p elk-mcp-bench -- incidents {{ folder }} {{ arguments }}

# The sample incident, told and served
demo *arguments:
    cargo run --release -- demo {{ arguments }}

# Everything that continuous integration runs, on all six engines
ci:
    .ci/run
