//! Saved searches.
//!
//! In: what people wrote, in `presets.yaml` or by the API. Out: a [`Preset`] whose condition parses, or
//! everything that is wrong with it.

use bongsu_lang::cel::{self, Program};
use serde::{Deserialize, Serialize};

/// Characters of a name.
const MAX_NAME: usize = 128;
/// Bytes of its words and of the path it groups by.
const MAX_TEXT: usize = 1024;
/// Tags it may have, and characters of each.
const MAX_TAGS: usize = 32;
const MAX_TAG: usize = 64;

/// A named search.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preset {
    /// Its name; part of addresses.
    pub name: String,
    /// Condition in CEL.
    pub cel: Option<String>,
    /// Words that must all stand in the texts of an alert.
    pub text: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Dotted path of the field its alerts are shown by.
    pub group_by: Option<String>,
    /// Shown to nobody but who made it.
    pub is_private: bool,
    /// Whether alerts in it make a noise.
    pub is_noisy: bool,
    /// Whether only firing alerts are counted.
    pub counter_shows_firing_only: bool,
    /// Who made it.
    pub created_by: Option<String>,
}

impl Preset {
    /// What is there without anybody having made it.
    pub fn built_in() -> Vec<Self> {
        let preset = |name: &str, cel: &str| Self {
            name: name.to_owned(),
            cel: Some(cel.to_owned()),
            ..Self::default()
        };
        vec![
            preset("feed", "!deleted && !dismissed"),
            preset("without-incident", "incident == null && !deleted && !dismissed"),
            preset("dismissed", "dismissed"),
        ]
    }

    /// Its condition, if it has one.
    pub fn condition(&self) -> Result<Option<Program>, cel::Error> {
        let text = self.cel.as_deref().filter(|text| !text.trim().is_empty());
        text.map(Program::parse).transpose()
    }

    /// All that is wrong with it but for its condition.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let long = |text: &str, most: usize| text.chars().count() > most;
        let odd = |text: &str| text.chars().any(|c| c == '/' || c.is_control());
        if self.name.trim() != self.name
            || self.name.is_empty()
            || long(&self.name, MAX_NAME)
            || odd(&self.name)
        {
            faults.push(format!("a name has 1 to {MAX_NAME} characters, no slash among them"));
        }
        for text in [&self.text, &self.group_by].into_iter().flatten() {
            if text.len() > MAX_TEXT {
                faults.push(format!("text and group_by have at most {MAX_TEXT} bytes"));
            }
        }
        if self.tags.len() > MAX_TAGS || self.tags.iter().any(|tag| long(tag, MAX_TAG)) {
            faults.push(format!("at most {MAX_TAGS} tags of at most {MAX_TAG} characters"));
        }
        faults
    }
}
