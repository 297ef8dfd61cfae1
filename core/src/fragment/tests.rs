use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringViewArray};
use arrow_schema::{DataType, Field, FieldRef};
use object_store::memory::InMemory;
use object_store::{ObjectStoreExt, path::Path};

use super::*;
use crate::error::Code;
use crate::runtime::CurrentThread;
use crate::store::Store;

const ROWS: usize = STRIPE_ROWS * 2 + 77;

fn fields() -> Vec<FieldRef> {
    vec![
        Arc::new(Field::new("n", DataType::Int64, true)),
        Arc::new(Field::new("x", DataType::Float64, true)),
        Arc::new(Field::new("text", DataType::Utf8View, true)),
        Arc::new(Field::new("word", DataType::Utf8View, true)),
    ]
}

fn columns() -> Vec<ArrayRef> {
    let text = |row: usize| format!("row {row} {}", "lorem ipsum ".repeat(row % 17));
    vec![
        Arc::new((0..ROWS).map(|row| (row % 5 > 0).then_some(row as i64 * 3)).collect::<Int64Array>()),
        Arc::new((0..ROWS).map(|row| Some(row as f64 / 7.0)).collect::<Float64Array>()),
        Arc::new(StringViewArray::from_iter_values((0..ROWS).map(text))),
        Arc::new((0..ROWS).map(|row| ["a word", "one that is not inlined"].get(row % 3)).collect::<StringViewArray>()),
    ]
}

struct Written {
    objects: Arc<InMemory>,
    store: Store,
    reference: FragmentRef,
}

async fn written(runtime: &CurrentThread) -> Written {
    let objects = Arc::new(InMemory::new());
    let store = Store::new(objects.clone(), Path::default(), runtime.runtime());
    let mut writer = FragmentWriter::try_new(&store, "data/1".into(), fields(), WriteOptions::default()).unwrap();
    for begin in (0..ROWS).step_by(STRIPE_ROWS) {
        let len = STRIPE_ROWS.min(ROWS - begin);
        let stripe: Vec<_> = columns().iter().map(|column| column.slice(begin, len)).collect();
        writer.write_stripe(&stripe, None).await.unwrap();
    }
    let reference = writer.finish().await.unwrap();
    Written { objects, store, reference }
}

fn projection() -> Vec<(usize, Field)> {
    fields().iter().enumerate().map(|(at, field)| (at, field.as_ref().clone())).collect()
}

#[test]
fn ranges_masks_and_indices_return_what_was_written() {
    let runtime = CurrentThread::new();
    runtime.block_on(async {
        let written = written(&runtime).await;
        let fragment = Fragment::open(&written.store, written.reference).await.unwrap();
        assert_eq!((fragment.rows(), fragment.stripes()), (ROWS as u64, 3));
        let all = columns();
        for range in [0..ROWS, 5..6, 8190..8195, 100..16_400, ROWS - 1..ROWS, 3..3] {
            let rows = Rows::Range(range.start as u64..range.end as u64);
            let read = fragment.fetch(&projection(), &rows).await.unwrap().decode().unwrap();
            for (read, all) in read.iter().zip(&all) {
                assert_eq!(read.as_ref(), all.slice(range.start, range.len()).as_ref(), "{range:?}");
            }
        }
        let wanted: Vec<usize> = vec![0, 1, 4095, 4096, 8191, 8192, 16_400, ROWS - 1];
        let indices = arrow_array::UInt64Array::from_iter_values(wanted.iter().map(|row| *row as u64));
        let rows = Rows::Indices(indices.values().to_vec());
        let read = fragment.fetch(&projection(), &rows).await.unwrap().decode().unwrap();
        for (read, all) in read.iter().zip(&all) {
            assert_eq!(read.as_ref(), arrow_select::take::take(all, &indices, None).unwrap().as_ref());
        }
        let mask: BooleanArray = (0..9000).map(|row| Some(row % 1000 == 7)).collect();
        let read = fragment.fetch(&projection(), &Rows::Mask(50, mask.clone())).await.unwrap().decode().unwrap();
        for (read, all) in read.iter().zip(&all) {
            let expected = arrow_select::filter::filter(&all.slice(50, 9000), &mask).unwrap();
            assert_eq!(read.as_ref(), expected.as_ref());
        }
    });
}

