//! The Swift and Kotlin packages of Spiral.
