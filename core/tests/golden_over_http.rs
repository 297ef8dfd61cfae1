//! The engine alone, on wasm32, reads tables of released versions from a static web server, with its host's `fetch`.
//!
//! `SPIRAL_GOLDEN_URL` in the environment of Node is where `tests/golden` is served.

#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[macro_use]
extern crate spiral_on_wasm;

use std::fmt;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_cast::display::array_value_to_string;
use async_trait::async_trait;
use futures::stream::{BoxStream, TryStreamExt};
use futures::{StreamExt, stream};
use js_sys::{Date, JSON, Math, Promise, Reflect, Uint8Array};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use send_wrapper::SendWrapper;
use serde_json::Value as Json;
use spiral_core::catalog::Catalog;
use spiral_core::runtime::{CurrentThread, Host};
use spiral_core::store::Store;
use spiral_core::table::{Asof, Caches, Snapshot, TableOptions};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    fn fetch(url: &str, init: &JsValue) -> Promise;
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(run: &JsValue, millis: u32) -> JsValue;

    type Response;
    #[wasm_bindgen(method, getter)]
    fn status(this: &Response) -> u16;
    #[wasm_bindgen(method, js_name = arrayBuffer)]
    fn array_buffer(this: &Response) -> Promise;
}

/// Objects below an address.
#[derive(Debug)]
struct Web(String);

impl fmt::Display for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn unsupported<T>() -> Result<T> {
    Err(Error::NotSupported { source: "a web server of files is read".into() })
}

