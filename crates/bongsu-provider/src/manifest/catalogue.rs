//! All providers: those that ship and those of a folder of the user's own.
//!
//! In: folders `<slug>/provider.yaml`. Out: manifests by slug, each read when it is first asked for.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bongsu_model::{Diagnostic, Source};
use rust_embed::RustEmbed;

use super::Manifest;

#[derive(RustEmbed)]
#[folder = "../../content/providers"]
#[include = "*/provider.yaml"]
struct Shipped;

/// File of a folder that holds the manifest.
const FILE: &str = "provider.yaml";

type Read = Result<Arc<Manifest>, Arc<[Diagnostic]>>;

#[derive(Debug)]
struct Entry {
    source: Arc<Source>,
    read: OnceLock<Read>,
}

/// Providers by slug.
#[derive(Debug, Default)]
pub struct Catalogue {
    entries: BTreeMap<String, Entry>,
}

impl Catalogue {
    /// The providers that ship with the product.
    pub fn shipped() -> Self {
        let mut catalogue = Self::default();
        for name in Shipped::iter() {
            let (Some(slug), Some(file)) = (name.split('/').next(), Shipped::get(&name)) else {
                continue;
            };
            let text = String::from_utf8_lossy(&file.data).into_owned();
            catalogue.add(slug, format!("providers/{name}"), text);
        }
        catalogue
    }

    /// Adds the folders below `dir`; one with the slug of a shipped provider replaces it.
    pub fn add_folder(&mut self, dir: &Path) -> std::io::Result<()> {
        let mut folders: Vec<_> = fs::read_dir(dir)?.collect::<Result<_, _>>()?;
        folders.sort_by_key(fs::DirEntry::file_name);
        for folder in folders {
            let path = folder.path().join(FILE);
            if path.is_file() {
                let text = fs::read_to_string(&path)?;
                let slug = folder.file_name().to_string_lossy().into_owned();
                self.add(&slug, path.display().to_string(), text);
            }
        }
        Ok(())
    }

    fn add(&mut self, slug: &str, name: String, text: String) {
        let source = Arc::new(Source { name, text });
        self.entries.insert(slug.to_owned(), Entry { source, read: OnceLock::new() });
    }

    /// All slugs, sorted.
    pub fn slugs(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// A provider, or what is wrong with its manifest; `None` if there is none of this slug.
    pub fn get(&self, slug: &str) -> Option<Read> {
        let entry = self.entries.get(slug)?;
        let read = entry.read.get_or_init(|| {
            Manifest::parse(slug, Arc::clone(&entry.source)).map(Arc::new).map_err(Into::into)
        });
        Some(read.clone())
    }
}
