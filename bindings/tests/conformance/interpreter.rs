//! Runs the steps of an entry through the facade's public API.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use serde_json::Value as Json;
use spiral_bindings::{
    Asof, CancelToken, Client, ClientOptions, CommitInfo, Error, KeyBounds, KeyColumn, OutputProfile, Plan, Result,
    RowTypes, ScanOptions, ScanTable, Table, Transaction, Value, WriteOptions, batch_from_rows, rows_from_batch,
    type_text,
};

use super::values::{self, keys, parts, read, row, same};

/// Where an entry runs.
pub(crate) enum Mode {
    /// In memory.
    Memory,
    /// In a folder.
    Folder(PathBuf),
    /// Reading the tables of a folder at counted versions, as other languages do over HTTP.
    Counted(PathBuf),
}

impl Mode {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Mode::Memory => "memory",
            Mode::Folder(_) => "folder",
            Mode::Counted(_) => "http",
        }
    }

    /// Whether an entry names this store.
    pub(crate) fn is_wanted(&self, entry: &Json) -> bool {
        entry["stores"].as_array().is_none_or(|stores| stores.iter().any(|store| store == self.name()))
    }

    fn client(&self) -> Client {
        let url = match self {
            Mode::Memory => "memory:".to_owned(),
            Mode::Folder(root) | Mode::Counted(root) => root.to_str().unwrap().to_owned(),
        };
        Client::connect(&url, &ClientOptions::default()).unwrap()
    }
}

/// What became of an entry.
pub(crate) struct Outcome(pub(crate) std::result::Result<(), String>);

impl Outcome {
    pub(crate) fn report(&self, entry: &str, mode: &Mode) -> Json {
        values::report(entry, mode.name(), &self.0)
    }
}

/// Runs an entry to its first step that is red.
pub(crate) fn run_entry(entry: &Json, mode: &Mode) -> Outcome {
    let client = mode.client();
    let mut run =
        Run { client, tables: HashMap::new(), versions: HashMap::new(), reads_only: matches!(mode, Mode::Counted(_)) };
    for (at, step) in entry["steps"].as_array().unwrap().iter().enumerate() {
        if let Err(detail) = futures::executor::block_on(run.step(step, None)) {
            return Outcome(Err(format!("step {at}: {detail}")));
        }
    }
    Outcome(Ok(()))
}

/// Makes the tables that an entry reads without having made them, and damages them as it says.
pub(crate) fn serve(entry: &Json, root: &Path) {
    let Some(steps) = entry["served"].as_array() else { return };
    let (damage, made): (Vec<&Json>, Vec<&Json>) = steps.iter().partition(|step| step["do"] == "damage");
    let outcome = run_entry(&serde_json::json!({ "steps": made }), &Mode::Folder(root.to_owned()));
    assert_eq!(outcome.0, Ok(()), "{}", entry["name"]);
    for step in damage {
        let mut tables = std::fs::read_dir(root.join("tables")).unwrap();
        let objects = tables.next().unwrap().unwrap().path().join(step["objects"].as_str().unwrap());
        let objects = match std::fs::read_dir(&objects) {
            Ok(folder) => folder.map(|object| object.unwrap().path()).collect(),
            Err(_) => vec![objects],
        };
        assert!(!objects.is_empty(), "{} damages nothing", entry["name"]);
        for object in objects {
            damage_object(&object, step["how"].as_str().unwrap());
        }
    }
}

fn damage_object(object: &Path, how: &str) {
    let mut bytes = std::fs::read(object).unwrap();
    match how {
        "remove" => return std::fs::remove_file(object).unwrap(),
        "truncate" => bytes.truncate(10),
        "invert" => bytes.iter_mut().for_each(|byte| *byte = !*byte),
        // Where the frame of metadata has its version.
        "newer" => bytes[6] = 99,
        other => panic!("{other} is no damage"),
    }
    std::fs::write(object, bytes).unwrap();
}

/// What a step returned, as far as the list compares it.
enum Returned {
    Nothing,
    Version(u64),
    Names(Vec<String>),
    Versions(Vec<u64>),
    Columns(Vec<(String, String, bool)>),
    Rows { columns: Vec<(String, String)>, rows: Vec<Vec<Value>>, positions: Option<Vec<u64>> },
}

