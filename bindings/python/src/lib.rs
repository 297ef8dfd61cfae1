//! The Python package of Spiral.
