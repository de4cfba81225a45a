//! The `elk-mcp` program. Everything it does is in the library, so that tests reach it.

use std::{process::ExitCode, thread};

use tokio::runtime::Builder;

/// A call allocates some hundred times, small pieces mostly: `benches/hop` shows what that costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // With one processor a second thread would only have to be woken.
    let mut builder = match thread::available_parallelism() {
        Ok(processors) if processors.get() == 1 => Builder::new_current_thread(),
        Ok(_) | Err(_) => Builder::new_multi_thread(),
    };
    let result = builder.enable_all().build().map_err(Into::into).and_then(|runtime| runtime.block_on(elk_mcp::cli::run()));
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
