//! A trial that a store honours put-if-absent, before the first commit depends on it.
//!
//! Some stores and proxies accept the condition and ignore it. On those, two writers would both be told that they
//! committed the same version, and one commit would be lost without a trace.

use std::collections::HashSet;

use bytes::Bytes;
use futures::future::join_all;

use super::{PutOutcome, Store};
use crate::error::{Code, Error, Result};

/// Writers that race for one name.
const RACERS: usize = 8;

/// Races that must end in exactly one winner.
const ROUNDS: usize = 3;

/// Races without a winner that are repeated. A store may refuse all racers as "conflicting", and requests may fail.
const INCONCLUSIVE_MAX: usize = 4;

/// Tries on objects below `prefix` that a name can be created only once, also by writers that race. The objects are
/// removed again, as far as possible. Costs some 30 requests in about a dozen dependent rounds.
///
/// # Errors
///
/// [`Code::UnsafeStore`], saying what was observed; [`Code::StoreUnavailable`] when too many requests failed to tell;
/// or the store's codes.
pub async fn prove_put_if_absent(store: &Store, prefix: &str) -> Result<()> {
    let store = store.child(prefix)?;
    let mut probes = Vec::new();
    let proof = prove(&store, &mut probes).await;
    // Whatever is left behind is small and under a name of its own.
    join_all(probes.iter().map(|probe| store.delete(probe))).await;
    proof
}

async fn prove(store: &Store, probes: &mut Vec<String>) -> Result<()> {
    let (mut proven, mut inconclusive) = (0, 0);
    while proven < ROUNDS {
        let probe = format!("probe-{:016x}{:016x}", store.runtime().random_u64(), store.runtime().random_u64());
        probes.push(probe.clone());
        if race(store, &probe).await? {
            refuse_second(store, &probe).await?;
            proven += 1;
            continue;
        }
        inconclusive += 1;
        if inconclusive > INCONCLUSIVE_MAX {
            return Err(Error::new(
                Code::StoreUnavailable,
                "the store failed too often to tell whether it honours put-if-absent; try again later",
            ));
        }
    }
    Ok(())
}

fn body(racer: usize, probe: &str) -> Bytes {
    format!("{racer} {probe}").into()
}

/// Whether exactly one racer won; `false` if failures hid the outcome.
async fn race(store: &Store, probe: &str) -> Result<bool> {
    let outcomes = join_all((0..RACERS).map(|racer| store.put_if_absent(probe, body(racer, probe)))).await;
    let mut winners = Vec::new();
    let mut unsettled = HashSet::new();
    for (racer, outcome) in outcomes.into_iter().enumerate() {
        match outcome? {
            PutOutcome::Created => winners.push(racer),
            PutOutcome::Exists => {}
            PutOutcome::Unsettled(_) => {
                unsettled.insert(racer);
            }
        }
    }
    if winners.len() > 1 {
        return Err(unsafe_store(
            &format!("{} of {RACERS} racing writers were told that they created it", winners.len()),
            probe,
        ));
    }
    let stored = store.get_opt(probe).await?;
    match (winners.first(), stored) {
        (Some(winner), Some(stored)) if stored == body(*winner, probe) => Ok(true),
        (Some(_), Some(_)) => Err(unsafe_store("a racing writer overwrote what another had created", probe)),
        (Some(_), None) => Err(unsafe_store("an object that was created cannot be read back", probe)),
        (None, Some(stored)) if (0..RACERS).any(|racer| stored == body(racer, probe)) => {
            // A winner that was not told so: by a lost answer, or by a client that repeated its request.
            Ok(unsettled.is_empty())
        }
        (None, Some(_)) => Err(unsafe_store("it holds bytes that nobody wrote", probe)),
        (None, None) => Ok(false),
    }
}

/// A later put of the same name must be refused and change nothing.
async fn refuse_second(store: &Store, probe: &str) -> Result<()> {
    let before = store.get(probe).await?;
    if let PutOutcome::Created = store.put_if_absent(probe, Bytes::from_static(b"second")).await? {
        return Err(unsafe_store("a second put was told that it created it", probe));
    }
    if store.get(probe).await? != before {
        return Err(unsafe_store("a refused put changed it", probe));
    }
    Ok(())
}

fn unsafe_store(observed: &str, probe: &str) -> Error {
    let message = format!(
        "the store does not honour put-if-absent and would lose commits: {observed}; use a store or gateway that \
         supports conditional writes (If-None-Match: *), or switch them on in its options"
    );
    Error::new(Code::UnsafeStore, message).with_path(probe)
}
