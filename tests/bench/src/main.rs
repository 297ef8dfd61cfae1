//! Times the jobs of a table on the benchmark data, next to raw Vortex (the stock writer, to Arrow) in the same
//! process. Runs of the two alternate, medians are printed, and results are checked equal first.
//!
//! `tests/bench/run` runs it, and other table engines on the same data.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    reason = "a benchmark measures real time, prints, and stops at the first failure"
)]

mod data;
mod digest;
mod export;
mod measure;
mod raw;
mod spiral;

use std::path::{Path, PathBuf};

use clap::Parser;
use measure::{Job, Measurements};
use raw::Raw;
use spiral::Spiral;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Options {
    /// Rows of the table.
    #[arg(long, default_value_t = 2_000_000)]
    rows: usize,
    /// Runs of each job; the median counts.
    #[arg(long, default_value_t = 7)]
    runs: usize,
    /// Where everything is written; earlier files are removed.
    #[arg(long, default_value_os_t = std::env::temp_dir().join("spiral-bench"))]
    folder: PathBuf,
    /// Only jobs whose name contains this, and those that change the table.
    #[arg(long)]
    only: Option<String>,
    /// Leave raw Vortex out, for a profile of the engine alone.
    #[arg(long)]
    no_raw: bool,
    /// Only reads, of what an earlier run has left in the folder: for profiles.
    #[arg(long)]
    reuse: bool,
    /// With `--reuse`, reads of the table with upserts take turns with those of the table without.
    #[arg(long)]
    beside_clean: bool,
    /// Stop before the first job that changes the table and whose name contains this, for `--reuse`.
    #[arg(long)]
    until: Option<String>,
    /// Also write the data, and what was measured, for other engines.
    #[arg(long)]
    export: bool,
}

fn main() {
    let options = Options::parse();
    let mut measured = Measurements::new(options.runs, options.only.clone());
    let (ours, theirs) = (options.folder.join("spiral"), options.folder.join("raw.vortex"));
    let mut spiral = Spiral::new(&ours);
    let mut raw = Raw::new(&theirs);
    if options.reuse {
        spiral.open();
        if options.beside_clean {
            return after_upserts(&mut measured, &spiral, options.rows);
        }
        if !options.no_raw {
            raw.open();
        }
        let raw = (!options.no_raw).then_some(&raw);
        scans(&mut measured, &spiral, raw, options.rows);
        return takes(&mut measured, &spiral, raw, options.rows);
    }
    for path in [&ours, &theirs] {
        let _ = std::fs::remove_dir_all(path).or_else(|_| std::fs::remove_file(path));
    }
    let batches = data::batches(options.rows);
    // The table that stays as it is.
    spiral.write(&batches);
    if options.no_raw {
        measured.change("write", 1, &mut || spiral.write(&batches));
    } else {
        let arrays = raw.arrays(&batches);
        measured.pair("write", &mut || spiral.write(&batches), &mut || raw.write(&arrays));
        let each = bytes_below(&ours.join("tables")) / spiral.tables() as u64;
        println!("raw file {} bytes, ours {each} bytes", raw.bytes());
        raw.open();
    }
    let raw = (!options.no_raw).then_some(&raw);
    let tables = spiral.tables() - 1;
    scans(&mut measured, &spiral, raw, options.rows);
    takes(&mut measured, &spiral, raw, options.rows);
    let ends = |job: &str| options.until.as_ref().is_some_and(|until| job.contains(until.as_str()));
    if ends("5 upserts of 1 %") {
        return;
    }
    let upserts: Vec<_> = (0..5).map(|round| data::upsert(options.rows, round)).collect();
    measured.change("5 upserts of 1 %", tables, &mut || spiral.upsert(&upserts));
    after_upserts(&mut measured, &spiral, options.rows);
    if ends("add a column") {
        return;
    }
    let added: Vec<_> = data::added(&batches).collect();
    measured.change("add a column", tables, &mut || spiral.add(&added));
    if options.export {
        export::write(&options.folder, options.rows, &batches, &upserts, &added);
        measured.save(&options.folder.join("measured.json"), data::range(options.rows));
    }
}

fn scans(measured: &mut Measurements, spiral: &Spiral, raw: Option<&Raw>, rows: usize) {
    for scan in spiral::scans(rows) {
        let ours: &Job<'_> = &|sink| spiral.scan(&scan, sink);
        measured.read(scan.name, ours, raw.map(|raw| |sink: digest::Sink<'_>| raw.scan(&scan, sink)));
        if measured.wanted(scan.name) {
            spiral.explain(&scan);
        }
    }
}

/// Rows by key, and what one of them costs from afar.
fn takes(measured: &mut Measurements, spiral: &Spiral, raw: Option<&Raw>, rows: usize) {
    for (name, count) in [("take 1,000 keys", 1_000), ("take 10,000 keys", 10_000), ("one key", 1)] {
        let keys = data::keys(rows, count);
        let places = data::places(rows, count);
        let take: &Job<'_> = &|sink| spiral.take(&keys, sink);
        measured.read(name, take, raw.map(|raw| move |sink: digest::Sink<'_>| raw.take(&places, sink)));
    }
    if measured.wanted("one key") {
        spiral.cold(&data::keys(rows, 100));
    }
}

/// Reads of the table with upserts, beside those of the table without.
fn after_upserts(measured: &mut Measurements, spiral: &Spiral, rows: usize) {
    let after = |name: &str| format!("{name} after upserts");
    for scan in spiral::scans(rows) {
        let clean = |sink: digest::Sink<'_>| spiral.scan_clean(&scan, sink);
        measured.read_after(&after(scan.name), &|sink| spiral.scan(&scan, sink), clean);
    }
    let keys = data::keys(rows, 1_000);
    let clean = |sink: digest::Sink<'_>| spiral.take_clean(&keys, sink);
    measured.read_after(&after("take 1,000 keys"), &|sink| spiral.take(&keys, sink), clean);
}

fn bytes_below(folder: &Path) -> u64 {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let about = entry.metadata().unwrap();
            if about.is_dir() { bytes_below(&entry.path()) } else { about.len() }
        })
        .sum()
}
