//! From leaves of the column tree to a record batch with struct columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, StructArray};
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};

use super::flatten::Column;
use super::path::ColumnPath;
use crate::bail;
use crate::error::{Code, Result};

/// Builds a batch of `rows` rows. Groups become struct columns that are never null, in the order of their first leaf.
///
/// The inverse of [`flatten`](super::flatten). Fails with [`Code::InvalidName`] if a path occurs twice or is both a
/// column and a group.
pub fn assemble(columns: &[Column], rows: usize) -> Result<RecordBatch> {
    let tree = Tree::try_new(columns.iter().map(|column| &column.path))?;
    let (fields, arrays): (Vec<FieldRef>, Vec<ArrayRef>) =
        tree.root().iter().map(|node| tree.array(node, columns, rows)).collect::<Result<Vec<_>>>()?.into_iter().unzip();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?)
}

/// The schema of the batches that [`assemble`] builds of these columns.
pub fn assemble_schema(columns: &[(ColumnPath, FieldRef)]) -> Result<SchemaRef> {
    let tree = Tree::try_new(columns.iter().map(|(path, _)| path))?;
    let fields: Fields = tree.root().iter().map(|node| tree.field(node, columns)).collect();
    Ok(Arc::new(Schema::new(fields)))
}

/// The groups that some paths form, with children in the order of their first appearance.
struct Tree {
    groups: Vec<Group>,
}

#[derive(Default)]
struct Group {
    children: Vec<Node>,
    by_name: HashMap<Arc<str>, usize>,
}

enum Node {
    /// Position of the column.
    Leaf(usize),
    /// Name and position of the group.
    Group(Arc<str>, usize),
}

impl Tree {
    fn try_new<'a>(paths: impl Iterator<Item = &'a ColumnPath>) -> Result<Self> {
        let mut tree = Self { groups: vec![Group::default()] };
        for (position, path) in paths.enumerate() {
            tree.insert(path, position)?;
        }
        Ok(tree)
    }

    fn root(&self) -> &[Node] {
        &self.groups[0].children
    }

    fn insert(&mut self, path: &ColumnPath, position: usize) -> Result<()> {
        let Some((leaf, groups)) = path.names().split_last() else {
            bail!(Code::InvalidName, "a column has an empty path");
        };
        let mut group = 0;
        for name in groups {
            group = match self.groups[group].get(name) {
                Some(Node::Group(_, inner)) => *inner,
                Some(Node::Leaf(_)) => bail!(Code::InvalidName, "a column lies in the way of {path}: {name:?}"),
                None => {
                    let inner = self.groups.len();
                    self.groups.push(Group::default());
                    self.groups[group].push(name, Node::Group(Arc::clone(name), inner));
                    inner
                }
            };
        }
        if self.groups[group].get(leaf).is_some() {
            bail!(Code::InvalidName, "column {path} occurs twice, or is a group as well");
        }
        self.groups[group].push(leaf, Node::Leaf(position));
        Ok(())
    }

    /// Depth is bounded by the length of a path.
    fn array(&self, node: &Node, columns: &[Column], rows: usize) -> Result<(FieldRef, ArrayRef)> {
        match node {
            Node::Leaf(position) => {
                let column = &columns[*position];
                Ok((named(&column.path, &column.field), Arc::clone(&column.array)))
            }
            Node::Group(name, group) => {
                let inner = self.groups[*group].children.iter().map(|node| self.array(node, columns, rows));
                let (fields, arrays): (Vec<FieldRef>, Vec<ArrayRef>) =
                    inner.collect::<Result<Vec<_>>>()?.into_iter().unzip();
                let array = StructArray::try_new_with_length(fields.into(), arrays, None, rows)?;
                let field = Field::new(name.as_ref(), array_type(&array), false);
                Ok((Arc::new(field), Arc::new(array)))
            }
        }
    }

    fn field(&self, node: &Node, columns: &[(ColumnPath, FieldRef)]) -> FieldRef {
        match node {
            Node::Leaf(position) => named(&columns[*position].0, &columns[*position].1),
            Node::Group(name, group) => {
                let inner: Fields = self.groups[*group].children.iter().map(|node| self.field(node, columns)).collect();
                Arc::new(Field::new(name.as_ref(), DataType::Struct(inner), false))
            }
        }
    }
}

impl Group {
    fn get(&self, name: &Arc<str>) -> Option<&Node> {
        self.by_name.get(name).map(|&position| &self.children[position])
    }

    fn push(&mut self, name: &Arc<str>, node: Node) {
        self.by_name.insert(Arc::clone(name), self.children.len());
        self.children.push(node);
    }
}

fn array_type(array: &StructArray) -> DataType {
    DataType::Struct(array.fields().clone())
}

