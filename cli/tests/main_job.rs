//! The command from outside: files in, rows out, codes and exit statuses.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

/// Runs the command on a root of its own.
fn spiral(root: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spiral"))
        .env_remove("SPIRAL__ROOT")
        .env("HOME", root)
        .arg("--root")
        .arg(root.join("data"))
        .args(arguments)
        .current_dir(root)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

const PEOPLE: &str = "id,name,age\n3,eve,41\n1,ada,36\n2,bob,29\n";

#[test]
fn files_go_in_and_rows_come_out() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("people.csv"), PEOPLE).unwrap();
    let run = |arguments: &[&str]| spiral(root.path(), arguments);
    assert!(stdout(&run(&["import", "people", "people.csv", "--key", "id"])).contains("3 rows"));
    assert!(stdout(&run(&["tables"])).starts_with("default.people "));
    let sorted = "{\"id\":1,\"age\":36,\"name\":\"ada\"}\n{\"id\":2,\"age\":29,\"name\":\"bob\"}\n{\"id\":3,\"age\":41,\"name\":\"eve\"}\n";
    assert_eq!(stdout(&run(&["scan", "people", "--output", "jsonl"])), sorted);
    let old = ["scan", "people", "--where", "age > 30", "--select", "id,name", "--output", "csv"];
    assert_eq!(stdout(&run(&old)), "id,name\n1,ada\n3,eve\n");
    assert!(stdout(&run(&["get", "people", "2", "--json"])).contains("bob"));
    assert!(stdout(&run(&["delete", "people", "--where", "name = 'bob'"])).contains("1 rows"));
    assert_eq!(run(&["get", "people", "2"]).status.code(), Some(1));
    assert!(stdout(&run(&["get", "people", "2", "--asof", "2"])).contains("bob"));
    // Every format that is written is read back the same.
    for file in ["out.parquet", "out.arrow", "out.jsonl", "out.csv"] {
        stdout(&run(&["export", "people", file, "--asof", "2"]));
        stdout(&run(&["import", &format!("copies.{}", file.replace('.', "_")), file, "--key", "id"]));
        let copy = format!("copies.{}", file.replace('.', "_"));
        assert_eq!(stdout(&run(&["scan", &copy, "--output", "jsonl"])), sorted, "{file}");
    }
    let history = stdout(&run(&["txn", "list", "people", "--json"]));
    assert!(history.contains("\"delete\"") && history.contains("\"rows_written\":3"), "{history}");
    assert!(stdout(&run(&["schema", "people"])).contains("id"));
}

#[test]
fn columns_are_named_as_in_every_language() {
    let root = tempfile::tempdir().unwrap();
    let rows = "{\"id\":1,\"at\":{\"x\":1.5,\"y\":2.5},\"name\":\"a\"}\n{\"id\":2,\"at\":{\"x\":3.5,\"y\":4.5},\"name\":\"b\"}\n";
    std::fs::write(root.path().join("places.jsonl"), rows).unwrap();
    let run = |arguments: &[&str]| spiral(root.path(), arguments);
    stdout(&run(&["import", "places", "places.jsonl", "--key", "id"]));
    let group = stdout(&run(&["scan", "places", "--select", "at.*", "--output", "jsonl", "--limit", "1"]));
    assert_eq!(group, "{\"at\":{\"x\":1.5,\"y\":2.5}}\n");
    let schema: serde_json::Value = serde_json::from_str(&stdout(&run(&["schema", "places", "--json"]))).unwrap();
    let column = |path: &str, name: &str, key: bool| serde_json::json!({ "path": path, "type": name, "key": key });
    let columns = [column("id", "int64", true), column("name", "utf8", false), column("at.x", "float64", false)];
    assert_eq!(schema["columns"].as_array().unwrap()[..3], columns);
    let metrics = run(&["scan", "places", "--metrics", "--json"]).stderr;
    let told: serde_json::Value = serde_json::from_slice(&metrics).unwrap();
    assert_eq!((&told["metrics"]["rows_returned"], told["metrics"]["plan_seconds"].is_f64()), (&2.into(), true));
}

#[test]
fn settings_that_are_none_are_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join(".spiral.toml");
    std::fs::write(&file, "[keys_cache]\nenabled = false\n[manifests_cache]\nmemory_capacity_bytes = 1000000\n")
        .unwrap();
    stdout(&spiral(root.path(), &["tables"]));
    std::fs::write(&file, "[keys_cache]\nsize = 1\n").unwrap();
    let output = spiral(root.path(), &["tables"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && text.contains("size") && text.contains("invalid_argument"), "{text}");
    std::fs::remove_file(&file).unwrap();
    for (variable, wrong) in [("KEYS_CACHE__ENABLED", "maybe"), ("MANIFESTS_CACHE__MEMORY_CAPACITY_BYTES", "-1")] {
        let variable = format!("SPIRAL__{variable}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_spiral"));
        let output = command.env("HOME", root.path()).env(&variable, wrong).arg("tables").output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && text.contains(&variable) && text.contains(wrong), "{text}");
    }
}

