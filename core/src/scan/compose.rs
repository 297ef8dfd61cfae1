//! A column put together from stretches of several arrays.
//!
//! After some small writes to a large table nearly all rows of a piece come from one run, in their order. What is one
//! stretch is not copied at all, what is some stretches is copied a stretch at a time, and where one array has nearly
//! all rows in their places the others are written over it: over a copy, or over the array itself where it has just been
//! decoded and nobody else holds it.

use std::sync::Arc;

use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, BinaryViewType, ByteViewType, StringViewType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, GenericByteViewArray, PrimitiveArray, downcast_primitive, make_array,
    new_empty_array, new_null_array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow_data::transform::{Capacities, MutableArrayData};
use arrow_data::{ByteView, MAX_INLINE_VIEW_LEN};
use arrow_schema::DataType;

use super::merge::count;
use super::resolve::Segment;
use crate::bail;
use crate::error::{Code, Result};
use crate::fragment::{CellBuffer, Decoded};

/// Mean length of the segments below which other than primitive values are copied one by one.
const STRETCH_ROWS_MIN: usize = 3;

/// The segments of some columns, in order, and what is known about them.
#[derive(Debug)]
pub(crate) struct Recipe {
    segments: Vec<Segment>,
    rows: usize,
    /// The source that has most rows, if they all stand as far from their places in the result, and its row that would
    /// be the first one.
    base: Option<(usize, usize)>,
    /// What is to be written over the rows of the base, and from which row on.
    over: Vec<(u32, Segment)>,
    /// Sources with rows in the result.
    used: Vec<usize>,
    gaps: bool,
}

impl Recipe {
    pub(crate) fn new(segments: Vec<Segment>) -> Self {
        let rows = segments.iter().map(|segment| segment.len as usize).sum();
        let mut used: Vec<usize> = segments.iter().filter_map(|segment| Some(segment.place()?.0)).collect();
        let gaps = used.len() < segments.len();
        used.sort_unstable();
        used.dedup();
        let base = base(&segments, rows);
        let over = base.map(|(base, _)| others(&segments, base)).unwrap_or_default();
        Self { base, over, segments, rows, used, gaps }
    }

    /// Whether a source of so many rows has most of the result, so that others can be written over its cells.
    pub(super) fn is_over(&self, source: usize, rows: usize) -> bool {
        self.segments.len() > 1 && self.base.is_some_and(|(base, begin)| base == source && begin + self.rows <= rows)
    }
}

/// Finds the source that the others can be written over.
fn base(segments: &[Segment], rows: usize) -> Option<(usize, usize)> {
    let longest = segments.iter().max_by_key(|segment| segment.len)?;
    let (source, _) = longest.place()?;
    let mut begin = None;
    let (mut at, mut covered) = (0, 0);
    for segment in segments {
        if let Some((from, row)) = segment.place()
            && from == source
        {
            let first = (row as usize).checked_sub(at)?;
            if *begin.get_or_insert(first) != first {
                return None;
            }
            covered += segment.len as usize;
        }
        at += segment.len as usize;
    }
    (covered * 2 >= rows).then_some((source, begin?))
}

/// The segments of other sources than the base, and where they stand in the result.
fn others(segments: &[Segment], base: usize) -> Vec<(u32, Segment)> {
    let mut at = 0;
    let mut others = Vec::new();
    for segment in segments {
        if segment.place().is_some_and(|(source, _)| source != base) {
            others.push((at, *segment));
        }
        at += segment.len;
    }
    others
}

/// Puts a column together. Rows without a cell, and rows of sources that lack the column, are null.
pub(crate) fn compose(sources: &[Option<&ArrayRef>], recipe: &Recipe, data_type: &DataType) -> Result<ArrayRef> {
    match recipe.segments[..] {
        [] => return Ok(new_empty_array(data_type)),
        [only] => {
            let array = only.place().and_then(|(source, row)| Some((sources[source]?, row as usize)));
            return Ok(match array {
                Some((array, row)) => array.slice(row, recipe.rows),
                None => new_null_array(data_type, recipe.rows),
            });
        }
        _ => {}
    }
    check_types(sources, data_type)?;
    let nulls = || validity(&nulls_of(sources), recipe);
    macro_rules! primitive {
        ($type:ty) => {{
            let arrays = primitives::<$type>(sources);
            let values = cells(&arrays, recipe, |_, cell| cell);
            Ok(Arc::new(PrimitiveArray::<$type>::new(values.into(), nulls()).with_data_type(data_type.clone())))
        }};
    }
    downcast_primitive! {
        data_type => (primitive),
        DataType::Boolean => {
            let arrays: Vec<_> = sources.iter().map(|source| source.map(|array| array.as_boolean().values())).collect();
            Ok(Arc::new(BooleanArray::new(bits(&arrays, recipe, false), nulls())))
        }
        DataType::Utf8View => Ok(Arc::new(views::<StringViewType>(sources, recipe))),
        DataType::BinaryView => Ok(Arc::new(views::<BinaryViewType>(sources, recipe))),
        _ => other(sources, recipe, data_type)
    }
}

