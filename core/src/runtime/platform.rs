//! What differs between platforms: clock, entropy, threads. The one place of this crate that asks for the target.
//!
//! Both arms export the same [`Parker`] and defaults; the native arm adds what needs threads.

#[cfg(not(target_arch = "wasm32"))]
#[path = "native.rs"]
mod native;
#[cfg(not(target_arch = "wasm32"))]
#[path = "thread_pool.rs"]
mod thread_pool;
#[cfg(target_arch = "wasm32")]
#[path = "wasm.rs"]
mod wasm;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::DEFAULT_CACHE_BYTES;
#[cfg(not(target_arch = "wasm32"))]
pub(super) use native::Parker;
#[cfg(not(target_arch = "wasm32"))]
pub use thread_pool::ThreadPool;
#[cfg(all(test, not(target_arch = "wasm32")))]
pub(super) use thread_pool::threaded_adapter;
#[cfg(target_arch = "wasm32")]
pub(crate) use wasm::DEFAULT_CACHE_BYTES;
#[cfg(target_arch = "wasm32")]
pub(super) use wasm::Parker;
#[cfg(all(test, target_arch = "wasm32"))]
pub(super) use wasm::threaded_adapter;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Waker;
    use std::time::Duration;

    use super::Parker;

    #[test]
    fn a_wake_before_the_wait_is_not_lost() {
        let parker = Arc::new(Parker::default());
        Waker::from(Arc::clone(&parker)).wake();
        assert!(parker.wait(None));
        assert!(parker.wait(Some(Duration::ZERO)));
    }
}
