use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::DataType;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::{Catalog, TableName};
use crate::error::{Code, Result};
use crate::key::KeySchema;
use crate::runtime::{CurrentThread, RuntimeRef, Simulated};
use crate::store::Store;
use crate::store::yielding::YieldingStore;
use crate::table::{Caches, CreateOptions, Table, TableOptions};

struct World {
    runtime: CurrentThread,
    objects: Arc<InMemory>,
}

impl World {
    fn new() -> Self {
        Self { runtime: CurrentThread::new(), objects: Arc::default() }
    }

    fn store(&self, root: &str) -> Store {
        store(&self.objects, root, self.runtime.runtime())
    }

    /// The catalog as a process sees it that knows nothing yet.
    fn cold(&self) -> Catalog {
        catalog(&self.store("root"))
    }

    /// Copies every object below a folder, as `aws s3 sync` does.
    async fn copy(&self, from: &str, to: &str) {
        let objects: Vec<_> = self.objects.list(Some(&Path::from(from))).try_collect().await.unwrap();
        for object in objects {
            let copied = object.location.as_ref().replacen(from, to, 1);
            self.objects.copy(&object.location, &Path::from(copied)).await.unwrap();
        }
    }
}

fn store(objects: &Arc<InMemory>, root: &str, runtime: RuntimeRef) -> Store {
    let network = YieldingStore::over(Arc::clone(objects), Arc::clone(&runtime), Duration::ZERO);
    Store::new(Arc::new(network), Path::from(root), runtime)
}

fn catalog(store: &Store) -> Catalog {
    Catalog::new(store, TableOptions::default(), Caches::default())
}

fn name(text: &str) -> TableName {
    text.parse().unwrap()
}

fn keys(column: &str) -> KeySchema {
    KeySchema::try_new([(column, DataType::Int64)]).unwrap()
}

async fn create(catalog: &Catalog, text: &str) -> Table {
    catalog.create_table(&name(text), keys("id"), false).await.unwrap()
}

async fn write(table: &Table, id: i64) {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![id]));
    table.write_batch(RecordBatch::try_from_iter([("id", ids)]).unwrap()).await.unwrap();
}

async fn rows(table: &Table) -> usize {
    let plan = table.snapshot().scan().plan().await.unwrap();
    let batches: Vec<RecordBatch> = plan.stream().try_collect().await.unwrap();
    batches.iter().map(RecordBatch::num_rows).sum()
}

async fn listed(catalog: &Catalog) -> Vec<String> {
    catalog.tables().await.unwrap().into_iter().map(|table| table.name.to_string()).collect()
}

fn code<T>(result: Result<T>) -> Code {
    result.err().unwrap().code()
}

#[test]
fn tables_are_found_by_every_form_of_their_names() {
    let world = World::new();
    world.runtime.block_on(async {
        let catalog = world.cold();
        assert_eq!(listed(&catalog).await, Vec::<String>::new());
        assert_eq!(code(catalog.table(&name("t")).await), Code::TableNotFound);
        for text in ["t", "sales.t", "demo/t", "demo/sales.t"] {
            write(&create(&catalog, text).await, 1).await;
        }
        for other in [&catalog, &world.cold()] {
            assert_eq!(listed(other).await, ["default.t", "sales.t", "demo/default.t", "demo/sales.t"]);
            for text in ["default.t", "default/sales.t", "demo/default.t"] {
                assert_eq!(rows(&other.table(&name(text)).await.unwrap()).await, 1, "{text}");
            }
            assert_eq!(code(other.table(&name("demo/t.u")).await), Code::TableNotFound);
            assert_eq!(other.projects().await.unwrap(), ["default", "demo"]);
        }
    });
}

#[test]
fn a_name_that_is_taken_is_refused_or_opened() {
    let world = World::new();
    world.runtime.block_on(async {
        let catalog = world.cold();
        let first = create(&catalog, "t").await;
        assert_eq!(code(catalog.create_table(&name("t"), keys("id"), false).await), Code::TableExists);
        let again = world.cold().create_table(&name("default.t"), keys("id"), true).await.unwrap();
        assert_eq!(again.id(), first.id());
        assert_eq!(code(catalog.create_table(&name("t"), keys("k"), true).await), Code::TableExists);
    });
}