/// Puts a column together as [`compose`] does, whose recipe [is over](Recipe::is_over) a source that has just been
/// decoded: `decoded` are its cells, which are written over, and there is nothing in its place among the sources.
pub(super) fn compose_over(
    decoded: Decoded,
    sources: &[Option<&ArrayRef>],
    recipe: &Recipe,
    data_type: &DataType,
) -> Result<ArrayRef> {
    let Some((base, begin)) = recipe.base else { bail!(Code::Internal, "there is nothing to write over") };
    check_types(sources, data_type)?;
    let mut nulls = nulls_of(sources);
    match decoded {
        Decoded::Fixed(cells, own) => {
            nulls[base] = Some(own.as_ref());
            let nulls = validity(&nulls, recipe);
            macro_rules! primitive {
                ($type:ty) => {{
                    let arrays = primitives::<$type>(sources);
                    let values = cells.write(|cells| write(&mut cells[begin..], &arrays, recipe, |_, cell| cell));
                    let values = values.slice(begin, recipe.rows);
                    Ok(Arc::new(PrimitiveArray::<$type>::new(values, nulls).with_data_type(data_type.clone())))
                }};
            }
            downcast_primitive! {
                data_type => (primitive),
                _ => bail!(Code::Internal, "cells of a column of type {data_type} have no fixed width")
            }
        }
        Decoded::Views(cells, buffers, own) => {
            nulls[base] = Some(own.as_ref());
            let nulls = validity(&nulls, recipe);
            match data_type {
                DataType::Utf8View => {
                    Ok(Arc::new(views_over::<StringViewType>(cells, buffers, nulls, sources, recipe)))
                }
                _ => Ok(Arc::new(views_over::<BinaryViewType>(cells, buffers, nulls, sources, recipe))),
            }
        }
        Decoded::Array(array) => {
            let mut sources = sources.to_vec();
            sources[base] = Some(&array);
            compose(&sources, recipe, data_type)
        }
    }
}

fn check_types(sources: &[Option<&ArrayRef>], data_type: &DataType) -> Result<()> {
    match sources.iter().flatten().find(|array| array.data_type() != data_type) {
        Some(array) => {
            bail!(Code::Internal, "cells of type {} do not fit a column of type {data_type}", array.data_type())
        }
        None => Ok(()),
    }
}

fn primitives<'a, T: ArrowPrimitiveType>(sources: &[Option<&'a ArrayRef>]) -> Vec<Option<&'a [T::Native]>> {
    sources.iter().map(|source| source.map(|array| &array.as_primitive::<T>().values()[..])).collect()
}

/// Cells of fixed width; `of` turns a cell of a source other than the one with most rows into one of the result.
fn cells<N: Copy + Default>(sources: &[Option<&[N]>], recipe: &Recipe, of: impl Fn(usize, N) -> N) -> Vec<N> {
    let whole = recipe.base.and_then(|(base, begin)| sources[base]?.get(begin..begin + recipe.rows));
    if let Some(whole) = whole {
        let mut cells = whole.to_vec();
        write(&mut cells, sources, recipe, of);
        return cells;
    }
    let mut cells = Vec::with_capacity(recipe.rows);
    for segment in &recipe.segments {
        match cells_of(sources, segment) {
            Some((source, some)) => cells.extend(some.iter().map(|cell| of(source, *cell))),
            None => cells.resize(cells.len() + segment.len as usize, N::default()),
        }
    }
    cells
}

fn cells_of<'a, N>(sources: &[Option<&'a [N]>], segment: &Segment) -> Option<(usize, &'a [N])> {
    let (source, row) = segment.place()?;
    Some((source, sources[source]?.get(row as usize..(row + segment.len) as usize)?))
}