struct Run {
    client: Client,
    /// By name.
    tables: HashMap<String, Table>,
    /// The versions that the steps so far have made of each table.
    versions: HashMap<String, u64>,
    reads_only: bool,
}

impl Run {
    async fn step(&mut self, step: &Json, turn: Option<usize>) -> std::result::Result<(), String> {
        let kind = step["do"].as_str().unwrap();
        if kind == "repeat" {
            for turn in 0..usize::try_from(step["times"].as_u64().unwrap()).unwrap() {
                for inner in step["steps"].as_array().unwrap() {
                    Box::pin(self.step(inner, Some(turn))).await.map_err(|detail| format!("turn {turn}: {detail}"))?;
                }
            }
            return Ok(());
        }
        let changes = matches!(kind, "create_table" | "write" | "delete" | "delete_where" | "transaction");
        if changes && self.reads_only {
            if kind == "create_table" && step.get("error").is_none() {
                let table = self.client.table(name_of(step)).await.map_err(|error| error.to_string())?;
                self.tables.insert(name_of(step).to_owned(), table);
            }
            self.count(step);
            return Ok(());
        }
        let returned = match kind {
            "create_table" => self.create(step).await,
            "open_table" => self.open(step).await,
            "rename_table" => self.rename(step).await,
            "drop_table" => self.client.drop_table(name_of(step)).await.map(|()| Returned::Nothing),
            "tables" => self.client.tables().await.map(Returned::Names),
            "write" => self.write(step, turn).await,
            "delete" => self.delete(step, turn).await,
            "delete_where" => version(self.table(step).delete_where(step["where"].as_str().unwrap()).await),
            "transaction" => self.transaction(step, turn).await,
            "scan" => self.scan(step, turn).await,
            "take" => self.take(step, turn).await,
            "schema" => self.schema(step).await,
            "history" => self.history(step).await,
            "cancelled_scan" => self.cancelled_scan(step).await,
            other => panic!("{other} is no step"),
        };
        if changes && returned.is_ok() {
            self.count(step);
        }
        judge(step, turn, returned)
    }

    /// Counts the version that a step makes: a transaction that is aborted makes none, nor does opening.
    fn count(&mut self, step: &Json) {
        let version = self.versions.entry(name_of(step).to_owned()).or_default();
        let reopened = step["do"] == "create_table" && *version > 0;
        if step.get("error").is_none() && step["end"] != "abort" && step["no_version"] != true && !reopened {
            *version += 1;
        }
    }

    fn table(&self, step: &Json) -> &Table {
        self.tables.get(name_of(step)).expect("the entry has created its table")
    }

    async fn create(&mut self, step: &Json) -> Result<Returned> {
        let keys: Vec<KeyColumn> = serde_json::from_value(step["keys"].clone()).unwrap();
        let name = name_of(step);
        let table = self.client.create_table(name, &keys, step["exist_ok"].as_bool().unwrap_or(false)).await?;
        self.tables.insert(name.to_owned(), table);
        Ok(Returned::Nothing)
    }

    async fn open(&mut self, step: &Json) -> Result<Returned> {
        let name = step["name"].as_str().unwrap();
        self.tables.insert(name.to_owned(), self.client.table(name).await?);
        Ok(Returned::Nothing)
    }

    async fn rename(&self, step: &Json) -> Result<Returned> {
        self.client.rename_table(name_of(step), step["to"].as_str().unwrap()).await.map(|()| Returned::Nothing)
    }

    async fn batch(&self, table: &Table, step: &Json, turn: Option<usize>) -> Result<RecordBatch> {
        let declared = step["types"].as_object().into_iter().flatten();
        let declared = declared.map(|(column, name)| KeyColumn::new(column, name.as_str().unwrap())).collect();
        let types = RowTypes::of_table(table.engine().clone(), declared).await?;
        let rows: Vec<_> = step["rows"].as_array().unwrap().iter().map(|json| row(json, turn)).collect();
        batch_from_rows(&rows, &types)
    }

    async fn write(&self, step: &Json, turn: Option<usize>) -> Result<Returned> {
        let batch = self.batch(self.table(step), step, turn).await?;
        version(self.table(step).write(vec![batch], write_options(step)).await)
    }

    async fn delete(&self, step: &Json, turn: Option<usize>) -> Result<Returned> {
        version(self.table(step).delete_keys(&keys(&step["keys"], turn)).await)
    }

