//! Ids of projects: two words and six digits, easy to tell apart and to read out.

use crate::runtime::Runtime;

const QUALITIES: [&str; 32] = [
    "amber", "ancient", "blazing", "brave", "bright", "calm", "clever", "cosmic", "crimson", "curious", "daring",
    "eager", "gentle", "golden", "happy", "hidden", "humble", "icy", "jolly", "lively", "lucky", "mellow", "nimble",
    "patient", "proud", "quiet", "rapid", "silent", "silver", "sturdy", "sunny", "witty",
];

const ANIMALS: [&str; 32] = [
    "badger", "beaver", "bison", "condor", "crane", "dolphin", "falcon", "ferret", "finch", "gecko", "heron", "ibex",
    "jackal", "koala", "lemur", "lynx", "marten", "newt", "ocelot", "osprey", "otter", "parakeet", "penguin", "puffin",
    "quail", "raven", "seal", "stork", "tapir", "toucan", "walrus", "wombat",
];

/// A new id such as `blazing-parakeet-036267`, after a prefix and a dash if there is one.
pub(super) fn new_id(prefix: Option<&str>, runtime: &dyn Runtime) -> String {
    let random = runtime.random_u64();
    let word = |words: &[&'static str; 32], bits: u64| words[usize::try_from(bits % 32).unwrap_or(0)];
    let (quality, animal) = (word(&QUALITIES, random), word(&ANIMALS, random >> 5));
    let id = format!("{quality}-{animal}-{:06}", (random >> 10) % 1_000_000);
    prefix.map_or(id.clone(), |prefix| format!("{prefix}-{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::CurrentThread;

    #[test]
    fn ids_are_two_words_and_six_digits() {
        let runtime = CurrentThread::new().runtime();
        let id = new_id(Some("demo"), runtime.as_ref());
        let parts: Vec<_> = id.split('-').collect();
        assert_eq!((parts.len(), parts[0], parts[3].len()), (4, "demo", 6), "{id}");
        assert_ne!(new_id(None, runtime.as_ref()), new_id(None, runtime.as_ref()));
    }
}