/// Writes the cells of other sources over those of the one with most rows.
fn write<N: Copy>(cells: &mut [N], sources: &[Option<&[N]>], recipe: &Recipe, of: impl Fn(usize, N) -> N) {
    for (at, segment) in &recipe.over {
        if let Some((source, some)) = cells_of(sources, segment) {
            for (cell, new) in cells[*at as usize..].iter_mut().zip(some) {
                *cell = of(source, *new);
            }
        }
    }
}

/// Views of several arrays that become views of one.
struct Views<'a> {
    arrays: Vec<Option<&'a [u128]>>,
    /// What is added to the numbers of the buffers of each array.
    first_buffer: Vec<u32>,
    buffers: Vec<Buffer>,
}

impl<'a> Views<'a> {
    /// Keeps the buffers of every source that is used. Those of the source with most rows come first, so that its views
    /// are right as they are; `buffers` are those if it is not among the sources.
    fn new<T: ByteViewType>(sources: &[Option<&'a ArrayRef>], recipe: &Recipe, mut buffers: Vec<Buffer>) -> Self {
        let arrays: Vec<Option<&'a GenericByteViewArray<T>>> =
            sources.iter().map(|source| source.map(|array| array.as_byte_view::<T>())).collect();
        let base = recipe.base.map(|(base, _)| base);
        let others = recipe.used.iter().copied().filter(|source| Some(*source) != base);
        let mut first_buffer = vec![0; sources.len()];
        for source in base.into_iter().chain(others) {
            if let Some(array) = arrays[source] {
                first_buffer[source] = count(buffers.len());
                buffers.extend(array.data_buffers().iter().cloned());
            }
        }
        let arrays = arrays.into_iter().map(|array| array.map(|array| &array.views()[..])).collect();
        Self { arrays, first_buffer, buffers }
    }

    /// A view of a source as one of the result.
    fn moved(&self, source: usize, view: u128) -> u128 {
        let view = ByteView::from(view);
        let inline = view.length <= MAX_INLINE_VIEW_LEN;
        let moved = ByteView { buffer_index: view.buffer_index + self.first_buffer[source], ..view };
        if inline { view.as_u128() } else { moved.as_u128() }
    }

    fn into_array<T: ByteViewType>(
        self,
        views: ScalarBuffer<u128>,
        nulls: Option<NullBuffer>,
    ) -> GenericByteViewArray<T> {
        #[allow(unsafe_code, reason = "checking every string again takes longer than decoding it")]
        // SAFETY: each view is zero, which is the empty string, or one of an array of this type, whose buffers stand in
        // the result from `first_buffer` on.
        unsafe {
            GenericByteViewArray::new_unchecked(views, self.buffers, nulls)
        }
    }
}

/// Strings and binaries: their views are copied, but not what these refer to.
fn views<T: ByteViewType>(sources: &[Option<&ArrayRef>], recipe: &Recipe) -> GenericByteViewArray<T> {
    let all = Views::new::<T>(sources, recipe, Vec::new());
    let views = cells(&all.arrays, recipe, |source, view| all.moved(source, view));
    all.into_array(views.into(), validity(&nulls_of(sources), recipe))
}

/// Strings and binaries whose views are written over those of a source that has just been decoded.
fn views_over<T: ByteViewType>(
    base: CellBuffer,
    buffers: Vec<Buffer>,
    nulls: Option<NullBuffer>,
    sources: &[Option<&ArrayRef>],
    recipe: &Recipe,
) -> GenericByteViewArray<T> {
    let begin = recipe.base.map_or(0, |(_, begin)| begin);
    let all = Views::new::<T>(sources, recipe, buffers);
    let moved = |source, view| all.moved(source, view);
    let views = base.write(|views| write(&mut views[begin..], &all.arrays, recipe, moved));
    all.into_array(views.slice(begin, recipe.rows), nulls)
}

/// Bits of the result; `missing` where there is no source.
fn bits(sources: &[Option<&BooleanBuffer>], recipe: &Recipe, missing: bool) -> BooleanBuffer {
    let mut bits = BooleanBufferBuilder::new(recipe.rows);
    for segment in &recipe.segments {
        let len = segment.len as usize;
        match segment.place().and_then(|(source, row)| Some((sources[source]?, row as usize))) {
            Some((source, row)) if len == 1 => bits.append(source.value(row)),
            Some((source, row)) => bits.append_buffer(&source.slice(row, len)),
            None => bits.append_n(len, missing),
        }
    }
    bits.finish()
}

/// Which cells of the sources are null; `None` for a source that lacks the column.
fn nulls_of<'a>(sources: &[Option<&'a ArrayRef>]) -> Vec<Option<Option<&'a NullBuffer>>> {
    sources.iter().map(|source| source.map(|array| array.nulls())).collect()
}