#[test]
fn a_renamed_table_keeps_its_id_and_rows() {
    let world = World::new();
    world.runtime.block_on(async {
        let (catalog, other) = (world.cold(), world.cold());
        let table = create(&catalog, "a").await;
        create(&catalog, "b").await;
        // The other client knows the old name.
        other.table(&name("a")).await.unwrap();
        for (from, to) in [("a", "moved.c"), ("moved.c", "demo/d")] {
            catalog.rename_table(&name(from), &name(to)).await.unwrap();
            write(&table, 1).await;
            assert_eq!(code(other.table(&name(from)).await), Code::TableNotFound);
            let moved = other.table(&name(to)).await.unwrap();
            assert_eq!((moved.id(), rows(&moved).await), (table.id(), 1));
        }
        assert_eq!(code(catalog.rename_table(&name("a"), &name("e")).await), Code::TableNotFound);
        assert_eq!(code(catalog.rename_table(&name("b"), &name("demo/d")).await), Code::TableExists);
        assert_eq!(code(catalog.rename_table(&name("b"), &name("b")).await), Code::TableExists);
        assert_eq!(listed(&other).await, ["default.b", "demo/default.d"]);
    });
}

#[test]
fn a_dropped_name_is_free_and_its_data_stays() {
    let world = World::new();
    world.runtime.block_on(async {
        let (catalog, other) = (world.cold(), world.cold());
        let old = create(&catalog, "t").await;
        write(&old, 1).await;
        assert_eq!(other.table(&name("t")).await.unwrap().id(), old.id());
        catalog.drop_table(&name("t")).await.unwrap();
        assert_eq!(code(catalog.drop_table(&name("t")).await), Code::TableNotFound);
        assert_eq!(code(other.table(&name("t")).await), Code::TableNotFound);
        assert_eq!(listed(&catalog).await, Vec::<String>::new());
        let new = create(&catalog, "t").await;
        assert_ne!(new.id(), old.id());
        // A client that knew the dropped table opens the new one.
        assert_eq!(other.table(&name("t")).await.unwrap().id(), new.id());
        write(&old, 2).await;
        let kept = world.store(&format!("root/tables/{}", old.id()));
        let kept = Table::open(kept, TableOptions::default(), Caches::default()).await.unwrap();
        assert_eq!((rows(&kept).await, rows(&new).await), (2, 0));
    });
}

#[test]
fn opening_by_name_costs_one_round_more_than_the_table() {
    let world = World::new();
    world.runtime.block_on(async {
        create(&world.cold(), "t").await;
        create(&world.cold(), "u").await;
        let store = world.store("root");
        let catalog = catalog(&store);
        catalog.table(&name("t")).await.unwrap();
        let cold = store.meter().snapshot();
        // The catalog's hint; the table's, beside a look for newer names.
        assert_eq!((cold.rounds, cold.gets), (2, 3), "{cold:?}");
        catalog.table(&name("u")).await.unwrap();
        let known = store.meter().snapshot() - cold;
        assert_eq!((known.rounds, known.gets), (1, 2), "{known:?}");
        let before = store.meter().snapshot();
        assert_eq!(code(catalog.table(&name("v")).await), Code::TableNotFound);
        assert_eq!((store.meter().snapshot() - before).gets, 1);
    });
}

