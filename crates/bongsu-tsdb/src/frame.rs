//! Blocks of bytes in files: length, CRC-32, then LZ4. What was cut or damaged is told apart from
//! what was written whole.

use thiserror::Error;

/// Bytes before the compressed ones.
const HEAD: usize = 8;
/// Largest block, unpacked.
const MAX_BYTES: usize = 256 << 20;

/// Why a block cannot be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum FrameError {
    /// The file ends inside it.
    #[error("the file ends inside a block")]
    Cut,
    /// Its checksum or its length is wrong.
    #[error("a block is damaged")]
    Damaged,
}

/// Appends `payload` as a block.
pub(crate) fn put(payload: &[u8], out: &mut Vec<u8>) {
    let packed = lz4_flex::compress_prepend_size(payload);
    out.extend((packed.len() as u32).to_le_bytes());
    out.extend(crc32fast::hash(&packed).to_le_bytes());
    out.extend(packed);
}

/// Takes the next block off `bytes`; `None` at their end.
pub(crate) fn take(bytes: &mut &[u8]) -> Result<Option<Vec<u8>>, FrameError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (length, rest) = bytes.split_first_chunk().ok_or(FrameError::Cut)?;
    let (crc, rest) = rest.split_first_chunk().ok_or(FrameError::Cut)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (packed, rest) = rest.split_at_checked(length).ok_or(FrameError::Cut)?;
    if crc32fast::hash(packed) != u32::from_le_bytes(*crc) {
        return Err(FrameError::Damaged);
    }
    let (size, _) = packed.split_first_chunk().ok_or(FrameError::Damaged)?;
    if u32::from_le_bytes(*size) as usize > MAX_BYTES {
        return Err(FrameError::Damaged);
    }
    let payload = lz4_flex::decompress_size_prepended(packed).map_err(|_| FrameError::Damaged)?;
    *bytes = rest;
    Ok(Some(payload))
}

/// Length of the whole block that begins here, as far as that is known.
pub(crate) fn length(bytes: &[u8]) -> Option<usize> {
    bytes.first_chunk().map(|length| HEAD + u32::from_le_bytes(*length) as usize)
}
