//! The first model for someone who has configured none: a key in the environment, an Ollama on this machine, or the demo.
//!
//! The environment is asked through a function, so that nothing here depends on the process it runs in.

use super::openai::{Settings, Timeouts};
use super::{http_client, http_client_without_tls};
use reqwest::{Client, Url};
use secrecy::SecretString;
use serde_json::Value;
use std::time::Duration;

/// How long an Ollama may take to list its models; on the same machine it is there at once or not at all.
pub const OLLAMA_TIMEOUT: Duration = Duration::from_millis(300);

const NAME: &str = "default";
const OPENAI_URL: &str = "https://api.openai.com/v1";
const OPENAI_MODEL: &str = "gpt-5-mini";
const OPENROUTER_URL: &str = "https://openrouter.ai/api/v1";
/// `OpenRouter`'s own choice among its models.
const OPENROUTER_MODEL: &str = "openrouter/auto";
const OLLAMA_PORT: u16 = 11434;
/// A list of models is not longer.
const LONGEST_LIST: usize = 1 << 20;

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// The model.
    pub model: FoundModel,
    /// Which it is and why, for a person.
    pub why: String,
}

/// A model to start with.
#[derive(Debug)]
pub enum FoundModel {
    /// A server that speaks chat completions.
    OpenAi(Box<Settings>),
    /// The rules that need nothing.
    Demo,
}

/// Looks for a model. `variable` reads the environment; Ollama is asked for so long at most.
pub async fn discover(variable: impl Fn(&str) -> Option<String>, ollama_timeout: Duration) -> Found {
    let variable = |name: &str| {
        variable(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    };
    if let Some(key) = variable("OPENAI_API_KEY") {
        let model = variable("OPENAI_MODEL").unwrap_or_else(|| OPENAI_MODEL.to_owned());
        let address = variable("OPENAI_BASE_URL");
        let Some(url) = web_address(address.as_deref().unwrap_or(OPENAI_URL)) else {
            return Found {
                model: FoundModel::Demo,
                why: "OPENAI_BASE_URL is not an address that starts with http:// or https://, so this is the demo."
                    .to_owned(),
            };
        };
        let host = url.host_str().unwrap_or_default().to_owned();
        return found(
            url,
            &model,
            Some(key),
            format!("Using {model} at {host}, because OPENAI_API_KEY is set."),
        );
    }
    if let Some(key) = variable("OPENROUTER_API_KEY")
        && let Some(url) = web_address(OPENROUTER_URL)
    {
        let why = format!("Using {OPENROUTER_MODEL} at openrouter.ai, because OPENROUTER_API_KEY is set.");
        return found(url, OPENROUTER_MODEL, Some(key), why);
    }
    let why_none = match ollama_url(variable("OLLAMA_HOST").as_deref()) {
        None => "OLLAMA_HOST is not an address",
        Some(url) => match first_ollama_model(&url, ollama_timeout).await {
            Some(Some(model)) => {
                let at = url.authority();
                let why = format!("Using {model} of the Ollama at {at}, because no API key is set and it is running.");
                let mut api = url.clone();
                api.set_path("/v1");
                return found(api, &model, None, why);
            }
            Some(None) => "Ollama is running but has no model (try: ollama pull qwen3:8b)",
            None => "no Ollama is running",
        },
    };
    Found {
        model: FoundModel::Demo,
        why: format!("Using the demo, which is not a language model, because no API key is set and {why_none}."),
    }
}

fn found(url: Url, model: &str, key: Option<String>, why: String) -> Found {
    let mut settings = Settings::new(NAME, url, model);
    settings.api_key = key.map(SecretString::from);
    Found {
        model: FoundModel::OpenAi(Box::new(settings)),
        why,
    }
}

fn web_address(text: &str) -> Option<Url> {
    let url: Url = text.parse().ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// Reads `OLLAMA_HOST` as Ollama does: scheme and port may be missing, and the address of all interfaces is this machine.
fn ollama_url(host: Option<&str>) -> Option<Url> {
    let host = host.unwrap_or("127.0.0.1");
    let has_scheme = host.contains("://");
    let with_host = if host.starts_with(':') {
        format!("127.0.0.1{host}")
    } else {
        host.to_owned()
    };
    let mut url = web_address(&if has_scheme {
        with_host
    } else {
        format!("http://{with_host}")
    })?;
    if url.port().is_none() && !has_scheme {
        url.set_port(Some(OLLAMA_PORT)).ok()?;
    }
    if matches!(url.host_str(), Some("0.0.0.0" | "[::]")) {
        url.set_host(Some("127.0.0.1")).ok()?;
    }
    // The sentence about it shows the address.
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_query(None);
    Some(url)
}

/// The first model that can talk; `None` inside when there is none, outside when nobody answers.
async fn first_ollama_model(url: &Url, longest: Duration) -> Option<Option<String>> {
    let make = if url.scheme() == "https" {
        http_client
    } else {
        http_client_without_tls
    };
    let http = make(longest.min(Timeouts::default().connect)).ok()?;
    let list = tokio::time::timeout(longest, list_models(&http, url)).await.ok()??;
    let names = list
        .get("models")?
        .as_array()?
        .iter()
        .filter_map(|model| model.get("name")?.as_str());
    Some(names.filter(|name| !name.contains("embed")).map(str::to_owned).next())
}

async fn list_models(http: &Client, url: &Url) -> Option<Value> {
    let mut response = http.get(url.join("/api/tags").ok()?).send().await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.ok()? {
        if body.len() + bytes.len() > LONGEST_LIST {
            return None;
        }
        body.extend_from_slice(&bytes);
    }
    serde_json::from_slice(&body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ollama_hosts_in_every_form() {
        for (host, url) in [
            (None, "http://127.0.0.1:11434/"),
            (Some("box"), "http://box:11434/"),
            (Some("box:1"), "http://box:1/"),
            (Some(":1"), "http://127.0.0.1:1/"),
            (Some("0.0.0.0"), "http://127.0.0.1:11434/"),
            (Some("http://u:p@box:5/?q=1"), "http://box:5/"),
            (Some("https://box"), "https://box/"),
        ] {
            assert_eq!(ollama_url(host).map(String::from).as_deref(), Some(url), "{host:?}");
        }
        assert_eq!(ollama_url(Some("ftp://box")), None);
    }
}
