//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Tables on object storage alone.
#[derive(Debug, Parser)]
#[command(name = "spiral", version)]
pub(crate) struct Arguments {
    /// URL or folder of the tables, or of one table that is then named `.` [default: SPIRAL__ROOT, then ~/.spiral.toml, then ~/.spiral/data]
    #[arg(long, global = true)]
    pub(crate) root: Option<String>,
    /// Print results and errors as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the main job on real data that comes with the command
    Demo {
        /// Folder for the demo's table [default: a fresh one that is removed again]
        #[arg(long)]
        folder: Option<PathBuf>,
    },
    /// Write files into a table, which is created if it does not exist
    Import(Import),
    /// Read rows
    Scan(Scan),
    /// Read rows by key
    Get(Get),
    /// Write rows to a file
    Export(Export),
    /// Delete rows by key or filter
    Delete(Delete),
    /// List tables and the ids that name their folders
    Tables,
    /// Give a table another name
    Rename {
        table: String,
        /// `table`, `dataset.table` or `project/dataset.table`; parts that are left out stay
        new_name: String,
    },
    /// Take a table's name away; its data stays
    Drop { table: String },
    /// Show a table's columns
    Schema {
        table: String,
        /// A version number or an RFC 3339 time
        #[arg(long)]
        asof: Option<String>,
    },
    /// Show commits
    Txn {
        #[command(subcommand)]
        command: Txn,
    },
    /// Print completions for a shell
    Completions { shell: clap_complete::Shell },
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Name of the table: `table`, `dataset.table` or `project/dataset.table`
    pub(crate) table: String,
    /// Parquet, Arrow IPC, CSV or JSON lines files
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Key columns, in order; needed when the table does not exist
    #[arg(long, value_delimiter = ',')]
    pub(crate) key: Vec<String>,
    /// Format of the files [default: by extension]
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Turn null structs into null leaves
    #[arg(long)]
    pub(crate) push_down_nulls: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Parquet,
    Arrow,
    Csv,
    Jsonl,
}

#[derive(Debug, Args)]
pub(crate) struct Scan {
    pub(crate) table: String,
    /// Columns or groups to read
    #[arg(long, value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Filter, for instance "price > 10 and tag in ('a', 'b')"
    #[arg(long = "where")]
    pub(crate) filter: Option<String>,
    /// Rows at most
    #[arg(long)]
    pub(crate) limit: Option<u64>,
    /// A version number or an RFC 3339 time
    #[arg(long)]
    pub(crate) asof: Option<String>,
    /// Form of the rows
    #[arg(long, default_value = "table")]
    pub(crate) output: Form,
    /// Print the plan instead of rows
    #[arg(long)]
    pub(crate) explain: bool,
    /// Print what the scan cost to standard error
    #[arg(long)]
    pub(crate) metrics: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    Table,
    Jsonl,
    Csv,
    Arrow,
}

#[derive(Debug, Args)]
pub(crate) struct Get {
    pub(crate) table: String,
    /// The key, one value per key column
    #[arg(allow_negative_numbers = true, required_unless_present = "keys", conflicts_with = "keys")]
    pub(crate) key: Vec<String>,
    /// A file with the key columns of many rows, read as `import` reads files
    #[arg(long)]
    pub(crate) keys: Option<PathBuf>,
    /// Form of the rows
    #[arg(long, default_value = "table")]
    pub(crate) output: Form,
    /// Columns or groups to read
    #[arg(long, value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// A version number or an RFC 3339 time
    #[arg(long)]
    pub(crate) asof: Option<String>,
    /// Print what it cost to standard error
    #[arg(long)]
    pub(crate) metrics: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    pub(crate) table: String,
    /// The file; its extension names the format
    pub(crate) file: PathBuf,
    /// Columns or groups to write
    #[arg(long, value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Filter
    #[arg(long = "where")]
    pub(crate) filter: Option<String>,
    /// A version number or an RFC 3339 time
    #[arg(long)]
    pub(crate) asof: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    pub(crate) table: String,
    /// The key, one value per key column
    #[arg(allow_negative_numbers = true, required_unless_present = "filter", conflicts_with = "filter")]
    pub(crate) key: Vec<String>,
    /// Filter of the rows to delete
    #[arg(long = "where")]
    pub(crate) filter: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Txn {
    /// The most recent commits, newest first
    List {
        table: String,
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// One commit
    Show { table: String, version: u64 },
}
