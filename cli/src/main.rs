//! The `spiral` command.
#![expect(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a command talks to its terminal and tells how long its own steps took"
)]

mod arguments;
mod change;
mod demo;
mod import;
mod input;
mod inspect;
mod open;
mod output;
mod read;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use futures::channel::oneshot;
use futures::future::{Either, select};
use spiral_bindings::core::{Code, Error, Result};
use spiral_bindings::{Client, ClientOptions};

use arguments::{Arguments, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a shell expects after Ctrl-C.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let json = arguments.json;
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.code() == Code::Cancelled => {
            eprintln!("interrupted");
            ExitCode::from(INTERRUPTED)
        }
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::report(&error, json);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    if let Command::Completions { shell } = arguments.command {
        clap_complete::generate(shell, &mut Arguments::command(), "spiral", &mut std::io::stdout());
        return Ok(());
    }
    let (interrupt, interrupted) = oneshot::channel::<()>();
    let mut interrupt = Some(interrupt);
    ctrlc::set_handler(move || drop(interrupt.take()))
        .map_err(|error| Error::new(Code::Internal, format!("Ctrl-C cannot be handled: {error}")))?;
    let json = arguments.json;
    if let Command::Demo { folder } = arguments.command {
        return demo::run(folder, interrupted);
    }
    let client = Client::configured(arguments.root, &ClientOptions::default())?;
    let job = Box::pin(async {
        match arguments.command {
            Command::Import(import) => import::run(&client, import, json).await,
            Command::Scan(scan) => read::scan(&client, scan, json).await,
            Command::Get(get) => read::get(&client, get, json).await,
            Command::Export(export) => read::export(&client, export, json).await,
            Command::Delete(delete) => change::delete(&client, delete, json).await,
            Command::Tables => inspect::tables(&client, json).await,
            Command::Rename { table, new_name } => change::rename(&client, &table, &new_name, json).await,
            Command::Drop { table } => change::drop(&client, &table, json).await,
            Command::Schema { table, asof } => inspect::schema(&client, &table, asof.as_deref(), json).await,
            Command::Txn { command } => inspect::transactions(&client, command, json).await,
            Command::Demo { .. } | Command::Completions { .. } => Ok(()),
        }
    });
    until_interrupted(&client, job, interrupted)
}

/// Runs a job; Ctrl-C drops it, which cancels its work.
fn until_interrupted<T>(
    client: &Client,
    job: impl Future<Output = Result<T>> + Unpin,
    interrupted: oneshot::Receiver<()>,
) -> Result<T> {
    client.block_on(async {
        match select(job, interrupted).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(Error::new(Code::Cancelled, "interrupted")),
        }
    })
}
