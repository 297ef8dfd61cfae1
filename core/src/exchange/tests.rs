//! What the type tells about a plain form.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, TimeUnit};

use super::{Interval, Value, array_from_values, type_from_text, values_from_array};
use crate::{Code, Result};

fn read_back(type_name: &str, value: Value) -> Result<Value> {
    let array = array_from_values("a", &type_from_text(type_name)?, [&value])?;
    Ok(values_from_array(&array)?.remove(0))
}

#[test]
fn plain_forms_are_read_where_the_type_tells_what_they_mean() {
    let midnight = Value::Timestamp(-86_400_000, TimeUnit::Millisecond);
    assert_eq!(read_back("date32", midnight.clone()).unwrap(), Value::Date(-1));
    assert_eq!(read_back("date64", midnight).unwrap(), Value::Date(-1));
    let noon = Value::Timestamp(43_200, TimeUnit::Second);
    assert_eq!(read_back("date32", noon).unwrap_err().code(), Code::TypeMismatch);

    let parts = |name: &str| Value::Struct(vec![(name.into(), Value::Int(2))]);
    let whole = Value::Interval(Interval { months: 0, days: 2, nanoseconds: 0 });
    assert_eq!(read_back("Interval(MonthDayNano)", parts("days")).unwrap(), whole);
    assert!(read_back("Interval(MonthDayNano)", parts("weeks")).is_err());

    let entries =
        Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Int64, true)]);
    let map = DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false);
    let (key, item) = (Value::Text("k".to_owned()), Value::Int(1));
    let pairs = Value::List(vec![Value::List(vec![key.clone(), item.clone()])]);
    let read = values_from_array(&array_from_values("a", &map, [&pairs]).unwrap()).unwrap();
    assert_eq!(read, [Value::Map(vec![(key.clone(), item)])]);
    assert!(array_from_values("a", &map, [&Value::List(vec![Value::List(vec![key])])]).is_err());
}
