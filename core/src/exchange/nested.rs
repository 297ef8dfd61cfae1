//! Lists, structs and maps made of single values.

use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, ListArray, MapArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, FieldRef, Fields};

use super::build::Builder;
use super::value::Value;
use crate::{Code, Error, Result};

impl Builder<'_> {
    pub(super) fn lists(
        &self,
        field: &FieldRef,
        values: &[&Value],
        data_type: &DataType,
        depth: usize,
    ) -> Result<ArrayRef> {
        let (mut items, mut lengths) = (Vec::new(), Vec::with_capacity(values.len()));
        for value in values {
            match value {
                Value::Null => lengths.push(0),
                Value::List(list) => {
                    items.extend(list);
                    lengths.push(list.len());
                }
                other => return Err(self.mismatch(other, data_type)),
            }
        }
        let child = self.array(field.data_type(), &items, depth + 1)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, child, nulls(values))?))
    }

    pub(super) fn fixed_lists(&self, field: &FieldRef, size: i32, values: &[&Value], depth: usize) -> Result<ArrayRef> {
        let data_type = DataType::FixedSizeList(Arc::clone(field), size);
        let width = usize::try_from(size).unwrap_or(0);
        let mut items = Vec::with_capacity(values.len() * width);
        for value in values {
            match value {
                Value::Null => items.extend(std::iter::repeat_n(&Value::Null, width)),
                Value::List(list) if list.len() == width => items.extend(list),
                other => return Err(self.mismatch(other, &data_type)),
            }
        }
        let child = self.array(field.data_type(), &items, depth + 1)?;
        Ok(Arc::new(FixedSizeListArray::try_new(Arc::clone(field), size, child, nulls(values))?))
    }

    pub(super) fn structs(
        &self,
        fields: &Fields,
        values: &[&Value],
        data_type: &DataType,
        depth: usize,
    ) -> Result<ArrayRef> {
        let mut columns: Vec<Vec<&Value>> = vec![Vec::with_capacity(values.len()); fields.len()];
        for value in values {
            let members: &[(Arc<str>, Value)] = match value {
                Value::Null => &[],
                Value::Struct(members) => members,
                other => return Err(self.mismatch(other, data_type)),
            };
            for (name, _) in members {
                if fields.find(name).is_none() {
                    let message = format!("column {} has no field {name:?}", self.column);
                    return Err(Error::new(Code::TypeMismatch, message));
                }
            }
            for (field, column) in fields.iter().zip(&mut columns) {
                let member = members.iter().find(|(name, _)| **name == **field.name());
                column.push(member.map_or(&Value::Null, |(_, value)| value));
            }
        }
        let columns = fields
            .iter()
            .zip(columns)
            .map(|(field, column)| self.array(field.data_type(), &column, depth + 1))
            .collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls(values), values.len())?))
    }

    pub(super) fn maps(&self, entries: &FieldRef, sorted: bool, values: &[&Value], depth: usize) -> Result<ArrayRef> {
        let data_type = DataType::Map(Arc::clone(entries), sorted);
        let DataType::Struct(fields) = entries.data_type() else {
            return Err(self.mismatch(&Value::Null, &data_type));
        };
        let (mut keys, mut items, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        for value in values {
            match value {
                Value::Null => lengths.push(0),
                Value::Map(map) => {
                    keys.extend(map.iter().map(|(key, _)| key));
                    items.extend(map.iter().map(|(_, item)| item));
                    lengths.push(map.len());
                }
                // Languages without maps of any key pass lists of pairs.
                Value::List(pairs) => {
                    for pair in pairs {
                        let Value::List(pair) = pair else { return Err(self.mismatch(value, &data_type)) };
                        let [key, item] = pair.as_slice() else { return Err(self.mismatch(value, &data_type)) };
                        keys.push(key);
                        items.push(item);
                    }
                    lengths.push(pairs.len());
                }
                other => return Err(self.mismatch(other, &data_type)),
            }
        }
        let columns = vec![
            self.array(fields[0].data_type(), &keys, depth + 1)?,
            self.array(fields[1].data_type(), &items, depth + 1)?,
        ];
        let pairs = StructArray::try_new(fields.clone(), columns, None)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(MapArray::try_new(Arc::clone(entries), offsets, pairs, nulls(values), sorted)?))
    }
}

fn nulls(values: &[&Value]) -> Option<NullBuffer> {
    let nulls: NullBuffer = values.iter().map(|value| !matches!(value, Value::Null)).collect();
    (nulls.null_count() > 0).then_some(nulls)
}
