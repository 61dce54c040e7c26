//! The HTTP surface: Alertmanager's API, our own, and the page at `/`.
mod decode;
