//! The reference interpreter of `tests/conformance/list.json`: see the page beside that list.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod conformance {
    mod golden;
    pub(crate) mod interpreter;
    pub(crate) mod values;
}

use std::fmt::Write;
use std::path::{Path, PathBuf};

use conformance::interpreter::{Mode, run_entry, serve};
use serde_json::Value as Json;

fn list(name: &str) -> Vec<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance").join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let list: Json = serde_json::from_str(&text).unwrap();
    list["entries"].as_array().unwrap().clone()
}

/// Where tables are written that other languages read over HTTP; a temporary folder unless named.
fn served() -> (PathBuf, Option<tempfile::TempDir>) {
    match std::env::var_os("SPIRAL_CONFORMANCE_FOLDER") {
        Some(folder) => (folder.into(), None),
        None => {
            let folder = tempfile::tempdir().unwrap();
            (folder.path().to_owned(), Some(folder))
        }
    }
}

#[test]
fn every_entry_holds() {
    let (folder, _guard) = served();
    let mut ran = 0;
    let mut reports = String::new();
    let mut red = Vec::new();
    for entry in list("list.json") {
        let name = entry["name"].as_str().unwrap();
        let root = folder.join(name);
        // An earlier run's tables would be found instead of made.
        let _ = std::fs::remove_dir_all(&root);
        serve(&entry, &root);
        for mode in [Mode::Memory, Mode::Folder(root.clone()), Mode::Counted(root)] {
            if mode.is_wanted(&entry) {
                ran += 1;
                let outcome = run_entry(&entry, &mode);
                let _ = writeln!(reports, "{}", outcome.report(name, &mode));
                if let Err(detail) = outcome.0 {
                    red.push(format!("{name} on {}: {detail}", mode.name()));
                }
            }
        }
    }
    std::fs::write(folder.join("rust.jsonl"), reports).unwrap();
    assert!(red.is_empty(), "{} of {ran} are red:\n{}", red.len(), red.join("\n"));
    assert!(ran > 250, "only {ran} entries ran");
}

#[test]
fn every_falsified_entry_is_found() {
    let entries = list("falsified.json");
    assert!(entries.len() >= 10);
    for entry in entries {
        let name = entry["name"].as_str().unwrap();
        assert!(run_entry(&entry, &Mode::Memory).0.is_err(), "{name} should be red");
    }
}