#[test]
fn decoded_cells_are_written_over_where_they_are() {
    let runtime = CurrentThread::new();
    runtime.block_on(async {
        let written = written(&runtime).await;
        let fragment = Fragment::open(&written.store, written.reference).await.unwrap();
        let all: Vec<ArrayRef> = columns().iter().map(|column| column.slice(0, STRIPE_ROWS)).collect();
        let fetched = fragment.fetch(&projection(), &Rows::Range(0..STRIPE_ROWS as u64)).await.unwrap();
        let mut decoded = fetched.decode_writable(|at| at != 1).unwrap();
        let Some(Decoded::Views(cells, buffers, nulls)) = decoded.pop() else { panic!("views cannot be written over") };
        let place = cells.0.as_ptr();
        let views = cells.write::<u128>(|views| views[0] = views[3]);
        assert_eq!(views.inner().as_ptr(), place);
        assert_eq!(&StringViewArray::new(views, buffers, nulls), all[3].as_any().downcast_ref().unwrap());
        // Of several blocks, and not asked for.
        for array in [decoded.pop().map(|text| (text, 2)), decoded.pop().map(|x| (x, 1))].into_iter().flatten() {
            assert!(matches!(&array, (Decoded::Array(array), at) if array == &all[*at]));
        }
        let Some(Decoded::Fixed(cells, nulls)) = decoded.pop() else { panic!("numbers cannot be written over") };
        let place = cells.0.as_ptr();
        let cells = cells.write::<i64>(|cells| cells[6] = -1);
        assert_eq!(cells.inner().as_ptr(), place);
        let mut expected: Vec<Option<i64>> = all[0].as_any().downcast_ref::<Int64Array>().unwrap().iter().collect();
        expected[6] = Some(-1);
        assert_eq!(Int64Array::new(cells, nulls), Int64Array::from(expected));
    });
}

#[test]
fn zones_bound_each_stripe() {
    let runtime = CurrentThread::new();
    runtime.block_on(async {
        let written = written(&runtime).await;
        let fragment = Fragment::open(&written.store, written.reference).await.unwrap();
        let zones = fragment.zones(&[(0, DataType::Int64)]).await.unwrap().remove(0).unwrap();
        let min = zones.min.as_any().downcast_ref::<Int64Array>().unwrap();
        assert_eq!(min.values(), &[3, 8193 * 3 - 3, 16_384 * 3]);
        assert_eq!(zones.null_count.len(), 3);
    });
}

#[test]
fn any_flipped_bit_is_an_error_never_a_wrong_row() {
    let runtime = CurrentThread::new();
    runtime.block_on(async {
        let written = written(&runtime).await;
        let path = Path::from("data/1");
        let intact = written.objects.get(&path).await.unwrap().bytes().await.unwrap();
        let index_end = written.reference.index_offset + u64::from(written.reference.index_length);
        let expected = columns();
        let index_end = usize::try_from(index_end).unwrap();
        for at in (4..index_end).step_by(1 + index_end / 150) {
            let mut broken = intact.to_vec();
            broken[at] ^= 1 << (at % 8);
            written.objects.put(&path, broken.into()).await.unwrap();
            let result = async {
                let fragment = Fragment::open(&written.store, written.reference.clone()).await?;
                fragment.zones(&[(0, DataType::Int64), (1, DataType::Float64), (2, DataType::Utf8View)]).await?;
                fragment.fetch(&projection(), &Rows::Range(0..ROWS as u64)).await?.decode()
            };
            match result.await {
                Err(error) => assert_eq!(error.code(), Code::Corrupt, "byte {at}"),
                // Padding between blocks carries nothing.
                Ok(read) => read.iter().zip(&expected).for_each(|(read, all)| assert_eq!(read.as_ref(), all.as_ref())),
            }
        }
    });
}

#[test]
fn every_vortex_reader_opens_a_fragment() {
    use vortex::array::stream::ArrayStreamExt;
    use vortex::file::OpenOptionsSessionExt;
    use vortex::io::session::RuntimeSessionExt;

    let runtime = CurrentThread::new();
    let (bytes, rows) = runtime.block_on(async {
        let written = written(&runtime).await;
        let bytes = written.objects.get(&Path::from("data/1")).await.unwrap().bytes().await.unwrap();
        (bytes, written.reference.rows)
    });
    let read = vortex::io::runtime::single::block_on(|handle| async {
        let session = <vortex::session::VortexSession as vortex::VortexSessionDefault>::default().with_handle(handle);
        let file = session.open_options().open_buffer(vortex::buffer::ByteBuffer::from(bytes)).unwrap();
        file.scan().unwrap().into_array_stream().unwrap().read_all().await.unwrap()
    });
    assert_eq!(read.len() as u64, rows);
}
