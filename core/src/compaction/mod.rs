//! Rewriting runs so that readers find fewer of them.
//!
//! A *fold* turns small writes that commits carry into files, and absorbs earlier folds of similar size: bounded work
//! that a committer does on the way. What is merged is always adjacent in rank, and the result keeps those ranks
//! however late it is committed.

mod fold;
mod merge;
mod output;
#[cfg(test)]
mod tests;