/// The field under the path's last name: a column may have been renamed since its field was recorded.
fn named(path: &ColumnPath, field: &FieldRef) -> FieldRef {
    if field.name() == path.leaf() { Arc::clone(field) } else { Arc::new(Field::clone(field).with_name(path.leaf())) }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Array, Int32Array, Int64Array, StringArray};
    use arrow_buffer::NullBuffer;

    use super::super::samples::{assert_same, samples};
    use super::super::{flatten, flatten_schema};
    use super::*;

    fn structure(fields: Vec<(&str, ArrayRef)>, nulls: Option<NullBuffer>) -> ArrayRef {
        let (fields, arrays): (Vec<_>, Vec<_>) =
            fields.into_iter().map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array)).unzip();
        Arc::new(StructArray::new(fields.into(), arrays, nulls))
    }

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn ints(values: Vec<Option<i32>>) -> ArrayRef {
        Arc::new(Int32Array::from(values))
    }

    #[test]
    fn assembling_flattened_columns_gives_the_batch_back() {
        let inner = structure(vec![("y.z", ints(vec![Some(3), None])), ("x", ints(vec![None, Some(1)]))], None);
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["p", "q"]));
        let group = structure(vec![("inner", inner), ("text", texts)], None);
        let batch = batch(vec![("b", ints(vec![Some(1), Some(2)])), ("group", group)]);
        let columns = flatten(&batch, false).unwrap();
        let paths: Vec<_> = columns.iter().map(|column| column.path.to_string()).collect();
        assert_eq!(paths, ["b", "group.inner.\"y.z\"", "group.inner.x", "group.text"]);
        let again = assemble(&columns, 2).unwrap();
        assert!(!again.schema().field(1).is_nullable(), "a group is never null");
        for (column, again) in columns.iter().zip(flatten(&again, false).unwrap()) {
            assert_eq!((&column.path, &column.field), (&again.path, &again.field));
            assert_same(&column.array, &again.array);
        }
        let schema = flatten_schema(&batch.schema()).unwrap();
        assert_eq!(assemble_schema(&schema).unwrap(), again.schema());
        assert_eq!(schema.len(), columns.len());
    }

    #[test]
    fn a_null_struct_is_named_or_pushed_down() {
        let inner = structure(vec![("x", ints(vec![Some(1), Some(2), None]))], Some(vec![true, false, true].into()));
        let group = structure(vec![("inner", inner)], Some(vec![false, true, true].into()));
        let batch = batch(vec![("group", group)]);
        let error = flatten(&batch, false).unwrap_err();
        assert_eq!(error.code(), Code::NullStruct);
        assert!(error.message().contains("group is null in row 0"), "{error}");
        let columns = flatten(&batch.slice(1, 2), false).unwrap_err();
        assert!(columns.message().contains("group.inner is null in row 0"), "{columns}");
        let columns = flatten(&batch, true).unwrap();
        assert_eq!(columns[0].array.null_count(), 3);
        assert_eq!(flatten(&batch.slice(2, 1), false).unwrap()[0].array.null_count(), 1);
    }

    #[test]
    fn nulls_reach_leaves_of_every_type() {
        for sample in samples() {
            let len = sample.len();
            if matches!(sample.data_type(), DataType::Struct(_)) {
                continue;
            }
            let nulls: NullBuffer = (0..len).map(|row| row % 3 != 1).collect();
            let group = structure(vec![("leaf", Arc::clone(&sample))], Some(nulls.clone()));
            let leaf = flatten(&batch(vec![("group", group)]), true).unwrap().remove(0).array;
            assert_eq!(leaf.data_type(), sample.data_type());
            for row in 0..len {
                if nulls.is_null(row) {
                    assert!(leaf.logical_nulls().unwrap().is_null(row), "{}", sample.data_type());
                } else {
                    assert_same(&leaf.slice(row, 1), &sample.slice(row, 1));
                }
            }
        }
    }

    #[test]
    fn bad_trees_are_refused() {
        let leaf = || ints(vec![Some(1)]);
        let empty: ArrayRef = Arc::new(StructArray::new_empty_fields(1, None));
        let code = |columns| flatten(&batch(columns), true).unwrap_err().code();
        assert_eq!(code(vec![("s", empty)]), Code::UnsupportedType);
        assert_eq!(code(vec![("", leaf())]), Code::InvalidName);
        assert_eq!(code(vec![("a", leaf()), ("a", leaf())]), Code::InvalidName);
        assert_eq!(code(vec![(&"x".repeat(256), leaf())]), Code::InvalidName);
        let deep = |depth: usize| {
            let nested = (0..depth).fold(leaf(), |array, _| structure(vec![("s", array)], None));
            flatten(&batch(vec![("s", nested)]), true)
        };
        assert_eq!(deep(64).unwrap_err().code(), Code::InvalidName);
        assert_eq!(deep(63).unwrap().len(), 1);
    }

    #[test]
    fn a_column_and_a_group_cannot_share_a_name() {
        let column = |text: &str| Column {
            path: ColumnPath::parse(text).unwrap(),
            field: Arc::new(Field::new("old name", DataType::Int64, true)),
            array: Arc::new(Int64Array::from(vec![1])),
        };
        for paths in [["a", "a.b"], ["a.b", "a"], ["a.b", "a.b"]] {
            assert_eq!(assemble(&paths.map(column), 1).unwrap_err().code(), Code::InvalidName);
        }
        assert_eq!(assemble(&["a"].map(column), 1).unwrap().schema().field(0).name(), "a");
    }

    #[test]
    fn no_columns_keep_the_row_count() {
        assert_eq!(assemble(&[], 7).unwrap().num_rows(), 7);
    }
}
