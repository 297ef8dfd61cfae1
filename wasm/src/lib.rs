//! The browser package of Spiral.
