//! Steps of a call on their way to the client: told in order, never after the answer, and never in the call's way. Knows
//! the protocol's notification; knows no tool.

use std::{fmt, pin::pin, time::Duration};

use elk_mcp_tools::Progress;
use rmcp::{
    Peer, RoleServer,
    model::{ProgressNotificationParam, ProgressToken},
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};

/// How long an answer waits for the steps before it to be taken by the connection.
const LAST_STEPS_LIMIT: Duration = Duration::from_millis(500);

/// Takes the steps of a call, which never waits for them to be told. A call has few, so they need no bound of their own.
pub(super) struct Steps(UnboundedSender<String>);

/// Steps that wait to be told.
pub(super) struct Heard(UnboundedReceiver<String>);

impl Progress for Steps {
    fn step(&self, doing: fmt::Arguments<'_>) {
        let _ = self.0.send(doing.to_string());
    }
}

/// The two ends. The first step is there at once, so that the client knows that the call arrived.
pub(super) fn steps() -> (Steps, Heard) {
    let (sender, receiver) = unbounded_channel();
    let _ = sender.send("the call has begun".to_owned());
    (Steps(sender), Heard(receiver))
}

/// Runs `work`, which drops its end of the steps when it is done, and tells the steps under this token.
pub(super) async fn telling<T>(peer: Peer<RoleServer>, token: ProgressToken, heard: Heard, work: impl Future<Output = T>) -> T {
    let mut told = pin!(tell(peer, token, heard));
    let mut is_told = false;
    let mut work = pin!(work);
    let result = loop {
        tokio::select! {
            biased;
            () = &mut told, if !is_told => is_told = true,
            result = &mut work => break result,
        }
    };
    if !is_told {
        let _ = timeout(LAST_STEPS_LIMIT, told).await;
    }
    result
}

/// Tells steps until there are no more, or nobody hears them.
async fn tell(peer: Peer<RoleServer>, token: ProgressToken, Heard(mut steps): Heard) {
    let mut count = 0_u32;
    while let Some(doing) = steps.recv().await {
        let told = ProgressNotificationParam::new(token.clone(), f64::from(count)).with_message(doing);
        if peer.notify_progress(told).await.is_err() {
            return;
        }
        count += 1;
    }
}
