//! Deadlines of sleeping futures, shared by every adapter.
//!
//! A request's timeout is nearly always cancelled, so a deadline leaves the set when its [`Sleep`] is dropped: a heap
//! that only forgets on expiry would hold one entry per request of the last half minute.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Identity of one sleep; ties between equal deadlines fire in order of registration.
type SleepId = u64;

/// Identity of one thread that fires deadlines.
type DriverId = u64;

#[derive(Default)]
struct State {
    sleeping: BTreeMap<(Duration, SleepId), Waker>,
    /// Who waits for the earliest deadline and must hear of an earlier one.
    drivers: HashMap<DriverId, Waker>,
    next_id: u64,
    /// After the host stopped nobody fires deadlines any more, so every sleep ends at once.
    closed: bool,
}

/// The set of deadlines of one host. Times are those of the host's monotonic clock.
#[derive(Default)]
pub(super) struct Timers {
    state: Mutex<State>,
}

impl Timers {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No user code runs under this lock, so a poisoned state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A future that completes when `deadline` has been fired.
    pub(super) fn sleep_until(self: &Arc<Self>, deadline: Duration) -> Sleep {
        Sleep { timers: Arc::clone(self), deadline, id: None }
    }

    /// The earliest deadline.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.lock().sleeping.first_key_value().map(|((deadline, _), _)| *deadline)
    }

    /// Wakes everything due at `now`.
    pub(super) fn fire(&self, now: Duration) {
        let due = {
            let mut state = self.lock();
            let later = state.sleeping.split_off(&(now, SleepId::MAX));
            std::mem::replace(&mut state.sleeping, later)
        };
        due.into_values().for_each(Waker::wake);
    }

    /// Ends every present and future sleep.
    pub(super) fn close(&self) {
        let sleeping = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.sleeping)
        };
        sleeping.into_values().for_each(Waker::wake);
    }

    /// Registers a thread that fires deadlines: `waker` is woken whenever an earlier deadline appears.
    pub(super) fn drive(self: &Arc<Self>, waker: Waker) -> Driver {
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.drivers.insert(id, waker);
        drop(state);
        Driver { timers: Arc::clone(self), id }
    }
}

/// A registered thread; dropping it ends the registration.
pub(super) struct Driver {
    timers: Arc<Timers>,
    id: DriverId,
}

impl Drop for Driver {
    fn drop(&mut self) {
        let (own, others) = {
            let mut state = self.timers.lock();
            (state.drivers.remove(&self.id), state.drivers.values().cloned().collect::<Vec<_>>())
        };
        drop(own);
        // The others may have relied on this thread for the earliest deadline.
        others.into_iter().for_each(Waker::wake);
    }
}

/// Completes when its deadline has been fired.
pub(super) struct Sleep {
    timers: Arc<Timers>,
    deadline: Duration,
    id: Option<SleepId>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let timers = Arc::clone(&self.timers);
        let mut state = timers.lock();
        if state.closed {
            return Poll::Ready(());
        }
        let Some(id) = self.id else {
            let id = state.next_id;
            state.next_id += 1;
            self.id = Some(id);
            let key = (self.deadline, id);
            state.sleeping.insert(key, cx.waker().clone());
            let is_earliest = state.sleeping.first_key_value().is_some_and(|(first, _)| *first == key);
            let drivers = if is_earliest { state.drivers.values().cloned().collect() } else { Vec::new() };
            drop(state);
            drivers.into_iter().for_each(Waker::wake);
            return Poll::Pending;
        };
        match state.sleeping.get_mut(&(self.deadline, id)) {
            Some(waker) => {
                waker.clone_from(cx.waker());
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let waker = self.timers.lock().sleeping.remove(&(self.deadline, id));
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn dropped_sleeps_leave_no_deadline_behind() {
        let timers = Arc::new(Timers::default());
        for seconds in 0..100 {
            let mut sleep = timers.sleep_until(Duration::from_secs(seconds));
            assert!((&mut sleep).now_or_never().is_none());
        }
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn fire_wakes_what_is_due_and_nothing_else() {
        let timers = Arc::new(Timers::default());
        let mut early = timers.sleep_until(Duration::from_secs(1));
        let mut late = timers.sleep_until(Duration::from_secs(2));
        assert!((&mut early).now_or_never().is_none());
        assert!((&mut late).now_or_never().is_none());
        timers.fire(Duration::from_secs(1));
        assert!((&mut early).now_or_never().is_some());
        assert!((&mut late).now_or_never().is_none());
        timers.close();
        assert!(late.now_or_never().is_some());
    }
}
