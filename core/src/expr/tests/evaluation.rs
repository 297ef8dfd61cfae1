//! The evaluator against a model that decides one row at a time.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_schema::DataType;
use proptest::prelude::*;

use super::generate::{Row, any_filter, any_row, batch, order_floats, schema};
use crate::expr::{CompareOp, Expr, Literal, bind, bind_filter};

/// A value of the model.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Int(i128),
    Float(f64),
    Tenths(i128),
    Text(String),
}

fn exact_float_and_int(float: f64, int: i128) -> Ordering {
    if float.is_nan() || float > 1e30 {
        return Ordering::Greater;
    }
    if float < -1e30 {
        return Ordering::Less;
    }
    let floor = float.floor();
    // The range is checked above: the text of a whole float is its value.
    format!("{floor:.0}").parse::<i128>().unwrap().cmp(&int).then(floor.partial_cmp(&float).unwrap().reverse())
}

/// `by_value` is for two columns, where integers and floats meet as floats.
fn order(left: &Value, right: &Value, by_value: bool) -> Ordering {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => order_floats(*a, *b),
        (Value::Float(a), Value::Int(b)) if by_value => order_floats(*a, *b as f64),
        (Value::Float(a), Value::Int(b)) => exact_float_and_int(*a, *b),
        (Value::Int(a), Value::Tenths(b)) => (a * 10).cmp(b),
        (Value::Float(a), Value::Tenths(b)) => order_floats(*a, *b as f64 / 10.0),
        (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        _ => order(right, left, by_value).reverse(),
    }
}

fn holds(op: CompareOp, order: Ordering) -> bool {
    match op {
        CompareOp::Eq => order.is_eq(),
        CompareOp::Neq => order.is_ne(),
        CompareOp::Lt => order.is_lt(),
        CompareOp::Lte => order.is_le(),
        CompareOp::Gt => order.is_gt(),
        CompareOp::Gte => order.is_ge(),
    }
}

fn constant(literal: &Literal) -> Option<Value> {
    match literal {
        Literal::Null => None,
        Literal::Int32(v) => Some(Value::Int((*v).into())),
        Literal::Int64(v) => Some(Value::Int((*v).into())),
        Literal::UInt64(v) => Some(Value::Int((*v).into())),
        Literal::Float64(v) => Some(Value::Float(*v)),
        Literal::Decimal128(v, _, 1) => Some(Value::Tenths(*v)),
        Literal::Utf8(v) => Some(Value::Text(v.clone())),
        other => panic!("the model has no {other:?}"),
    }
}

fn value(expr: &Expr, row: &Row) -> Option<Value> {
    match expr {
        Expr::Literal(literal) => constant(literal),
        Expr::Column(path) => match path[0].as_str() {
            "i" => row.i.map(|v| Value::Int(v.into())),
            "j" => row.j.map(|v| Value::Int(v.into())),
            "f" => row.f.map(Value::Float),
            _ => row.s.clone().map(Value::Text),
        },
        other => panic!("the model has no {other}"),
    }
}

fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skip| like(&text[skip..], rest)),
        ['_', rest @ ..] => !text.is_empty() && like(&text[1..], rest),
        ['\\', c, rest @ ..] | [c, rest @ ..] => text.first() == Some(c) && like(&text[1..], rest),
    }
}

/// The filter's value for one row.
pub(super) fn truth(expr: &Expr, row: &Row) -> Option<bool> {
    match expr {
        Expr::Literal(Literal::Boolean(value)) => Some(*value),
        Expr::Literal(Literal::Null) => None,
        Expr::And(args) => {
            let args: Vec<_> = args.iter().map(|arg| truth(arg, row)).collect();
            if args.contains(&Some(false)) {
                Some(false)
            } else {
                args.contains(&None).then_some(()).map_or(Some(true), |()| None)
            }
        }
        Expr::Or(args) => {
            let args: Vec<_> = args.iter().map(|arg| truth(arg, row)).collect();
            if args.contains(&Some(true)) {
                Some(true)
            } else {
                args.contains(&None).then_some(()).map_or(Some(false), |()| None)
            }
        }
        Expr::Xor(left, right) => Some(truth(left, row)? != truth(right, row)?),
        Expr::Not(expr) => truth(expr, row).map(|value| !value),
        Expr::IsNull(expr) => Some(value(expr, row).is_none()),
        Expr::IsNotNull(expr) => Some(value(expr, row).is_some()),
        Expr::Compare { op, left, right } => {
            let columns = !matches!(**left, Expr::Literal(_)) && !matches!(**right, Expr::Literal(_));
            Some(holds(*op, order(&value(left, row)?, &value(right, row)?, columns)))
        }
        Expr::Between { expr, low, high } => {
            let side = |op, bound: &Expr| Some(holds(op, order(&value(expr, row)?, &value(bound, row)?, false)));
            match (side(CompareOp::Gte, low), side(CompareOp::Lte, high)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (low, high) => low.and(high),
            }
        }
        Expr::In { expr, list } => {
            let found = value(expr, row)?;
            let equal = |literal: &Literal| constant(literal).is_some_and(|v| order(&found, &v, false).is_eq());
            if list.iter().any(equal) { Some(true) } else { (!list.contains(&Literal::Null)).then_some(false) }
        }
        Expr::StartsWith { expr, prefix } => match value(expr, row)? {
            Value::Text(text) => Some(text.starts_with(prefix)),
            _ => panic!("a number starts with nothing"),
        },
        Expr::Like { expr, pattern, case_insensitive } => match value(expr, row)? {
            Value::Text(text) => {
                let fold = |text: &str| if *case_insensitive { text.to_lowercase() } else { text.to_string() };
                let chars = |text: &str| fold(text).chars().collect::<Vec<_>>();
                Some(like(&chars(&text), &chars(pattern)))
            }
            _ => panic!("a number is like nothing"),
        },
        other => panic!("the model has no {other}"),
    }
}

