//! `stdio`: the tools over standard input and output. Nothing else may write to standard output.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use rmcp::{
    model::{ClientJsonRpcMessage, ErrorCode, ErrorData, JsonRpcError, ServerJsonRpcMessage},
    service::{ServerInitializeError, serve_server},
    transport::io::stdio_pipes,
};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader},
    sync::mpsc,
};

use super::credential::Credential;
use crate::{
    config::{Source, Tooling},
    open,
    server::{
        mcp::{
            Mcp,
            channel::{self, Channel, Pending},
        },
        sign_in::Caller,
    },
};

/// The longest message, in bytes: what HTTP takes, too.
const LINE_CAP: usize = 256 << 10;
/// Messages on their way, in either direction.
const CAPACITY: usize = 64;

/// Answers until the client closes standard input and every call on its way is answered.
pub(super) async fn run(source: &Source, tooling: Tooling) -> Result<ExitCode> {
    let (selection, call_timeout) = (tooling.selection.clone(), tooling.call_timeout);
    let toolbox = open::toolbox(source, tooling).await?;
    let mut credential = Credential::check(source, toolbox.engine()).await?;
    let mcp = Mcp::new(toolbox, &selection, call_timeout);
    let (input, output) = stdio_pipes();
    let ((messages, incoming), (outgoing, answers)) = (mpsc::channel(CAPACITY), mpsc::channel(CAPACITY));
    let pending = Pending::default();
    tokio::spawn(read(BufReader::new(input), messages, outgoing.clone(), pending.clone()));
    let writing = tokio::spawn(write(output, answers));
    match serve_server(mcp, Channel::new(incoming, outgoing, pending)).await {
        Ok(running) => tokio::select! {
            ended = running.waiting() => drop(ended?),
            error = credential.refused() => return Err(error),
        },
        // A client that only looks whether the program starts.
        Err(ServerInitializeError::ConnectionClosed(_)) => {}
        Err(error) => return Err(error).context("the client on standard input did not begin as MCP does"),
    }
    writing.await?;
    Ok(ExitCode::SUCCESS)
}

/// One message a line. What is none is answered, and the next line is read.
async fn read(
    mut input: impl AsyncBufRead + Unpin,
    messages: mpsc::Sender<ClientJsonRpcMessage>,
    outgoing: mpsc::Sender<ServerJsonRpcMessage>,
    pending: Pending,
) {
    let mut line = Vec::new();
    while let Some(is_whole) = next_line(&mut input, &mut line).await {
        let parsed = if !is_whole {
            let told = format!("a message of more than {LINE_CAP} bytes");
            Err(JsonRpcError::new(None, ErrorData::new(ErrorCode::INVALID_REQUEST, told, None)))
        } else if line.trim_ascii().is_empty() {
            continue;
        } else {
            channel::parse(&line)
        };
        let is_taken = match parsed {
            Ok(mut message) => {
                message.insert_extension(Caller::stdio());
                pending.came(&message);
                messages.send(message).await.is_ok()
            }
            Err(error) => outgoing.send(ServerJsonRpcMessage::Error(error)).await.is_ok(),
        };
        if !is_taken {
            return;
        }
    }
}

/// Reads up to the next end of a line, or of the input. Whether the line was short enough; none at the end.
async fn next_line(input: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> Option<bool> {
    line.clear();
    let mut is_whole = true;
    let mut is_begun = false;
    loop {
        let bytes = input.fill_buf().await.ok()?;
        if bytes.is_empty() {
            return is_begun.then_some(is_whole);
        }
        is_begun = true;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(bytes.len(), |end| end + 1);
        is_whole &= line.len() + taken <= LINE_CAP;
        if is_whole {
            line.extend(bytes.iter().take(taken));
        }
        input.consume(taken);
        if end.is_some() {
            return Some(is_whole);
        }
    }
}

async fn write(mut output: impl AsyncWrite + Unpin, mut answers: mpsc::Receiver<ServerJsonRpcMessage>) {
    while let Some(message) = answers.recv().await {
        let mut line = match serde_json::to_vec(&message) {
            Ok(line) => line,
            Err(error) => {
                tracing::error!(%error, "a message could not be written");
                continue;
            }
        };
        line.push(b'\n');
        if output.write_all(&line).await.is_err() || output.flush().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_that_is_too_long_is_passed_over_and_the_last_needs_no_end() {
        let long = "x".repeat(LINE_CAP + 1);
        let input = format!("one\n\n{long}\ntwo\r\nthree");
        let mut input = BufReader::with_capacity(7, input.as_bytes());
        let mut line = Vec::new();
        let mut lines = Vec::new();
        while let Some(is_whole) = next_line(&mut input, &mut line).await {
            lines.push(is_whole.then(|| String::from_utf8_lossy(&line).trim_end().to_owned()));
        }
        let whole = |text: &str| Some(text.to_owned());
        assert_eq!(lines, [whole("one"), whole(""), None, whole("two"), whole("three")]);
    }
}
