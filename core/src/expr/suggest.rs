//! The column someone probably meant.

use super::ast::ColumnPath;

/// Most columns looked at for a suggestion: a table may have hundreds of thousands, an error must stay cheap.
const MAX_CANDIDATES: usize = 1 << 16;
/// Longest name that is compared.
const MAX_LENGTH: usize = 256;

/// The candidate nearest to `path`, if one is near enough to be a typing error.
pub(super) fn nearest(path: &[String], candidates: impl Iterator<Item = ColumnPath>) -> Option<ColumnPath> {
    let wanted = letters(path);
    // One slip in a short name, and never more than a third of a long one. Swapped letters are one slip.
    let mut limit = (wanted.len() / 3).clamp(1, 8);
    let mut best = None;
    for candidate in candidates.take(MAX_CANDIDATES) {
        let found = letters(&candidate);
        if wanted.len().abs_diff(found.len()) > limit || found.len() > MAX_LENGTH || wanted.len() > MAX_LENGTH {
            continue;
        }
        let distance = strsim::generic_damerau_levenshtein(&wanted, &found);
        if distance <= limit && best.as_ref().is_none_or(|(least, _)| distance < *least) {
            limit = distance;
            best = Some((distance, candidate));
            if distance == 0 {
                break;
            }
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The letters of a dotted path without regard to case, so that a name in the wrong case is the nearest of all.
fn letters(path: &[String]) -> Vec<char> {
    path.join(".").chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggestion(text: &str) -> Option<String> {
        let candidates = ["price", "audio.meta.location", "audio.codec", "x"];
        let candidates = candidates.map(|path| ColumnPath::new(path.split('.')));
        let path: Vec<String> = text.split('.').map(str::to_string).collect();
        nearest(&path, candidates.into_iter()).map(|path| path.to_string())
    }

    #[test]
    fn typing_errors_find_their_column() {
        assert_eq!(suggestion("prise").as_deref(), Some("price"));
        assert_eq!(suggestion("PRICE").as_deref(), Some("price"));
        assert_eq!(suggestion("audio.meta.loction").as_deref(), Some("audio.meta.location"));
        assert_eq!(suggestion("temperature"), None);
        assert_eq!(suggestion(&"p".repeat(1000)), None);
    }
}
