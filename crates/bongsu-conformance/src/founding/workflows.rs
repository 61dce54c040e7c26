//! `founding-workflows`: the workflows of the founding documents, judged as Keep's.

pub(crate) use crate::keep::workflows::run;
