//! What a link may be: a link of Telegram's, or an address beside its text.

use super::Detail;
use super::characters::is_nothing_to_telegram;
use url::Url;

/// File names that look like domains and are none.
const FILE_ENDINGS: [&str; 35] = [
    "bat", "cfg", "conf", "cpp", "css", "csv", "dll", "doc", "docx", "exe", "gif", "hpp", "htm", "html", "ini", "java",
    "jpeg", "jpg", "js", "json", "jsx", "kt", "lock", "log", "pdf", "png", "sql", "svg", "toml", "ts", "tsx", "txt", "xml",
    "yaml", "yml",
];

/// How a link is shown.
pub(super) struct Shown {
    /// Where the text leads.
    pub(super) target: Option<Url>,
    /// What stands in parentheses after the text.
    pub(super) address: Option<String>,
}

/// Decides how a link is shown whose text is `text`.
pub(super) fn show(text: &str, url: &str, detail: Detail) -> Shown {
    let address_fits = detail != Detail::Bare;
    let Some(target) = linkable(url) else {
        let address = url.strip_prefix("mailto:").unwrap_or(url);
        let told = address.is_empty() || text.contains(address);
        return Shown {
            target: None,
            address: (address_fits && !told).then(|| address.to_owned()),
        };
    };
    if text.split_whitespace().all(|word| !misleads(word, &target)) {
        return Shown {
            target: Some(target),
            address: None,
        };
    }
    Shown {
        address: address_fits.then(|| target.to_string()),
        // Without its address beside it, a text that names another one leads nowhere rather than astray.
        target: address_fits.then_some(target),
    }
}

/// The address, if Telegram makes a link of it and it does no harm. Mail addresses are none: it would put `http://` before
/// `mailto:`, and makes links of them by itself.
fn linkable(url: &str) -> Option<Url> {
    let url = Url::parse(url).ok()?;
    let is_linkable = match url.scheme() {
        "http" | "https" => match url.host()? {
            url::Host::Domain(name) => name.trim_end_matches('.').contains('.'),
            url::Host::Ipv4(_) | url::Host::Ipv6(_) => true,
        },
        "tg" => {
            url.host_str()
                .is_some_and(|host| host.chars().all(|c| c.is_ascii_alphanumeric()))
                && url.path().len() <= 1
        }
        _ => false,
    };
    is_linkable.then_some(url)
}

/// Whether a word names an address that is not the target's.
fn misleads(word: &str, target: &Url) -> bool {
    let visible: String = word.chars().filter(|character| !is_nothing_to_telegram(*character)).collect();
    let word = visible.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '/' | '[' | ']'));
    if !names_an_address(word) {
        return false;
    }
    let with_scheme = if word.contains("://") {
        word.to_owned()
    } else {
        format!("{}://{word}", target.scheme())
    };
    !Url::parse(&with_scheme).is_ok_and(|named| leads_into(&named, target))
}

/// Whether the target is the named address, or lies below it.
fn leads_into(named: &Url, target: &Url) -> bool {
    let is_plain = |url: &Url| url.username().is_empty() && url.password().is_none() && url.port().is_none();
    if !is_plain(named) || !is_plain(target) {
        return named == target;
    }
    let host = |url: &Url| url.host_str().map(|host| host.trim_start_matches("www.").to_owned());
    if host(named).is_none() || host(named) != host(target) {
        return false;
    }
    let named_path = named.path().trim_end_matches('/');
    let below = target.path().strip_prefix(named_path);
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        && (named.query().is_none() || named.query() == target.query())
}

fn names_an_address(word: &str) -> bool {
    if word.contains("://") || word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www.")) {
        return true;
    }
    let unified = word.replace(['。', '．', '｡'], ".");
    let host = unified.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let labels: Vec<&str> = host.split('.').collect();
    let Some((last, others)) = labels.split_last() else {
        return false;
    };
    let is_label = |label: &&str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    let ends_as_domain = last.chars().count() >= 2 && last.chars().all(char::is_alphabetic);
    !others.is_empty()
        && others.iter().all(is_label)
        && ends_as_domain
        && !FILE_ENDINGS.contains(&last.to_ascii_lowercase().as_str())
}