fn validity(nulls: &[Option<Option<&NullBuffer>>], recipe: &Recipe) -> Option<NullBuffer> {
    let whole = |source: &usize| nulls[*source].is_some_and(|nulls| nulls.is_none_or(|nulls| nulls.null_count() == 0));
    if !recipe.gaps && recipe.used.iter().all(whole) {
        return None;
    }
    let mut bits = BooleanBufferBuilder::new(recipe.rows);
    for segment in &recipe.segments {
        let len = segment.len as usize;
        match segment.place().and_then(|(source, row)| Some((nulls[source]?, row as usize))) {
            Some((Some(nulls), row)) if len == 1 => bits.append(nulls.is_valid(row)),
            Some((Some(nulls), row)) => bits.append_buffer(nulls.slice(row, len).inner()),
            Some((None, _)) => bits.append_n(len, true),
            None => bits.append_n(len, false),
        }
    }
    Some(NullBuffer::new(bits.finish()))
}

/// Nested and other values.
fn other(sources: &[Option<&ArrayRef>], recipe: &Recipe, data_type: &DataType) -> Result<ArrayRef> {
    // Only sources that are used take part, since the result holds on to their memory.
    let mut number: Vec<Option<usize>> = vec![None; sources.len()];
    let mut used: Vec<&ArrayRef> = Vec::new();
    for source in &recipe.used {
        if let Some(array) = sources[*source] {
            number[*source] = Some(used.len());
            used.push(array);
        }
    }
    let place = |segment: &Segment| {
        let (source, row) = segment.place()?;
        Some((number[source]?, row as usize))
    };
    if used.is_empty() {
        return Ok(new_null_array(data_type, recipe.rows));
    }
    if recipe.rows < recipe.segments.len() * STRETCH_ROWS_MIN {
        let null = new_null_array(data_type, 1);
        let missing = used.len();
        let arrays: Vec<&dyn Array> = used.iter().map(|array| array.as_ref()).chain([null.as_ref()]).collect();
        let mut indices = Vec::with_capacity(recipe.rows);
        for segment in &recipe.segments {
            match place(segment) {
                Some((array, row)) => indices.extend((row..row + segment.len as usize).map(|row| (array, row))),
                None => indices.resize(indices.len() + segment.len as usize, (missing, 0)),
            }
        }
        return Ok(arrow_select::interleave::interleave(&arrays, &indices)?);
    }
    let data: Vec<_> = used.iter().map(|array| array.to_data()).collect();
    let nullable = recipe.segments.iter().any(|segment| place(segment).is_none());
    let mut result = MutableArrayData::with_capacities(data.iter().collect(), nullable, Capacities::Array(recipe.rows));
    for segment in &recipe.segments {
        match place(segment) {
            Some((array, row)) => result.try_extend(array, row, row + segment.len as usize)?,
            None => result.try_extend_nulls(segment.len as usize)?,
        }
    }
    debug_assert_eq!(count(result.len()), count(recipe.rows));
    Ok(make_array(result.freeze()))
}

#[cfg(test)]
mod tests {
    use arrow_array::types::Int32Type;
    use arrow_array::{
        DictionaryArray, Float64Array, Int64Array, ListArray, StringViewArray, StructArray, TimestampMicrosecondArray,
    };
    use arrow_schema::Field;
    use proptest::prelude::*;

    use super::*;

