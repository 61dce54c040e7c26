//! Placeholder until its first real line lands.
