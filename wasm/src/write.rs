//! What handles do besides reading. The engine of the `/reader` entry is built without it.

use js_sys::Promise;
use spiral_bindings::{self as facade, CommitInfo, KeyColumn, Result, WriteOptions, to_json, unpack_keys};
use wasm_bindgen::prelude::*;

use crate::errors::{Thrown, thrown};
use crate::handles::{Cancel, Client, Table};
use crate::source::Source;

#[wasm_bindgen]
impl Client {
    /// `keys` are columns as JSON.
    #[wasm_bindgen(js_name = createTable)]
    pub fn create_table(&self, name: &str, keys: &str, exist_ok: bool, cancel: &Cancel) -> Thrown<Promise> {
        let creating = self.0.create_table(name, &thrown(KeyColumn::list_from_json(keys))?, exist_ok);
        Ok(cancel.promise(creating, |table| Ok(Table(table).into())))
    }

    #[wasm_bindgen(js_name = renameTable)]
    pub fn rename_table(&self, name: &str, new_name: &str, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.rename_table(name, new_name), nothing)
    }

    #[wasm_bindgen(js_name = dropTable)]
    pub fn drop_table(&self, name: &str, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.drop_table(name), nothing)
    }
}

#[wasm_bindgen]
impl Table {
    /// `types` are columns as JSON.
    pub fn write(&self, source: &Source, types: &str, push_down_nulls: bool, cancel: &Cancel) -> Thrown<Promise> {
        let (pieces, types) = (thrown(source.0.pieces())?, thrown(KeyColumn::list_from_json(types))?);
        Ok(cancel.promise(self.0.write_pieces(pieces, types, WriteOptions { push_down_nulls }), commit))
    }

    /// `keys` are packed.
    pub fn delete(&self, keys: &[u8], cancel: &Cancel) -> Thrown<Promise> {
        Ok(cancel.promise(self.0.delete_keys(&thrown(unpack_keys(keys))?), commit))
    }

    #[wasm_bindgen(js_name = deleteWhere)]
    pub fn delete_where(&self, filter: &str, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.delete_where(filter), commit)
    }

    pub fn transaction(&self) -> Transaction {
        Transaction(self.0.transaction())
    }
}

#[wasm_bindgen]
pub struct Transaction(facade::Transaction);

#[wasm_bindgen]
impl Transaction {
    #[wasm_bindgen(getter)]
    pub fn id(&self) -> String {
        self.0.id().to_owned()
    }

    /// `types` are columns as JSON.
    pub fn write(&self, source: &Source, types: &str, push_down_nulls: bool, cancel: &Cancel) -> Thrown<Promise> {
        let (pieces, types) = (thrown(source.0.pieces())?, thrown(KeyColumn::list_from_json(types))?);
        Ok(cancel.promise(self.0.write_pieces(pieces, types, WriteOptions { push_down_nulls }), nothing))
    }

    /// `keys` are packed.
    pub fn delete(&self, keys: &[u8], cancel: &Cancel) -> Thrown<Promise> {
        Ok(cancel.promise(self.0.delete_keys(&thrown(unpack_keys(keys))?), nothing))
    }

    #[wasm_bindgen(js_name = deleteWhere)]
    pub fn delete_where(&self, filter: &str, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.delete_where(filter), nothing)
    }

    pub fn commit(&self, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.commit(), commit)
    }

    pub fn abort(&self, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.abort(), nothing)
    }
}

fn nothing((): ()) -> Result<JsValue> {
    Ok(JsValue::UNDEFINED)
}

fn commit(info: CommitInfo) -> Result<JsValue> {
    Ok(to_json(&info).into())
}
