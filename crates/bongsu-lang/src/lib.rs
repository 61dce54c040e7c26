//! The small languages of the house, each from text to checked values.

pub mod yaml;
