//! The Vortex session of the engine: which encodings it reads and which frozen edition it writes.

use std::sync::LazyLock;

use vortex::aggregate_fn::session::AggregateFnSession;
use vortex::array::ArrayContext;
use vortex::array::memory::MemorySession;
use vortex::array::optimizer::kernels::KernelSession;
use vortex::array::session::{ArraySession, ArraySessionExt};
use vortex::array::stats::session::StatsSession;
use vortex::compressor::{BtrBlocksCompressor, BtrBlocksCompressorBuilder};
use vortex::dtype::session::DTypeSession;
use vortex::editions::{ComponentKind, EditionSessionExt, enable_default_editions, register_default_editions};
use vortex::file::register_default_encodings;
use vortex::scalar_fn::session::ScalarFnSession;
use vortex::session::VortexSession;

use crate::error::{Code, Error};

/// Vortex's default without its layouts and file readers, which fragments do without, and without compression, which
/// comes with the compressor: a program that only reads does not link it.
static SESSION: LazyLock<VortexSession> = LazyLock::new(|| {
    let session = VortexSession::empty()
        .with::<DTypeSession>()
        .with::<ArraySession>()
        .with::<KernelSession>()
        .with::<ScalarFnSession>()
        .with::<StatsSession>()
        .with::<AggregateFnSession>()
        .with::<MemorySession>();
    vortex::arrow::initialize(&session);
    register_default_editions(&session);
    enable_default_editions(&session);
    register_default_encodings(&session);
    session
});

static COMPRESSOR: LazyLock<BtrBlocksCompressor> =
    LazyLock::new(|| BtrBlocksCompressorBuilder::from_session(&SESSION).build());

/// The session every fragment is read and written with.
pub(crate) fn session() -> &'static VortexSession {
    &SESSION
}

/// The adaptive compressor, limited to the encodings of the enabled edition.
pub(crate) fn compressor() -> &'static BtrBlocksCompressor {
    &COMPRESSOR
}

/// A fresh context that numbers the edition's encodings in one fixed order, so that blocks compressed in parallel are
/// the same bytes in every run.
pub(crate) fn array_context() -> ArrayContext {
    let mut ids: Vec<_> = SESSION
        .enabled_component_ids(ComponentKind::Array)
        .into_iter()
        .filter(|id| SESSION.arrays().registry().contains_key(id))
        .collect();
    ids.sort();
    let allowed = ids.iter().copied().collect();
    ArrayContext::new(ids).with_allowed_ids(allowed)
}

/// Wraps a Vortex failure while writing: the input was checked before, so it is a defect.
pub(crate) fn write_failed(error: vortex::error::VortexError) -> Error {
    Error::new(Code::Internal, format!("encoding a block failed: {error}"))
}

/// Wraps a Vortex failure while reading bytes whose checksum held.
pub(crate) fn read_failed(error: vortex::error::VortexError) -> Error {
    Error::new(Code::Corrupt, format!("a block cannot be decoded: {error}"))
}

#[cfg(test)]
mod tests {
    use vortex::editions::{CORE_2026_08_3, DEFAULT_CORE_EDITION};

    #[test]
    fn the_edition_written_is_the_one_of_the_format() {
        // A newer library may enable a newer edition, which readers of today could not read: see docs/format.md.
        assert_eq!(DEFAULT_CORE_EDITION, CORE_2026_08_3);
    }
}
