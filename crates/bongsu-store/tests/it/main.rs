//! Black-box tests of the store.

mod codec;
