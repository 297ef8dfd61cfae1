//! One bit pattern per float key: 0.0 for both zeros, one quiet NaN for all NaNs.
//!
//! Values that compare equal must be one key; otherwise −0.0 and 0.0 would be two rows that no filter tells apart.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float16Type, Float32Type, Float64Type};
use arrow_array::{ArrayRef, PrimitiveArray};
use arrow_schema::DataType;
use half::f16;

/// The quiet NaN with no payload and a positive sign sorts after every number.
const NAN_16: u16 = 0x7e00;
const NAN_32: u32 = 0x7fc0_0000;
const NAN_64: u64 = 0x7ff8_0000_0000_0000;

#[inline]
pub(super) fn canonical_f16(value: f16) -> f16 {
    if value.is_nan() {
        f16::from_bits(NAN_16)
    } else if value.to_bits() == 0x8000 {
        f16::ZERO
    } else {
        value
    }
}

#[inline]
pub(super) fn canonical_f32(value: f32) -> f32 {
    if value.is_nan() { f32::from_bits(NAN_32) } else { value + 0.0 }
}

#[inline]
pub(super) fn canonical_f64(value: f64) -> f64 {
    if value.is_nan() { f64::from_bits(NAN_64) } else { value + 0.0 }
}

/// The column as it is stored in a key-space file: floats canonical, everything else untouched and not copied.
pub fn canonical_column(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Float16 => map_if_needed::<Float16Type>(column, canonical_f16, |value| value.to_bits().into()),
        DataType::Float32 => map_if_needed::<Float32Type>(column, canonical_f32, |value| value.to_bits().into()),
        DataType::Float64 => map_if_needed::<Float64Type>(column, canonical_f64, f64::to_bits),
        _ => Arc::clone(column),
    }
}

fn map_if_needed<T: ArrowPrimitiveType>(
    column: &ArrayRef,
    canonical: impl Fn(T::Native) -> T::Native,
    bits: impl Fn(T::Native) -> u64,
) -> ArrayRef {
    let values = column.as_primitive::<T>();
    if values.values().iter().all(|&value| bits(canonical(value)) == bits(value)) {
        return Arc::clone(column);
    }
    let mapped: PrimitiveArray<T> = values.unary(canonical);
    Arc::new(mapped)
}

#[cfg(test)]
mod tests {
    use arrow_array::{Float16Array, Float32Array, Float64Array};

    use super::*;

    #[test]
    fn zeros_and_nans_become_one_each() {
        let weird = [f64::from_bits(NAN_64 | 7), -f64::NAN, f64::from_bits(0x7ff0_0000_0000_0001)];
        for nan in weird {
            assert_eq!(canonical_f64(nan).to_bits(), NAN_64);
            let narrow = f32::from_bits(0xff80_0001);
            assert_eq!(canonical_f32(narrow).to_bits(), NAN_32);
        }
        assert_eq!(canonical_f64(-0.0).to_bits(), 0);
        assert_eq!(canonical_f32(-0.0).to_bits(), 0);
        assert_eq!(canonical_f16(f16::NEG_ZERO).to_bits(), 0);
        assert_eq!(canonical_f16(f16::from_bits(0xfe01)).to_bits(), NAN_16);
        assert_eq!(f16::from_bits(NAN_16).to_f32().to_bits(), NAN_32, "float16 widens to the float32 NaN");
    }

    #[test]
    fn canonical_columns_are_not_copied() {
        let columns: [ArrayRef; 3] = [
            Arc::new(Float64Array::from(vec![1.0, f64::INFINITY])),
            Arc::new(Float32Array::from(vec![0.0, f32::from_bits(NAN_32)])),
            Arc::new(Float16Array::from(vec![f16::ONE])),
        ];
        for column in &columns {
            assert!(Arc::ptr_eq(column, &canonical_column(column)));
        }
        let column: ArrayRef = Arc::new(Float64Array::from(vec![-0.0]));
        assert_eq!(canonical_column(&column).as_primitive::<Float64Type>().value(0).to_bits(), 0);
    }
}
