//! The cache of field roles: one reading per index expression, shared by all callers, read once however many ask.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use crate::{
    dsl::IndexExpression,
    engine::Engine,
    error::ToolError,
    look::Field,
    schema::{Role, Schema, detect},
};

/// How long a reading stays fresh.
const FRESH: Duration = Duration::from_secs(60);

/// A name that was not there is looked for again after this time.
const FRESH_ABSENCE: Duration = Duration::from_secs(5);

/// More expressions than this are not remembered: the oldest reading makes room.
const CAPACITY: usize = 256;

/// Readings by expression.
#[derive(Default)]
pub(super) struct Schemas {
    slots: Mutex<BTreeMap<String, Arc<Slot>>>,
}

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    reading: Option<(Arc<Schema>, Instant)>,
    busy: bool,
    waiting: Vec<Waker>,
}

impl Schemas {
    /// The roles in the indices of `expression`, with these fields besides the known candidates.
    pub(super) async fn read(
        &self,
        engine: &dyn Engine,
        expression: &IndexExpression,
        fields: &[Field],
        overrides: &[(Role, String)],
        time_limit: Duration,
    ) -> Result<Arc<Schema>, ToolError> {
        let names: BTreeSet<&str> =
            fields.iter().filter_map(|field| if let Field::Named(name) = field { Some(name.as_str()) } else { None }).collect();
        let slot = self.slot(expression);
        let turn = slot.turn().await;
        let known = turn.0.lock().reading.clone();
        let mut wanted: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        if let Some((schema, at)) = known {
            let has_looked = names.iter().all(|name| schema.looked_up.iter().any(|known| known == name));
            let is_absent = |name: &&&str| !schema.has(Field::Named((**name).to_owned()));
            let age = at.elapsed();
            if age < FRESH && has_looked && (age < FRESH_ABSENCE || !names.iter().any(|name| is_absent(&name))) {
                return Ok(schema);
            }
            wanted.extend(schema.looked_up.iter().take(CAPACITY).cloned());
        }
        let wanted: Vec<String> = wanted.into_iter().collect();
        let schema = Arc::new(detect(engine, expression, &wanted, overrides, time_limit).await?);
        turn.0.lock().reading = Some((Arc::clone(&schema), Instant::now()));
        Ok(schema)
    }

    fn slot(&self, expression: &IndexExpression) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= CAPACITY {
            let age = |slot: &Arc<Slot>| slot.lock().reading.as_ref().map(|(_, at)| *at);
            let oldest = slots.iter().min_by_key(|(_, slot)| age(slot)).map(|(name, _)| name.clone());
            oldest.into_iter().for_each(|name| drop(slots.remove(&name)));
        }
        Arc::clone(slots.entry(expression.to_string()).or_default())
    }
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else reads this expression. The turn ends when it is dropped, also when its caller goes away.
    async fn turn(self: &Arc<Self>) -> Turn {
        poll_fn(|context| {
            let mut state = self.lock();
            if state.busy {
                state.waiting.push(context.waker().clone());
                Poll::Pending
            } else {
                state.busy = true;
                Poll::Ready(())
            }
        })
        .await;
        Turn(Arc::clone(self))
    }
}

struct Turn(Arc<Slot>);

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.busy = false;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}
