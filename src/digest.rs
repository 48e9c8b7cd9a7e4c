//! SHA-256 as text, for whoever compares files by it.

use aws_lc_rs::digest::{Context, SHA256, digest};
use std::io::Read;

/// How much of a reader is hashed at a time, in bytes.
const PIECE: usize = 64 * 1024;

/// The SHA-256 of `bytes`, in lower-case hex.
pub(crate) fn hex_sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// The same of everything that `reader` gives, however much it is.
pub(crate) fn hex_sha256_of(mut reader: impl Read) -> std::io::Result<String> {
    let (mut context, mut piece) = (Context::new(&SHA256), vec![0; PIECE]);
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok(hex::encode(context.finish())),
            read => context.update(&piece[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_has_the_digest_of_its_bytes() {
        let bytes = vec![7; 2 * PIECE + 1];
        assert_eq!(hex_sha256_of(bytes.as_slice()).expect("bytes"), hex_sha256(&bytes));
        assert!(hex_sha256(b"").starts_with("e3b0c44298fc1c14"));
    }
}