    async fn transaction(&self, step: &Json, turn: Option<usize>) -> Result<Returned> {
        let table = self.table(step);
        let transaction: Transaction = table.transaction();
        for inner in step["steps"].as_array().unwrap() {
            match inner["do"].as_str().unwrap() {
                "write" => {
                    transaction.write(vec![self.batch(table, inner, turn).await?], write_options(inner)).await?;
                }
                "delete" => transaction.delete_keys(&keys(&inner["keys"], turn)).await?,
                "delete_where" => transaction.delete_where(inner["where"].as_str().unwrap()).await?,
                other => panic!("{other} is no step of a transaction"),
            }
        }
        match step["end"].as_str().unwrap() {
            "commit" => version(transaction.commit().await),
            _ => transaction.abort().await.map(|()| Returned::Nothing),
        }
    }

    fn asof(&self, step: &Json) -> Option<Asof> {
        let counted = || self.versions.get(name_of(step)).copied().filter(|_| self.reads_only);
        step["asof"].as_u64().or_else(counted).map(Asof::Version)
    }

    fn options(step: &Json, turn: Option<usize>) -> ScanOptions {
        let texts =
            |json: &Json| json.as_array().map(|list| list.iter().map(|text| text.as_str().unwrap().into()).collect());
        let bound = |name: &str| step.get(name).map(|json| parts(json, turn));
        let bounds = KeyBounds { begin: bound("begin"), end: bound("end") };
        ScanOptions {
            select: texts(&step["select"]),
            columns: serde_json::from_value(step.get("columns").cloned().unwrap_or_default()).unwrap_or_default(),
            filter: step["where"].as_str().map(str::to_owned),
            range: (bounds != KeyBounds::default()).then_some(bounds),
            limit: step["limit"].as_u64(),
            unordered: false,
            keys_only: step["keys_only"].as_bool().unwrap_or(false),
            strings: OutputProfile::Written,
        }
    }

    async fn plan(&self, step: &Json, turn: Option<usize>) -> Result<Plan> {
        let options = Self::options(step, turn);
        let Some(tables) = step["tables"].as_array() else {
            return self.table(step).scan(options, self.asof(step)).await;
        };
        let mut sources = Vec::new();
        for source in tables {
            let name = source["name"].as_str().unwrap_or_else(|| name_of(source));
            sources.push(match self.asof(source) {
                Some(asof) => ScanTable::at(name, &self.table(source).snapshot(Some(asof)).await?),
                None => ScanTable::new(name, self.table(source)),
            });
        }
        self.client.scan(sources, options, None).await
    }

    async fn scan(&self, step: &Json, turn: Option<usize>) -> Result<Returned> {
        let plan = self.plan(step, turn).await?;
        let mut rows = Vec::new();
        let batches = plan.batches();
        while let Some(batch) = batches.next().await? {
            rows.extend(values_of(&batch)?);
        }
        Ok(Returned::Rows { columns: columns_of(&plan), rows, positions: None })
    }

    async fn take(&self, step: &Json, turn: Option<usize>) -> Result<Returned> {
        let plan = self.plan(step, turn).await?;
        let taken = plan.take_keys(&keys(&step["keys"], turn)).await?;
        let positions = Some(taken.positions.values().to_vec());
        Ok(Returned::Rows { columns: columns_of(&plan), rows: values_of(&taken.rows)?, positions })
    }

    async fn schema(&self, step: &Json) -> Result<Returned> {
        let columns = self.table(step).snapshot(self.asof(step)).await?.columns().await?;
        Ok(Returned::Columns(
            columns.into_iter().map(|column| (column.path, column.type_name, column.is_key)).collect(),
        ))
    }

    async fn history(&self, step: &Json) -> Result<Returned> {
        let limit = usize::try_from(step["limit"].as_u64().unwrap_or(100)).unwrap();
        let history = self.table(step).history(limit).await?;
        Ok(Returned::Versions(history.into_iter().map(|entry| entry.version).collect()))
    }

    async fn cancelled_scan(&self, step: &Json) -> Result<Returned> {
        let token = CancelToken::new();
        token.cancel();
        token.guard(self.plan(step, None)).await?;
        Ok(Returned::Nothing)
    }
}

/// The table that a step is about.
fn name_of(step: &Json) -> &str {
    step["table"].as_str().unwrap_or("t")
}