/// Status and body of an answer.
async fn get(url: String, range: Option<String>) -> std::result::Result<(u16, Vec<u8>), JsValue> {
    let headers = range.map_or_else(|| "{}".to_owned(), |range| format!(r#"{{"Range":"bytes={range}"}}"#));
    let init = JSON::parse(&format!(r#"{{"headers":{headers}}}"#))?;
    let response: Response = JsFuture::from(fetch(&url, &init)).await?.unchecked_into();
    let body = JsFuture::from(response.array_buffer()).await?;
    Ok((response.status(), Uint8Array::new(&body).to_vec()))
}

#[async_trait]
impl ObjectStore for Web {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let (begin, asked) = match options.range {
            None => (0, None),
            Some(GetRange::Bounded(Range { start, end })) => (start, Some(format!("{start}-{}", end - 1))),
            Some(GetRange::Offset(start)) => (start, Some(format!("{start}-"))),
            Some(GetRange::Suffix(_)) => return unsupported(),
        };
        let answer = SendWrapper::new(get(format!("{}/{location}", self.0), asked)).await;
        let (status, bytes) =
            answer.map_err(|thrown| Error::Generic { store: "web", source: format!("{thrown:?}").into() })?;
        match status {
            200 | 206 => {}
            404 => return Err(Error::NotFound { path: location.to_string(), source: "404".into() }),
            _ => return Err(Error::Generic { store: "web", source: status.to_string().into() }),
        }
        let begin = if status == 206 { begin } else { 0 };
        let range = begin..begin + bytes.len() as u64;
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: std::time::SystemTime::UNIX_EPOCH.into(),
            size: range.end,
            e_tag: None,
            version: None,
        };
        let payload = GetResultPayload::Stream(stream::iter([Ok(bytes.into())]).boxed());
        Ok(GetResult { payload, meta, range, attributes: Default::default(), extensions: Default::default() })
    }

    async fn put_opts(&self, _location: &Path, _payload: PutPayload, _options: PutOptions) -> Result<PutResult> {
        unsupported()
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        unsupported()
    }

    fn delete_stream(&self, _locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        stream::iter([unsupported()]).boxed()
    }

    fn list(&self, _prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::iter([unsupported()]).boxed()
    }

    async fn list_with_delimiter(&self, _prefix: Option<&Path>) -> Result<ListResult> {
        unsupported()
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        unsupported()
    }
}

/// Polls `future` whenever something is ready, and lets the event loop bring what it waits for.
async fn drive<F: Future>(runtime: &CurrentThread, future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Ok(output) = runtime.try_block_on(future.as_mut()) {
            return output;
        }
        let turn = Promise::new(&mut |resolve, _| drop(set_timeout(&resolve, 0)));
        JsFuture::from(turn).await.unwrap();
    }
}

fn host() -> Host {
    #[allow(clippy::cast_possible_truncation, reason = "a date has fewer microseconds than an i64")]
    let now_micros = || (Date::now() * 1000.0) as i64;
    Host {
        now_micros: Box::new(now_micros),
        monotonic: Box::new(|| Duration::from_secs_f64(Date::now() / 1000.0)),
        random_u64: Box::new(|| Math::random().to_bits()),
    }
}

fn golden_url() -> String {
    let member = |object: JsValue, name: &str| Reflect::get(&object, &name.into()).unwrap();
    let environment = member(member(js_sys::global().into(), "process"), "env");
    member(environment, "SPIRAL_GOLDEN_URL").as_string().unwrap()
}

/// Checks what a scan without a filter should read: how many rows, and the cells whose text is their value.
async fn check(snapshot: &Snapshot, expected: &Json, entry: &str) {
    let batches: Vec<RecordBatch> = snapshot.scan().plan().await.unwrap().stream().try_collect().await.unwrap();
    let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let Some(rows) = expected["rows"].as_array() else {
        assert_eq!(Some(count as u64), expected["count"].as_u64(), "{entry}");
        return;
    };
    assert_eq!(count, rows.len(), "{entry}");
    let places = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    for ((batch, row), expected) in places.zip(rows) {
        for (column, cell) in batch.columns().iter().zip(expected.as_array().unwrap()) {
            if let Some(text) = ["int", "uint", "text"].into_iter().find_map(|form| cell[form].as_str()) {
                assert_eq!(array_value_to_string(column, row).unwrap(), text, "{entry}, row {row}");
            }
        }
    }
}

/// Whether a step scans a whole version of table `t`: with nothing but the version, and all cells or their number.
fn is_whole_scan(step: &Json) -> bool {
    let keys = step.as_object().unwrap().keys();
    step["do"] == "scan" && keys.map(String::as_str).all(|key| ["do", "expect", "asof"].contains(&key))
}

/// The steps that scan whole versions, of which the last one still stands; how many there were.
async fn check_entry(runtime: &CurrentThread, url: &str, entry: &Json) -> usize {
    let name = entry["name"].as_str().unwrap();
    let steps = entry["steps"].as_array().unwrap();
    if !steps.iter().any(is_whole_scan) {
        return 0;
    }
    let root = Store::new(Arc::new(Web(url.to_owned())), Path::from(name), runtime.runtime());
    let catalog = Catalog::new(&root, TableOptions::default(), Caches::default());
    let table = catalog.table(&"t".parse().unwrap()).await.unwrap();
    let last_change =
        steps.iter().rposition(|step| !matches!(step["do"].as_str(), Some("scan" | "take" | "schema" | "history")));
    let mut checked = 0;
    for (at, step) in steps.iter().enumerate().filter(|(_, step)| is_whole_scan(step)) {
        let snapshot = match step["asof"].as_u64() {
            Some(version) => table.snapshot_asof(Asof::Version(version)).await.unwrap(),
            None if Some(at) > last_change => table.refresh().await.unwrap(),
            None => continue,
        };
        check(&snapshot, &step["expect"], name).await;
        checked += 1;
    }
    checked
}

#[test]
async fn tables_of_every_release_are_read_over_http() {
    let list: Json = serde_json::from_str(include_str!("../../tests/golden/0.1.0/list.json")).unwrap();
    let url = format!("{}/0.1.0", golden_url());
    let runtime = CurrentThread::with_host(host());
    let mut checked = 0;
    for entry in list["entries"].as_array().unwrap() {
        checked += drive(&runtime, check_entry(&runtime, &url, entry)).await;
    }
    assert!(checked > 50, "only {checked} scans were compared");
}
