//! The `elk-mcp` program. Everything it does is in the library, so that tests reach it.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match elk_mcp::cli::run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
