//! Wire formats: bytes in, samples out.