#[test]
fn many_tables_cost_what_they_are_touched() {
    const TABLES: usize = 1000;
    let world = World::new();
    world.runtime.block_on(async {
        let catalog = world.cold();
        for at in 0..TABLES {
            create(&catalog, &format!("dataset{}.table{at:04}", at % 7)).await;
        }
        let store = world.store("root");
        let cold = self::catalog(&store);
        assert_eq!(cold.tables().await.unwrap().len(), TABLES);
        let listing = store.meter().snapshot();
        assert!(listing.rounds <= 6 && listing.bytes_read <= 128 << 10, "{listing:?}");
        assert_eq!(code(cold.table(&name("dataset3.table0501")).await), Code::TableNotFound);
        cold.table(&name("dataset3.table0500")).await.unwrap();
        let store = world.store("root");
        let before = store.meter().snapshot();
        create(&cold, "one.more").await;
        self::catalog(&store).rename_table(&name("one.more"), &name("another.one")).await.unwrap();
        let renamed = store.meter().snapshot() - before;
        assert!(renamed.bytes_read + renamed.bytes_written <= 256 << 10, "{renamed:?}");
        println!("listing {TABLES} tables: {listing:?}; one rename by a cold client: {renamed:?}");
    });
}

#[test]
fn the_store_is_proven_safe_once() {
    let world = World::new();
    world.runtime.block_on(async {
        let store = world.store("root");
        let catalog = catalog(&store);
        create(&catalog, "t").await;
        let first = store.meter().snapshot();
        assert!(first.puts_if_absent > 20, "{first:?}");
        create(&catalog, "u").await;
        let second = store.meter().snapshot() - first;
        assert_eq!(second.puts_if_absent, 2, "the table's first entry and its name: {second:?}");
        assert_eq!(second.gets, 1, "a look for newer names: {second:?}");
    });
}

#[test]
fn a_copied_root_opens_by_name_and_a_copied_table_alone() {
    let world = World::new();
    world.runtime.block_on(async {
        let table = create(&world.cold(), "sales.t").await;
        write(&table, 1).await;
        world.copy("root", "elsewhere/copy").await;
        write(&table, 2).await;
        let copy = catalog(&world.store("elsewhere/copy"));
        assert_eq!(listed(&copy).await, ["sales.t"]);
        assert_eq!(rows(&copy.table(&name("sales.t")).await.unwrap()).await, 1);
        world.copy(&format!("root/tables/{}", table.id()), "alone").await;
        let alone = Table::open(world.store("alone"), TableOptions::default(), Caches::default()).await.unwrap();
        assert_eq!(rows(&alone).await, 2);
        // Half a copy says what is missing.
        world.copy("root/catalog", "half/catalog").await;
        let error = catalog(&world.store("half")).table(&name("sales.t")).await.err().unwrap();
        assert_eq!(error.code(), Code::TableNotFound);
        assert!(error.message().contains(table.id()), "{error}");
    });
}

#[test]
fn ids_that_collide_are_drawn_again() {
    // Hosts of one seed draw the same numbers: the first world tells which id is drawn in the second.
    let worlds = [(); 2].map(|()| Arc::new(InMemory::new()));
    let on = |world: &Arc<InMemory>, seed: u64, text: &str| {
        let host = Simulated::new(seed);
        host.block_on(async { create(&catalog(&store(world, "root", host.runtime())), text).await.id().to_owned() })
            .unwrap()
    };
    worlds.iter().for_each(|world| drop(on(world, 7, "first")));
    let taken = on(&worlds[0], 8, "t");
    let other = Simulated::new(9);
    let folder = store(&worlds[1], &format!("root/tables/{taken}"), other.runtime());
    let proven = CreateOptions { store_is_proven: true, ..CreateOptions::default() };
    let made = Table::create(folder, keys("id"), proven, TableOptions::default(), Caches::default());
    other.block_on(made).unwrap().unwrap();
    assert_ne!(on(&worlds[1], 8, "t"), taken);
}

#[test]
fn new_projects_have_ids_of_their_own() {
    let world = World::new();
    world.runtime.block_on(async {
        let catalog = world.cold();
        let ids = [catalog.create_project(None).await.unwrap(), catalog.create_project(Some("demo")).await.unwrap()];
        assert!(ids[1].starts_with("demo-"), "{ids:?}");
        create(&catalog, &format!("{}/t", ids[0])).await;
        let mut sorted = ids.to_vec();
        sorted.sort();
        assert_eq!(world.cold().projects().await.unwrap(), sorted);
        assert_eq!(code(catalog.create_project(Some("a/b")).await), Code::InvalidName);
    });
}
