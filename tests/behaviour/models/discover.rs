//! The first model that is found when nothing is configured.

use super::*;
use cortex::models::discover::{Found, FoundModel, OLLAMA_TIMEOUT, discover};
use secrecy::ExposeSecret;
use std::time::Instant;

async fn found(environment: &[(&str, &str)]) -> Found {
    let lookup = |name: &str| {
        environment
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let found = discover(lookup, OLLAMA_TIMEOUT).await;
    assert!(!found.why.contains("canary"), "{}", found.why);
    found
}

fn settings_of(found: Found) -> (String, String, Option<String>) {
    let FoundModel::OpenAi(settings) = found.model else {
        panic!("{}", found.why);
    };
    let key = settings.api_key.as_ref().map(|key| key.expose_secret().to_owned());
    (settings.base_url.to_string(), settings.model.clone(), key)
}

#[tokio::test]
async fn an_openai_key_comes_first() {
    let all = [("OPENAI_API_KEY", "canary"), ("OPENROUTER_API_KEY", "other")];
    let first = found(&all).await;
    assert!(first.why.contains("OPENAI_API_KEY is set"), "{}", first.why);
    let (url, model, key) = settings_of(first);
    assert_eq!((url.as_str(), key.as_deref()), ("https://api.openai.com/v1", Some("canary")));
    assert!(!model.is_empty());

    let own = [
        ("OPENAI_API_KEY", "canary"),
        ("OPENAI_BASE_URL", "http://box:1/v1"),
        ("OPENAI_MODEL", "mine"),
    ];
    let (url, model, _) = settings_of(found(&own).await);
    assert_eq!((url.as_str(), model.as_str()), ("http://box:1/v1", "mine"));
}

#[tokio::test]
async fn then_an_openrouter_key() {
    let (url, _, key) = settings_of(found(&[("OPENAI_API_KEY", " "), ("OPENROUTER_API_KEY", "canary")]).await);
    assert_eq!(
        (url.as_str(), key.as_deref()),
        ("https://openrouter.ai/api/v1", Some("canary"))
    );
}

#[tokio::test]
async fn then_the_first_model_of_an_ollama_that_can_talk() {
    let fake = LlmFake::start();
    fake.route(
        "/api/tags",
        Reply::json(
            200,
            &json!({"models": [{"name": "nomic-embed-text"}, {"name": "qwen3:8b"}, {"name": "other"}]}),
        ),
    );
    fake.reply(Reply::text("Hello"));
    let address = fake.address().to_string();
    let ollama = found(&[("OLLAMA_HOST", &address)]).await;
    assert!(
        ollama.why.contains("qwen3:8b") && ollama.why.contains(&address),
        "{}",
        ollama.why
    );
    let FoundModel::OpenAi(settings) = ollama.model else {
        panic!()
    };
    assert_eq!(call(&OpenAi::new(*settings).unwrap(), &question()).await.1, "Hello");
    assert_eq!(fake.last_request().path, "/v1/chat/completions");
}

#[tokio::test]
async fn otherwise_the_demo_with_the_reason() {
    let empty = LlmFake::start();
    empty.route("/api/tags", Reply::json(200, &json!({"models": []})));
    let silent = LlmFake::start();
    silent.route("/api/tags", Reply::never());
    let odd = LlmFake::start();
    odd.route("/api/tags", Reply::body(200, "text/html", "<h1>hello</h1>"));
    let closed = LlmFake::start().address().to_string();
    for (address, reason) in [
        (empty.address().to_string(), "ollama pull"),
        (silent.address().to_string(), "no Ollama"),
        (odd.address().to_string(), "no Ollama"),
        (closed, "no Ollama"),
        ("ftp://box".to_owned(), "OLLAMA_HOST"),
    ] {
        let started = Instant::now();
        let demo = found(&[("OLLAMA_HOST", &address)]).await;
        assert!(
            matches!(demo.model, FoundModel::Demo) && demo.why.contains(reason),
            "{}",
            demo.why
        );
        assert!(started.elapsed() < Duration::from_secs(3));
    }
    let broken = found(&[("OPENAI_API_KEY", "canary"), ("OPENAI_BASE_URL", "box")]).await;
    assert!(matches!(broken.model, FoundModel::Demo) && broken.why.contains("OPENAI_BASE_URL"));
}
