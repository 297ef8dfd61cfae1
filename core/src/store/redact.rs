//! Removal of secrets from texts of stores and HTTP clients.
//!
//! Presigned URLs carry their authority in the query, some URLs carry a password, and some servers echo a request's
//! headers. Errors end up in logs and bug reports, so none of this may get into them. Where in doubt, text is lost.

/// Longest text kept of an error: servers answer with whole web pages.
const TEXT_CHARS_MAX: usize = 400;

/// What stands for a removed secret.
const REDACTED: &str = "<redacted>";

/// Returns `text` without queries, user information and credentials, cut to a few hundred characters.
pub(super) fn redact(text: &str) -> String {
    let mut output = String::new();
    let mut after_scheme = false;
    for word in without_markup(text).split_whitespace() {
        if !output.is_empty() {
            output.push(' ');
        }
        if output.chars().count() >= TEXT_CHARS_MAX {
            output.push('…');
            break;
        }
        let is_scheme = is_authorization_scheme(word);
        if after_scheme || names_secret(word) {
            // In `Authorization: Bearer x` two such words follow each other.
            after_scheme = after_scheme && is_scheme;
            output.push_str(REDACTED);
        } else {
            after_scheme = is_scheme;
            output.push_str(&redact_word(word));
        }
    }
    if output.chars().count() > TEXT_CHARS_MAX {
        output = output.chars().take(TEXT_CHARS_MAX).chain(['…']).collect();
    }
    output
}

/// Error documents (S3's XML, a proxy's HTML) echo parts of the request: only their code is worth keeping.
fn without_markup(text: &str) -> String {
    let Some(start) =
        ["<?xml", "<Error", "<!DOCTYPE", "<!doctype", "<html", "<HTML"].iter().filter_map(|tag| text.find(tag)).min()
    else {
        return text.to_owned();
    };
    let (before, document) = text.split_at(start);
    let code = document
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"))
        .map(|(code, _)| code)
        .filter(|code| code.chars().all(|c| c.is_ascii_alphanumeric()));
    format!("{before}{}", code.unwrap_or("(an error page)"))
}

/// Scheme names in an echoed `Authorization` header, after which the secret stands as a word of its own.
fn is_authorization_scheme(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase();
    ["bearer", "basic", "authorization"].iter().any(|scheme| word.ends_with(scheme))
}

/// Assignments of secrets outside of a URL.
fn names_secret(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    ["signature=", "credential=", "token=", "secret=", "password=", "access_key=", "accesskey=", "sig="]
        .iter()
        .any(|name| word.contains(name))
        && !word.contains("://")
}

fn redact_word(word: &str) -> String {
    let mut word = word.to_owned();
    if let Some(authority) = word.find("://").map(|at| at + 3) {
        // A password may contain any delimiter, so everything up to the last `@` goes.
        if let Some(at) = word[authority..].rfind('@') {
            word.replace_range(authority..authority + at, REDACTED);
        }
    }
    if let Some(query) = word.find(['?', '#']).map(|at| at + 1).filter(|at| *at < word.len()) {
        word.replace_range(query.., REDACTED);
    }
    word
}

/// A URL without user, password, query and fragment, to be shown.
pub fn without_secrets(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    match plain.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
            let host = host.rsplit('@').next().unwrap_or_default();
            path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"))
        }
        None => plain.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_secrets() {
        assert_eq!(without_secrets("https://ada:pw@host:80/a/b?sig=1#x"), "https://host:80/a/b");
        assert_eq!(without_secrets("s3://bucket/a"), "s3://bucket/a");
        assert_eq!(without_secrets("/tmp/a@b"), "/tmp/a@b");
        assert_eq!(without_secrets("memory:"), "memory:");
    }

    #[test]
    fn queries_and_user_information_disappear() {
        let text = "Error performing GET https://user:pa?s/s@host/a/b?X-Amz-Signature=s3cr3t&x=1 in 3s - 500";
        let redacted = redact(text);
        assert_eq!(redacted, "Error performing GET https://<redacted>@host/a/b?<redacted> in 3s - 500");
    }

    #[test]
    fn ordinary_text_stays() {
        let text = "Generic S3 error: is it down? connection refused (os error 111)";
        assert_eq!(redact(text), text);
    }

    #[test]
    fn long_pages_are_cut() {
        assert!(redact(&"word ".repeat(10_000)).chars().count() < TEXT_CHARS_MAX + 20);
        assert!(redact(&"x".repeat(100_000)).chars().count() < TEXT_CHARS_MAX + 20);
        assert_eq!(redact("503: <html><body>secret</body></html>"), "503: (an error page)");
        assert_eq!(redact("<Error><Code>SlowDown</Code><Key>secret</Key></Error>"), "SlowDown");
    }

    #[test]
    fn tokens_never_reach_error_text() {
        for text in [
            "GET https://h/p?sig=SECRET",
            "\"https://h/p?a=1&token=SECRET\": refused",
            "url (https://SECRET@h/p), retrying",
            "https://key:SECRET@h",
            "https://SECRET:x?y@h/p?q",
            "header Authorization: Bearer SECRET was rejected",
            "authorization=Basic SECRET",
            "/relative/path?sv=1&sig=SECRET",
            "Credential=SECRET/2025/s3, Signature=SECRET",
            "https://h/p#access_token=SECRET",
            "bad request: <?xml version=\"1.0\"?><Error><Code>X</Code><StringToSign>SECRET</StringToSign></Error>",
        ] {
            assert!(!redact(text).contains("SECRET"), "{} leaks", redact(text));
        }
    }
}
