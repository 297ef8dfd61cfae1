//! The Node package of Spiral.
