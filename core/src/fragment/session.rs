//! The Vortex session of the engine: which encodings it reads and which frozen edition it writes.

use std::sync::LazyLock;

use vortex::VortexSessionDefault;
use vortex::array::ArrayContext;
use vortex::array::session::ArraySessionExt;
use vortex::compressor::{BtrBlocksCompressor, BtrBlocksCompressorBuilder};
use vortex::editions::{ComponentKind, EditionSessionExt};
use vortex::session::VortexSession;

use crate::error::{Code, Error};

static SESSION: LazyLock<VortexSession> = LazyLock::new(<VortexSession as VortexSessionDefault>::default);

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
