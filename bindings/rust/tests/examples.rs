//! The examples run to their ends.

#[path = "../examples/quickstart.rs"]
mod quickstart;
#[path = "../examples/streams.rs"]
mod streams;
#[path = "../examples/transactions.rs"]
mod transactions;

type Done = Result<(), Box<dyn std::error::Error>>;

#[test]
fn quickstart_runs() -> Done {
    quickstart::main()
}

#[test]
fn streams_run() -> Done {
    streams::main()
}

#[test]
fn transactions_run() -> Done {
    transactions::main()
}
