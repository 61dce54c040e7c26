//! Credentials kept in files (`*_file` settings).
//!
//! In: a path. Out: the content without surrounding white space, as a [`Secret`]. Read at every
//! use, so that a rotated secret works without a reload, as in Alertmanager.

use std::path::{Path, PathBuf};

use bongsu_model::Secret;
use tokio::io::AsyncReadExt;

/// The largest file taken as a secret, in bytes. Keys with long certificate chains fit many times.
pub const MAX_SECRET_BYTES: u64 = 1024 * 1024;

/// Why a secret file could not be used. The text names the file, never its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The file cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The configured path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is larger than [`MAX_SECRET_BYTES`].
    #[error("{} is larger than {MAX_SECRET_BYTES} bytes", path.display())]
    TooLarge {
        /// The configured path.
        path: PathBuf,
    },
    /// The file is not valid UTF-8.
    #[error("{} is not valid UTF-8", path.display())]
    NotText {
        /// The configured path.
        path: PathBuf,
    },
}

/// Reads a secret; white space at both ends is dropped. An empty file is an empty secret: whether
/// that is acceptable depends on the use.
pub async fn read_secret(path: &Path) -> Result<Secret, SecretFileError> {
    let bytes = read_limited(path).await?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Secret::new(text.trim())),
        Err(_) => Err(SecretFileError::NotText { path: path.to_owned() }),
    }
}

/// Reads a file whole, refusing one larger than [`MAX_SECRET_BYTES`] (a device file never ends, so
/// the size is not taken from the directory entry).
pub(crate) async fn read_limited(path: &Path) -> Result<Vec<u8>, SecretFileError> {
    let failed = |source| SecretFileError::Read { path: path.to_owned(), source };
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_SECRET_BYTES + 1).read_to_end(&mut bytes).await.map_err(failed)?;
    if bytes.len() as u64 > MAX_SECRET_BYTES {
        return Err(SecretFileError::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn surrounding_white_space_is_dropped_and_inner_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        for (content, expected) in
            [("abc", "abc"), (" a b\r\n", "a b"), ("\n\t\n", ""), ("", ""), ("ключ\n", "ключ")]
        {
            std::fs::write(&path, content).unwrap();
            assert_eq!(read_secret(&path).await.unwrap().expose(), expected);
        }
    }

    #[tokio::test]
    async fn errors_name_the_file_and_not_the_content() {
        let dir = tempfile::tempdir().unwrap();
        let missing = read_secret(&dir.path().join("none")).await.unwrap_err();
        assert!(matches!(missing, SecretFileError::Read { .. }), "{missing}");
        assert!(missing.to_string().contains("none: No such file"), "{missing}");

        let binary = dir.path().join("binary");
        std::fs::write(&binary, [0xff, b's', 0xfe]).unwrap();
        let error = read_secret(&binary).await.unwrap_err();
        assert!(matches!(error, SecretFileError::NotText { .. }), "{error}");

        let endless = read_secret(Path::new("/dev/zero")).await.unwrap_err();
        assert!(matches!(endless, SecretFileError::TooLarge { .. }), "{endless}");
    }
}