    /// Arrays of one type, each a slice of a longer one.
    fn arrays(kind: usize, source: usize, nulls: bool) -> ArrayRef {
        let rows = 0..70_i64;
        let cell = |row: i64| (!nulls || row % 3 != 0).then_some(row + 1000 * source as i64);
        let array: ArrayRef = match kind {
            0 => Arc::new(rows.map(cell).collect::<Int64Array>()),
            1 => Arc::new(rows.map(|row| cell(row).map(|cell| cell % 2 == 0)).collect::<BooleanArray>()),
            2 => {
                let text = |row| cell(row).map(|cell| format!("{cell}{}", "-".repeat((cell % 20) as usize)));
                Arc::new(rows.map(text).collect::<StringViewArray>())
            }
            3 => Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
                rows.map(|row| cell(row).map(|cell| (0..cell % 4).map(|at| i32::try_from(at).ok()))),
            )),
            4 => Arc::new(TimestampMicrosecondArray::from_iter(rows.map(cell)).with_timezone("UTC")),
            5 => Arc::new(rows.map(|row| cell(row).map(|cell| cell as f64)).collect::<Float64Array>()),
            6 => {
                let values: ArrayRef = Arc::new(rows.map(cell).collect::<Int64Array>());
                let field = Arc::new(Field::new("a", DataType::Int64, true));
                Arc::new(StructArray::from(vec![(field, values)]))
            }
            _ => Arc::new(
                rows.map(|row| cell(row).map(|cell| ["x", "y", "z"][(cell % 3) as usize]))
                    .collect::<DictionaryArray<Int32Type>>(),
            ),
        };
        array.slice(3, 60)
    }

    proptest! {
        #[test]
        fn composing_is_interleaving(
            kind in 0..8_usize,
            nulls in prop::collection::vec(any::<bool>(), 4),
            lacking in prop::option::of(0..4_usize),
            pieces in prop::collection::vec((prop::option::weighted(0.9, 0..4_usize), 0..50_u32, 1..10_u32), 0..20),
            over in any::<bool>(),
        ) {
            let all: Vec<ArrayRef> = nulls.iter().enumerate().map(|(source, nulls)| arrays(kind, source, *nulls)).collect();
            let sources: Vec<Option<&ArrayRef>> =
                all.iter().enumerate().map(|(at, array)| (Some(at) != lacking).then_some(array)).collect();
            let mut segments = Vec::new();
            let mut at = 0;
            for (source, row, len) in pieces {
                match source {
                    // As upserts do: the first source keeps its rows, others stand in for some of them.
                    Some(0) if over && at + len <= 60 => Segment::new(0, at, len).push_to(&mut segments),
                    Some(source) => Segment::new(source, row, len).push_to(&mut segments),
                    None => Segment::missing(len).push_to(&mut segments),
                }
                at += len;
            }
            let data_type = all[0].data_type().clone();
            let null = new_null_array(&data_type, 1);
            let mut whole: Vec<&dyn Array> = all.iter().map(|array| array.as_ref()).collect();
            whole.push(null.as_ref());
            let cells: Vec<(usize, usize)> = segments
                .iter()
                .flat_map(|segment| (0..segment.len).map(|at| match segment.place() {
                    Some((source, row)) if Some(source) != lacking => (source, (row + at) as usize),
                    _ => (4, 0),
                }))
                .collect();
            let expected = arrow_select::interleave::interleave(&whole, &cells).unwrap();
            let recipe = Recipe::new(segments);
            let composed = compose(&sources, &recipe, &data_type).unwrap();
            prop_assert_eq!(composed.len(), cells.len());
            prop_assert_eq!(composed.data_type(), &data_type);
            prop_assert_eq!(&composed, &expected);
            for (base, array) in all.iter().enumerate() {
                if recipe.is_over(base, array.len()) && Some(base) != lacking {
                    let mut others = sources.clone();
                    others[base] = None;
                    let written = compose_over(Decoded::of(array), &others, &recipe, &data_type).unwrap();
                    prop_assert_eq!(&written, &expected);
                }
            }
        }
    }

    #[test]
    fn cells_are_written_over_the_source_that_has_all_rows_in_their_places() {
        let recipe = |segments: &[(usize, u32, u32)]| {
            Recipe::new(segments.iter().map(|(source, row, len)| Segment::new(*source, *row, *len)).collect())
        };
        let upserted = recipe(&[(0, 3, 5), (1, 0, 1), (0, 9, 2), (2, 7, 2)]);
        assert!(upserted.is_over(0, 13) && !upserted.is_over(1, 13) && !upserted.is_over(2, 13));
        // The last rows stand in for some that this part of the source does not reach.
        assert!(!upserted.is_over(0, 12));
        // A row that is new, one that is gone, and a whole stretch: it need not be written over.
        assert!(!recipe(&[(0, 0, 5), (1, 0, 1), (0, 5, 5)]).is_over(0, 10));
        assert!(!recipe(&[(0, 0, 5), (0, 6, 5), (1, 0, 1)]).is_over(0, 12));
        assert!(!recipe(&[(0, 0, 5)]).is_over(0, 5));
    }

    #[test]
    fn one_stretch_is_not_copied() {
        let array: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
        let composed = compose(&[Some(&array)], &Recipe::new(vec![Segment::new(0, 10, 50)]), &DataType::Int64).unwrap();
        let (whole, part) = (array.to_data(), composed.to_data());
        assert_eq!(whole.buffers()[0].data_ptr(), part.buffers()[0].data_ptr());
    }
}
