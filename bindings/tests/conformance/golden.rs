//! Tables written by released versions are read by all later ones: `tests/golden/<version>/` has a list of entries and
//! the tables that they made when that version was released. Nothing there is ever written again.
//!
//! `SPIRAL_WRITE_GOLDEN=<folder>` writes such a folder, for a release.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::interpreter::{Mode, run_entry};

/// Entries that a release keeps: one of each kind of object, and every type.
fn is_kept(name: &str) -> bool {
    let kinds = [
        "upserts_keep_other_cells",
        "a_written_null_replaces_a_gap_does_not",
        "delete_by_key",
        "delete_where",
        "asof_version",
        "compound_keys",
        "column_groups",
        "deep_groups",
        "new_columns",
        "push_down_nulls",
        "transaction_commits_together",
        "folds_and_checkpoints",
        "tables_are_listed",
    ];
    kinds.contains(&name) || name.starts_with("type_") || name.starts_with("key_")
}

fn entries(list: &Path) -> Vec<Json> {
    let list: Json = serde_json::from_str(&std::fs::read_to_string(list).unwrap()).unwrap();
    list["entries"].as_array().unwrap().clone()
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests")
}

#[test]
fn tables_of_every_release_are_read() {
    if let Some(folder) = std::env::var_os("SPIRAL_WRITE_GOLDEN") {
        write(Path::new(&folder));
    }
    let mut read = 0;
    for release in std::fs::read_dir(tests().join("golden")).unwrap() {
        let release = release.unwrap().path();
        for entry in entries(&release.join("list.json")) {
            let name = entry["name"].as_str().unwrap();
            let outcome = run_entry(&entry, &Mode::Counted(release.join(name)));
            assert_eq!(outcome.0, Ok(()), "{name} of {}", release.display());
            read += 1;
        }
    }
    assert!(read > 40, "only {read} tables were read");
}

fn write(folder: &Path) {
    let kept: Vec<Json> = entries(&tests().join("conformance/list.json"))
        .into_iter()
        .filter(|entry| is_kept(entry["name"].as_str().unwrap()))
        .collect();
    for entry in &kept {
        let outcome = run_entry(entry, &Mode::Folder(folder.join(entry["name"].as_str().unwrap())));
        assert_eq!(outcome.0, Ok(()));
    }
    let list = serde_json::json!({ "version": 1, "entries": kept });
    std::fs::write(folder.join("list.json"), serde_json::to_string(&list).unwrap()).unwrap();
}