fn write_options(step: &Json) -> WriteOptions {
    WriteOptions { push_down_nulls: step["push_down_nulls"].as_bool().unwrap_or(false) }
}

fn version(commit: Result<CommitInfo>) -> Result<Returned> {
    commit.map(|commit| Returned::Version(commit.version))
}

fn columns_of(plan: &Plan) -> Vec<(String, String)> {
    let schema = plan.schema();
    schema.fields().iter().map(|field| (field.name().clone(), type_text(field.data_type()))).collect()
}

fn values_of(batch: &RecordBatch) -> Result<Vec<Vec<Value>>> {
    let rows = rows_from_batch(batch)?;
    Ok(rows.into_iter().map(|row| row.into_iter().map(|(_, value)| value).collect()).collect())
}

/// Compares what a step returned with what the list expects.
fn judge(step: &Json, turn: Option<usize>, returned: Result<Returned>) -> std::result::Result<(), String> {
    match (step.get("error"), returned) {
        (Some(expected), Err(error)) => judge_error(expected, &error),
        (Some(expected), Ok(_)) => Err(format!("succeeded instead of failing with {}", expected["code"])),
        (None, Err(error)) => Err(error.to_string()),
        (None, Ok(returned)) => match step.get("expect") {
            Some(expected) => judge_result(expected, turn, &returned),
            None => Ok(()),
        },
    }
}

fn judge_error(expected: &Json, error: &Error) -> std::result::Result<(), String> {
    let found = [
        ("code", error.code().to_string()),
        ("kind", format!("{:?}", error.kind())),
        ("message", error.message().to_owned()),
    ];
    for (part, text) in found {
        if let Some(wanted) = expected[part].as_str()
            && wanted != text
        {
            return Err(format!("the error's {part} is {text:?} instead of {wanted:?}"));
        }
    }
    Ok(())
}

fn judge_result(expected: &Json, turn: Option<usize>, returned: &Returned) -> std::result::Result<(), String> {
    let differs = |what: &str, found: String| Err(format!("{what}: expected {}, found {found}", expected[what]));
    match returned {
        Returned::Nothing => {}
        Returned::Version(version) => {
            if expected["version"] != *version {
                return differs("version", version.to_string());
            }
        }
        Returned::Names(names) => {
            if expected["names"] != serde_json::json!(names) {
                return differs("names", format!("{names:?}"));
            }
        }
        Returned::Versions(versions) => {
            if expected["versions"] != serde_json::json!(versions) {
                return differs("versions", format!("{versions:?}"));
            }
        }
        Returned::Columns(columns) => {
            let found: Vec<Json> = columns
                .iter()
                .map(|(path, name, key)| serde_json::json!({ "path": path, "type": name, "key": key }))
                .collect();
            if expected["columns"] != Json::Array(found.clone()) {
                return differs("columns", Json::Array(found).to_string());
            }
        }
        Returned::Rows { columns, rows, positions } => {
            let found: Vec<Json> =
                columns.iter().map(|(name, of)| serde_json::json!({ "name": name, "type": of })).collect();
            if let Some(wanted) = expected.get("columns")
                && *wanted != Json::Array(found.clone())
            {
                return differs("columns", Json::Array(found).to_string());
            }
            if let Some(count) = expected["count"].as_u64()
                && count != rows.len() as u64
            {
                return differs("count", rows.len().to_string());
            }
            if let Some(wanted) = expected["rows"].as_array() {
                if wanted.len() != rows.len() {
                    return Err(format!("{} rows instead of {}", rows.len(), wanted.len()));
                }
                for (at, (wanted, found)) in wanted.iter().zip(rows).enumerate() {
                    if wanted.as_array().unwrap().len() != found.len() {
                        return Err(format!("row {at} has {} columns instead of {wanted}", found.len()));
                    }
                    for ((json, value), (name, _)) in wanted.as_array().unwrap().iter().zip(found).zip(columns) {
                        if !same(&read(json, turn), value) {
                            return Err(format!("row {at}, column {name}: expected {json}, found {value:?}"));
                        }
                    }
                }
            }
            if let (Some(wanted), Some(found)) = (expected.get("positions"), positions)
                && *wanted != serde_json::json!(found)
            {
                return differs("positions", format!("{found:?}"));
            }
        }
    }
    Ok(())
}
