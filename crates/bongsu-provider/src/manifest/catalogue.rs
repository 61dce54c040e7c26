//! All providers: those that ship and those of a folder of the user's own.
//!
//! In: folders `<slug>/` with `provider.yaml` and `fixtures/*.json`. Out: manifests by slug, each read
//! when it is first asked for, and their fixtures.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use bongsu_model::{Diagnostic, Source};
use rust_embed::RustEmbed;

use super::{Fixture, Manifest};

#[derive(RustEmbed)]
#[folder = "../../content/providers"]
#[include = "*/provider.yaml"]
#[include = "*/fixtures/*.json"]
struct Shipped;

/// File of a folder that holds the manifest, and the end of its path.
const FILE: &str = "provider.yaml";
const MANIFEST: &str = "/provider.yaml";

type Read = Result<Arc<Manifest>, Arc<[Diagnostic]>>;

#[derive(Debug)]
struct Entry {
    source: Arc<Source>,
    read: OnceLock<Read>,
    /// The folder, unless it is built in.
    folder: Option<PathBuf>,
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
            let (Some(slug), Some(file)) = (name.strip_suffix(MANIFEST), Shipped::get(&name))
            else {
                continue;
            };
            let text = String::from_utf8_lossy(&file.data).into_owned();
            catalogue.add(slug, format!("providers/{name}"), text, None);
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
                self.add(&slug, path.display().to_string(), text, Some(folder.path()));
            }
        }
        Ok(())
    }

    fn add(&mut self, slug: &str, name: String, text: String, folder: Option<PathBuf>) {
        let source = Arc::new(Source { name, text });
        self.entries.insert(slug.to_owned(), Entry { source, read: OnceLock::new(), folder });
    }

    /// All slugs, sorted.
    pub fn slugs(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The slug of a provider by it or by another name of it.
    pub fn slug_of(&self, name: &str) -> Option<&str> {
        if let Some((slug, _)) = self.entries.get_key_value(name) {
            return Some(slug);
        }
        self.slugs().find(|slug| match self.get(slug) {
            Some(Ok(manifest)) => manifest.aliases.iter().any(|alias| alias == name),
            _ => false,
        })
    }

    /// A provider, or what is wrong with its manifest; `None` if there is none of this slug.
    pub fn get(&self, slug: &str) -> Option<Read> {
        let entry = self.entries.get(slug)?;
        let read = entry.read.get_or_init(|| {
            Manifest::parse(slug, Arc::clone(&entry.source)).map(Arc::new).map_err(Into::into)
        });
        Some(read.clone())
    }

    /// The fixtures of a provider by name, each read or with what is wrong with it.
    pub fn fixtures(&self, slug: &str) -> Vec<(String, Result<Fixture, String>)> {
        let Some(entry) = self.entries.get(slug) else { return Vec::new() };
        let mut texts = match &entry.folder {
            Some(folder) => files(&folder.join("fixtures")),
            None => {
                let folder = format!("{slug}/fixtures/");
                let names = Shipped::iter().filter(|name| name.starts_with(&folder));
                let text = |name: &str| {
                    let file = Shipped::get(name)?;
                    Some((name.to_owned(), String::from_utf8_lossy(&file.data).into_owned()))
                };
                names.filter_map(|name| text(&name)).collect()
            }
        };
        texts.sort();
        let read = |(path, text): (String, String)| {
            let name = Path::new(&path).file_stem().unwrap_or_default().to_string_lossy();
            (path.clone(), Fixture::parse(&name, &text))
        };
        texts.into_iter().map(read).collect()
    }
}

/// Names and texts of the JSON files in a folder that may be missing.
fn files(folder: &Path) -> Vec<(String, String)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap_or_default();
            (path.display().to_string(), text)
        })
        .collect()
}
