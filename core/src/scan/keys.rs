//! Keys of a key space: as typed rows, by stripe through a cache or as a contiguous range.

use std::ops::Range;

use arrow_array::ArrayRef;
use arrow_schema::Field;
use futures::future::try_join_all;

use crate::error::{Code, Error, Result};
use crate::fragment::{FetchedColumns, Fragment, Rows};
use crate::key::{KeyRows, KeySchema};
use crate::runtime::RuntimeExt;
use crate::store::{BlockKey, ByteCache};
use crate::transaction::ingest::stored_keys;
use crate::types::from_storage;

/// The key columns as a key space holds them.
pub(super) fn key_fields(schema: &KeySchema) -> Result<Vec<(usize, Field)>> {
    Ok(stored_keys(schema)?.iter().map(|field| field.as_ref().clone()).enumerate().collect())
}

/// Reads the keys of a contiguous range of rows.
pub(crate) async fn read_keys(fragment: &Fragment, schema: &KeySchema, rows: Range<u64>) -> Result<KeyRows> {
    let fetched = fragment.fetch(&key_fields(schema)?, &Rows::Range(rows)).await?;
    decode_keys(fragment, schema, fetched).await
}

async fn decode_keys(fragment: &Fragment, schema: &KeySchema, fetched: FetchedColumns) -> Result<KeyRows> {
    let schema = schema.clone();
    fragment.store().runtime().spawn_work(move || key_rows(&schema, &fetched.decode()?)).await?
}

fn key_rows(schema: &KeySchema, stored: &[ArrayRef]) -> Result<KeyRows> {
    let columns = schema
        .fields()
        .iter()
        .zip(stored)
        .map(|(field, column)| from_storage(column, field.data_type()))
        .collect::<Result<Vec<_>>>()?;
    KeyRows::try_new(schema.clone(), &columns)
        .map_err(|error| Error::new(Code::Corrupt, "a key space holds keys that cannot be").with_source(error))
}

/// Reads whole stripes of keys; those in the cache cost nothing, the others one round.
pub(super) async fn read_stripes(
    fragment: &Fragment,
    schema: &KeySchema,
    cache: &ByteCache<BlockKey, KeyRows>,
    stripes: &[usize],
) -> Result<Vec<KeyRows>> {
    let path = &fragment.reference().path;
    let key = |stripe: usize| fragment.store().block_key(path, fragment.stripe(stripe));
    let mut found = Vec::with_capacity(stripes.len());
    for stripe in stripes {
        found.push(cache.get(&key(*stripe)?));
    }
    let missing: Vec<usize> =
        stripes.iter().zip(&found).filter(|(_, keys)| keys.is_none()).map(|(stripe, _)| *stripe).collect();
    let rows: Vec<Rows> = missing.iter().map(|stripe| Rows::Range(fragment.stripe(*stripe))).collect();
    let fetched = fragment.fetch_many(&key_fields(schema)?, &rows).await?;
    let decoded = try_join_all(fetched.into_iter().map(|fetched| decode_keys(fragment, schema, fetched))).await?;
    let mut decoded = missing.into_iter().zip(decoded);
    found
        .into_iter()
        .map(|keys| match keys {
            Some(keys) => Ok(keys),
            None => {
                let (stripe, keys) =
                    decoded.next().ok_or_else(|| Error::new(Code::Internal, "a stripe of keys was not read"))?;
                cache.insert(key(stripe)?, keys.clone());
                Ok(keys)
            }
        })
        .collect()
}

/// One run of keys from several that follow each other.
pub(super) fn concat_keys(schema: &KeySchema, parts: &[KeyRows]) -> Result<KeyRows> {
    if let [single] = parts {
        return Ok(single.clone());
    }
    let columns = (0..schema.len())
        .map(|at| {
            let columns: Vec<&dyn arrow_array::Array> = parts.iter().map(|part| part.columns()[at].as_ref()).collect();
            if columns.is_empty() {
                return Ok(arrow_array::new_empty_array(schema.fields()[at].data_type()));
            }
            Ok(arrow_select::concat::concat(&columns)?)
        })
        .collect::<Result<Vec<_>>>()?;
    KeyRows::try_new(schema.clone(), &columns)
}
