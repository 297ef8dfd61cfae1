//! Medians of jobs, and what they found.

use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use super::digest::{Digest, Sink};

/// A job that reads.
pub(crate) type Job<'a> = dyn Fn(Sink<'_>) + 'a;

#[derive(Serialize)]
struct Measured {
    row: String,
    spiral_ms: f64,
    raw_ms: Option<f64>,
    /// Of the same read of a table without upserts.
    clean_ms: Option<f64>,
    found: Option<Digest>,
}

pub(crate) struct Measurements {
    runs: usize,
    only: Option<String>,
    list: Vec<Measured>,
}

/// How long the runs of a job took.
#[derive(Default)]
struct Times {
    wall_ms: Vec<f64>,
    /// Of all threads together. The clock is coarse: only the sum of many runs means something.
    cpu_ms: f64,
}

impl Times {
    fn run(&mut self, job: &mut dyn FnMut()) {
        let (start, cpu) = (Instant::now(), cpu_ms());
        job();
        self.wall_ms.push(start.elapsed().as_secs_f64() * 1e3);
        self.cpu_ms += cpu_ms() - cpu;
    }

    fn median(&mut self) -> Option<f64> {
        self.wall_ms.sort_by(f64::total_cmp);
        self.wall_ms.get(self.wall_ms.len() / 2).copied()
    }

    fn mean_cpu(&self) -> f64 {
        self.cpu_ms / self.wall_ms.len() as f64
    }
}

/// The times of a job, of others beside it, and what it found.
#[derive(Default)]
struct Found {
    ours: Times,
    raw: Times,
    clean: Times,
    found: Option<Digest>,
}

/// Processor time of this process, where the system tells.
fn cpu_ms() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let about = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = about.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks * 1e3 / TICKS_PER_SECOND
}

fn digest(job: &Job<'_>) -> Digest {
    let mut digest = Digest::default();
    job(&mut |batch| digest.add(&batch));
    digest
}

/// Runs a job to its end without keeping what it finds.
fn drain(job: &Job<'_>) {
    let mut rows = 0;
    job(&mut |batch| rows += batch.num_rows());
    std::hint::black_box(rows);
}

impl Measurements {
    pub(crate) fn new(runs: usize, only: Option<String>) -> Self {
        Self { runs, only, list: Vec::new() }
    }

    /// Whether a read is to be timed.
    pub(crate) fn wanted(&self, row: &str) -> bool {
        self.only.as_ref().is_none_or(|only| row.contains(only.as_str()))
    }

    /// Times a read, taking turns with the same read of raw Vortex, once both have been seen to find the same.
    pub(crate) fn read(&mut self, row: &str, ours: &Job<'_>, raw: Option<impl Fn(Sink<'_>)>) {
        if !self.wanted(row) {
            return;
        }
        let found = digest(ours);
        if let Some(raw) = &raw {
            let expected = digest(raw);
            assert!(found.agrees(&expected), "{row}: {found:?} is not {expected:?}");
        }
        let (ours, raw) = self.take_turns(ours, raw);
        self.push(row, Found { ours, raw, found: Some(found), ..Found::default() });
    }

    /// Times a read of a table with upserts, taking turns with the same read of the table without.
    pub(crate) fn read_after(&mut self, row: &str, ours: &Job<'_>, clean: impl Fn(Sink<'_>)) {
        if !self.wanted(row) {
            return;
        }
        let found = digest(ours);
        let (ours, clean) = self.take_turns(ours, Some(clean));
        self.push(row, Found { ours, clean, found: Some(found), ..Found::default() });
    }

    fn take_turns(&self, ours: &Job<'_>, other: Option<impl Fn(Sink<'_>)>) -> (Times, Times) {
        let (mut our_times, mut other_times) = (Times::default(), Times::default());
        drain(ours);
        if let Some(other) = &other {
            drain(other);
        }
        for _ in 0..self.runs {
            our_times.run(&mut || drain(ours));
            if let Some(other) = &other {
                other_times.run(&mut || drain(other));
            }
        }
        (our_times, other_times)
    }

    /// Times a change of a table on each of some tables.
    pub(crate) fn change(&mut self, row: &str, tables: usize, ours: &mut dyn FnMut()) {
        let mut times = Times::default();
        (0..tables).for_each(|_| times.run(ours));
        self.push(row, Found { ours: times, ..Found::default() });
    }

    /// Times writing, taking turns with raw Vortex.
    pub(crate) fn pair(&mut self, row: &str, ours: &mut dyn FnMut(), raw: &mut dyn FnMut()) {
        let (mut our_times, mut raw_times) = (Times::default(), Times::default());
        for _ in 0..self.runs {
            our_times.run(ours);
            raw_times.run(raw);
        }
        self.push(row, Found { ours: our_times, raw: raw_times, ..Found::default() });
    }

    fn push(&mut self, row: &str, Found { mut ours, mut raw, mut clean, found }: Found) {
        let (wall, cpu) = (ours.median().unwrap_or_default(), ours.mean_cpu());
        let (raw_ms, clean_ms) = (raw.median(), clean.median());
        let beside = |name: &str, times: &Times, other: Option<f64>| {
            let mean = times.mean_cpu();
            let text = |other| {
                format!("{name} {other:>8.2} ms, cpu {mean:>7.1}, ratio {:>5.2}, {:>5.2}", wall / other, cpu / mean)
            };
            other.map(text).unwrap_or_default()
        };
        let other = beside("raw", &raw, raw_ms) + &beside("clean", &clean, clean_ms);
        let rows = found.as_ref().map(|found| format!("{} rows", found.rows)).unwrap_or_default();
        println!("{row:<36} {wall:>9.2} ms, cpu {cpu:>7.1}  {other:<54} {rows}");
        self.list.push(Measured { row: row.to_owned(), spiral_ms: wall, raw_ms, clean_ms, found });
    }

    /// Writes everything as JSON, with the key range that is scanned.
    pub(crate) fn save(&self, path: &Path, range: (i64, i64)) {
        let all = serde_json::json!({ "key_range": range, "jobs": self.list });
        std::fs::write(path, serde_json::to_vec_pretty(&all).unwrap()).unwrap();
    }
}