/// The id of a table, as `spiral tables` tells it.
fn id(root: &Path, name: &str) -> String {
    let listed: serde_json::Value = serde_json::from_str(&stdout(&spiral(root, &["tables", "--json"]))).unwrap();
    let table = listed["tables"].as_array().unwrap().iter().find(|table| table["name"] == name).unwrap();
    table["id"].as_str().unwrap().to_owned()
}

#[test]
fn names_move_and_are_given_again() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("people.csv"), PEOPLE).unwrap();
    let run = |arguments: &[&str]| spiral(root.path(), arguments);
    let count = |table: &str| stdout(&run(&["scan", table, "--select", "id", "--output", "csv"])).lines().count() - 1;
    let fails = |arguments: &[&str], code: &str| {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(&format!("[{code}]")), "{text}");
    };
    stdout(&run(&["import", "people", "people.csv", "--key", "id"]));
    let first = id(root.path(), "default.people");
    assert!(stdout(&run(&["rename", "people", "staff.members"])).contains("staff.members"));
    assert_eq!((count("staff.members"), id(root.path(), "staff.members")), (3, first.clone()));
    fails(&["scan", "people"], "table_not_found");
    fails(&["rename", "people", "others"], "table_not_found");
    stdout(&run(&["import", "people", "people.csv", "--key", "name"]));
    fails(&["rename", "people", "staff.members"], "table_exists");
    stdout(&run(&["drop", "staff.members"]));
    fails(&["drop", "staff.members"], "table_not_found");
    stdout(&run(&["rename", "people", "demo/staff.members"]));
    assert_eq!(count("demo/staff.members"), 3);
    assert!(stdout(&run(&["tables"])).starts_with("demo/staff.members "));
    // The data of a dropped table stays, and opens by itself.
    assert!(root.path().join("data/tables").join(first).join("log").is_dir());
}

#[test]
fn errors_have_codes_and_statuses() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("people.csv"), PEOPLE).unwrap();
    std::fs::write(root.path().join("twice.csv"), "id,name\n1,a\n1,b\n").unwrap();
    let run = |arguments: &[&str]| spiral(root.path(), arguments);
    let code = |arguments: &[&str]| {
        let output = run(&[arguments, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        let error: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        error["error"]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(code(&["scan", "people"]), "table_not_found");
    assert_eq!(code(&["import", "people", "people.csv"]), "table_not_found");
    assert_eq!(code(&["import", "people", "people.csv", "--key", "nobody"]), "missing_key_column");
    stdout(&run(&["import", "people", "people.csv", "--key", "id"]));
    assert_eq!(code(&["import", "people", "twice.csv"]), "duplicate_key");
    assert_eq!(code(&["scan", "people", "--where", "nmae = 'x'"]), "unknown_column");
    assert_eq!(code(&["scan", "people", "--where", "age = 'old'"]), "type_mismatch");
    assert_eq!(code(&["scan", "people", "--where", "age >"]), "invalid_expression");
    assert_eq!(code(&["scan", "people", "--asof", "1999-01-01T00:00:00Z"]), "asof_before_table");
    assert_eq!(code(&["scan", "../people"]), "invalid_name");
    assert_eq!(run(&["scan"]).status.code(), Some(2));
    // What failed left nothing behind.
    assert_eq!(stdout(&run(&["scan", "people", "--output", "csv", "--select", "id"])), "id\n1\n2\n3\n");
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let root = tempfile::tempdir().unwrap();
    let rows: String = (0..50_000).map(|id| format!("{{\"id\":{id},\"text\":\"some text for row {id}\"}}\n")).collect();
    std::fs::write(root.path().join("rows.jsonl"), rows).unwrap();
    stdout(&spiral(root.path(), &["import", "rows", "rows.jsonl", "--key", "id"]));
    let shell =
        format!("set -o pipefail; '{}' --root data scan rows --output jsonl | head -n 1", env!("CARGO_BIN_EXE_spiral"));
    let output = Command::new("bash").args(["-c", &shell]).current_dir(root.path()).output().unwrap();
    assert_eq!(stdout(&output).trim(), "{\"id\":0,\"text\":\"some text for row 0\"}");
}

#[test]
fn a_damaged_file_is_an_error_never_a_wrong_row() {
    let root = tempfile::tempdir().unwrap();
    let rows: String = (0..20_000).map(|id| format!("{{\"id\":{id},\"text\":\"some text for row {id}\"}}\n")).collect();
    std::fs::write(root.path().join("rows.jsonl"), rows).unwrap();
    stdout(&spiral(root.path(), &["import", "rows", "rows.jsonl", "--key", "id"]));
    let folder = root.path().join("data/tables").join(id(root.path(), "default.rows")).join("data");
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let output = spiral(root.path(), &["scan", "rows", "--output", "jsonl", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("\"corrupt\""));
}