/// The batch with columns in other encodings of their types.
fn encoded(batch: &RecordBatch, choice: [u8; 4]) -> Vec<(String, ArrayRef)> {
    let dictionary = |values: DataType| DataType::Dictionary(Box::new(DataType::Int32), Box::new(values));
    let names = ["i", "j", "f", "s"];
    let encode = |(index, name): (usize, &str)| {
        let column = batch.column(index);
        let plain = column.data_type().clone();
        let target = match (choice[index] % 5, name) {
            (0, _) => plain,
            (1, "s") => DataType::LargeUtf8,
            (2, "s") => DataType::Utf8View,
            (3, "s") => dictionary(DataType::LargeUtf8),
            // Arrow has no cast of floats to dictionaries.
            (1, "i" | "j") | (4, "s") => dictionary(plain),
            _ => plain,
        };
        (name.to_string(), cast(column, &target).unwrap())
    };
    names.into_iter().enumerate().map(encode).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn evaluation_agrees_with_one_row_at_a_time(
        rows in prop::collection::vec(any_row(), 1..20),
        filter in any_filter(&["i", "j", "f"], &["s"]),
        choice in any::<[u8; 4]>(),
    ) {
        let columns = encoded(&batch(&rows), choice);
        let find = |path: &[String]| columns.iter().find(|(name, _)| *name == path[0]).map(|(_, array)| Arc::clone(array));
        let bound = bind_filter(&filter, &schema()).unwrap();
        let expected: Vec<Option<bool>> = rows.iter().map(|row| truth(&filter, row)).collect();

        let array = bound.evaluate(&find, rows.len()).unwrap();
        let found = (0..rows.len()).map(|row| match Literal::from_array(&array, row).unwrap() {
            Literal::Boolean(value) => Some(value),
            _ => None,
        });
        prop_assert_eq!(&found.collect::<Vec<_>>(), &expected, "{}", &filter);

        let kept = bound.evaluate_filter(&find, rows.len()).unwrap();
        prop_assert_eq!(kept.null_count(), 0);
        let kept: Vec<bool> = kept.values().iter().collect();
        prop_assert_eq!(&kept, &expected.iter().map(|value| *value == Some(true)).collect::<Vec<_>>());

        // Conjuncts applied one by one keep the same rows.
        let mut by_parts = vec![true; rows.len()];
        for part in bound.conjuncts() {
            let part = part.evaluate_filter(&find, rows.len()).unwrap();
            by_parts.iter_mut().zip(part.values().iter()).for_each(|(kept, part)| *kept &= part);
        }
        prop_assert_eq!(&by_parts, &kept);
    }

    #[test]
    fn integer_arithmetic_agrees_with_checked_arithmetic(
        rows in prop::collection::vec(any_row(), 1..10),
        op in prop::sample::select(crate::expr::ArithmeticOp::ALL.to_vec()),
        constant in super::generate::any_j(),
        swap in any::<bool>(),
    ) {
        use crate::expr::{ArithmeticOp, col, lit};
        let apply = |a: i64, b: i64| match op {
            ArithmeticOp::Add => a.checked_add(b),
            ArithmeticOp::Sub => a.checked_sub(b),
            ArithmeticOp::Mul => a.checked_mul(b),
            ArithmeticOp::Div => a.checked_div(b),
            ArithmeticOp::Mod => (b != 0).then(|| a.wrapping_rem(b)),
        };
        let arithmetic = |left, right| Expr::Arithmetic { op, left: Box::new(left), right: Box::new(right) };
        let batch = batch(&rows);
        let check = |expr: Expr, model: &dyn Fn(&Row) -> Option<i64>| {
            let array = bind(&expr, &schema()).unwrap().evaluate(&batch, rows.len()).unwrap();
            for (index, row) in rows.iter().enumerate() {
                let expected = model(row).map_or(Literal::Null, Literal::Int64);
                assert_eq!(Literal::from_array(&array, index).unwrap(), expected, "{expr} on {row:?}");
            }
        };
        check(arithmetic(col("i"), col("j")), &|row| apply(row.i?.into(), row.j?));
        if swap {
            check(arithmetic(lit(constant), col("j")), &|row| apply(constant, row.j?));
        } else {
            check(arithmetic(col("j"), lit(constant)), &|row| apply(row.j?, constant));
        }
    }
}
