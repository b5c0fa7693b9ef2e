//! What fails, how often it is tried, and what a person is told.

use super::*;
use cortex::models::ModelErrorKind;
use cortex::models::openai::SettingsError;
use secrecy::SecretString;
use std::time::{Instant, SystemTime};

const KEY: &str = "sk-keysecret-0123456789";

async fn failed(settings: Settings) -> ModelError {
    call(&OpenAi::new(settings).unwrap(), &question()).await.0.unwrap_err()
}

#[tokio::test]
async fn passing_failures_are_tried_again() {
    for status in [408, 409, 429, 500, 502, 503, 529] {
        let fake = LlmFake::start();
        fake.reply(Reply::error(status, "busy"))
            .reply(Reply::error(status, "busy"))
            .reply(Reply::text("At last"));
        assert_eq!(call(&client(&fake), &question()).await.1, "At last", "{status}");
        fake.finish();
        let (_, requests) = error_to(Reply::error(status, "busy")).await;
        assert_eq!(requests, 3, "{status}");
    }
}

#[tokio::test]
async fn lasting_failures_are_told_at_once() {
    for (status, kind) in [
        (400, ModelErrorKind::Rejected),
        (401, ModelErrorKind::Unauthorized),
        (402, ModelErrorKind::Rejected),
        (403, ModelErrorKind::Unauthorized),
        (404, ModelErrorKind::NotFound),
        (413, ModelErrorKind::ContextTooLong),
        (422, ModelErrorKind::Rejected),
    ] {
        let (error, requests) = error_to(Reply::error(status, "no")).await;
        assert_eq!((error.kind, requests), (kind, 1), "{status}");
    }
}

#[tokio::test]
async fn what_the_server_says_about_trying_again_holds() {
    let (_, requests) = error_to(Reply::error(400, "once more").header("x-should-retry", "true")).await;
    assert_eq!(requests, 3);
    let (_, requests) = error_to(Reply::error(500, "never").header("x-should-retry", "false")).await;
    assert_eq!(requests, 1);
    let quota = json!({"error": {"message": "You exceeded your quota.", "code": "insufficient_quota"}});
    let (error, requests) = error_to(Reply::json(429, &quota)).await;
    assert_eq!((&error.kind, requests), (&ModelErrorKind::Rejected, 1));
    assert!(error.message.contains("no credit"), "{error}");
}

#[tokio::test]
async fn a_short_wait_that_is_asked_for_is_waited() {
    for (name, value) in [("retry-after-ms", "120"), ("retry-after", "0.12")] {
        let fake = LlmFake::start();
        fake.reply(Reply::error(429, "slow down").header(name, value))
            .reply(Reply::text("Now"));
        let started = Instant::now();
        assert_eq!(call(&client(&fake), &question()).await.1, "Now");
        assert!(started.elapsed() >= Duration::from_millis(120), "{name}");
        fake.finish();
    }
}

#[tokio::test]
async fn a_long_wait_that_is_asked_for_is_told() {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_hours(1));
    let body =
        json!([{"error": {"code": 429, "message": "Quota", "details": [{"@type": "RetryInfo", "retryDelay": "3590s"}]}}]);
    for reply in [
        Reply::error(429, "slow down").header("retry-after", "3590"),
        Reply::error(429, "slow down").header("retry-after-ms", "3590000"),
        Reply::error(429, "slow down").header("retry-after", &date),
        Reply::json(429, &body),
    ] {
        let (error, requests) = error_to(reply).await;
        let ModelErrorKind::RateLimited { retry_after: Some(wait) } = error.kind else {
            panic!("{error:?}");
        };
        assert!((3500..=3600).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(requests, 1);
        assert!(error.message.contains("60 min"), "{error}");
    }
}

#[tokio::test]
async fn nobody_there_is_said_with_what_to_do() {
    let closed = LlmFake::start().base_url();
    let mut settings = Settings::new("test", closed.parse().unwrap(), "qwen3:8b");
    settings.retry.first_wait = Duration::from_millis(1);
    let error = failed(settings.clone()).await;
    assert_eq!(error.kind, ModelErrorKind::Unreachable);
    assert!(error.message.starts_with("qwen3:8b at 127.0.0.1:"), "{error}");
    assert!(error.message.contains("Is the server running?"), "{error}");

    settings.base_url = "http://nobody.invalid/v1".parse().unwrap();
    let error = failed(settings).await;
    assert_eq!(error.kind, ModelErrorKind::Unreachable);
    assert!(error.message.contains("[models.test]"), "{error}");
}

#[tokio::test]
async fn a_silent_ollama_is_named() {
    // Nothing listens on this address of the loopback net, whatever runs on the usual one.
    let mut settings = Settings::new("test", "http://127.8.7.6:11434/v1".parse().unwrap(), "qwen3:8b");
    settings.retry.retries = 0;
    assert!(failed(settings).await.message.contains("Try: ollama serve"));
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_tried_again() {
    let fake = LlmFake::start();
    fake.reply(Reply::hang_up()).reply(Reply::text("Now"));
    assert_eq!(call(&client(&fake), &question()).await.1, "Now");
    fake.finish();
    let (error, requests) = error_to(Reply::hang_up()).await;
    assert_eq!((error.kind, requests), (ModelErrorKind::Provider, 3));
}

#[tokio::test]
async fn a_break_in_the_middle_is_tried_again_only_before_text() {
    let call_head = piece(json!({"index": 0, "id": "a", "function": {"name": "write", "arguments": "{\"path\":"}}));
    let (error, requests) = error_to(Reply::events([call_head]).drop_connection()).await;
    assert_eq!(
        (error.kind, error.after_text, requests),
        (ModelErrorKind::Malformed, false, 3)
    );

    let (error, requests) = error_to(Reply::events([delta(json!({"content": "Hel"}))]).drop_connection()).await;
    assert_eq!(
        (&error.kind, error.after_text, requests),
        (&ModelErrorKind::Malformed, true, 1)
    );
    assert!(error.message.contains("broke off"), "{error}");
}

#[tokio::test]
async fn no_head_in_time_is_a_time_out() {
    let fake = LlmFake::start();
    fake.reply(Reply::never());
    let mut settings = settings(&fake);
    settings.timeouts.headers = Duration::from_millis(60);
    let error = failed(settings).await;
    assert_eq!(error.kind, ModelErrorKind::TimedOut);
    assert!(error.message.contains("within 60 ms"), "{error}");
    fake.finish();
}

#[tokio::test]
async fn silence_in_the_middle_is_a_time_out_and_slowness_is_not() {
    let fake = LlmFake::start();
    fake.reply(Reply::text_slowly("a b c d e f g h", Duration::from_millis(50)));
    fake.reply(Reply::events([delta(json!({"content": "Hel"}))]).hang());
    let mut settings = settings(&fake);
    settings.timeouts.idle = Duration::from_millis(300);
    let client = OpenAi::new(settings).unwrap();
    assert_eq!(call(&client, &question()).await.1, "a b c d e f g h");
    let (error, shown) = call(&client, &question()).await;
    let error = error.unwrap_err();
    assert_eq!(
        (error.kind, error.after_text, shown.as_str()),
        (ModelErrorKind::TimedOut, true, "Hel")
    );
    fake.finish();
}

#[tokio::test]
async fn no_connection_in_time_is_said() {
    // A listener whose queue is full takes no more connections; they wait until the time is over.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(tokio::time::timeout(Duration::from_millis(50), tokio::net::TcpStream::connect(address)).await);
    }
    let mut settings = Settings::new("test", format!("http://{address}/v1").parse().unwrap(), "m");
    settings.timeouts.connect = Duration::from_millis(80);
    settings.retry.retries = 0;
    let error = failed(settings).await;
    assert_eq!(error.kind, ModelErrorKind::Unreachable);
    assert!(error.message.contains("no connection was made in time"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_call_ends_the_request() {
    let fake = LlmFake::start();
    fake.reply(Reply::events([delta(json!({"content": "Hel"}))]).hang());
    let client = client(&fake);
    let (question, mut ignore) = (question(), |_: &str| {});
    let cut = tokio::time::timeout(Duration::from_millis(100), client.call(&question, &mut ignore)).await;
    assert!(cut.is_err());
    assert!(fake.wait_for_hang_up(LONG), "the connection stayed open");
}

#[tokio::test]
async fn endless_answers_are_thrown_away() {
    let flood = |body: String| Reply::raw(body).split(Split::Every(16 << 10));
    let line = flood(format!("data: {}", "a".repeat(400_000)));
    let whole = flood(format!("{{\"a\": \"{}\"}}", "a".repeat(400_000)));
    let reasoning = delta(json!({"reasoning": "a".repeat(10_000)}));
    let many = flood(format!("data: {reasoning}\n\n").repeat(150));
    let calls = delta(
        json!({"tool_calls": (0..500).map(|index| json!({"index": index, "function": {"name": "look"}})).collect::<Value>()}),
    );
    let calls = Reply::chunks([calls]);
    let comments = flood(": keep-alive\n".repeat(100_000));
    for reply in [line, whole, many, calls, comments] {
        let fake = LlmFake::start();
        fake.reply(reply);
        let mut settings = settings(&fake);
        settings.limits.event_bytes = 200_000;
        settings.limits.answer_bytes = 1_000_000;
        let error = failed(settings).await;
        assert_eq!((&error.kind, error.after_text), (&ModelErrorKind::Malformed, false));
        assert!(error.message.contains("too big"), "{error}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = LlmFake::start();
    let to = format!(
        "{}/chat/completions?key=canary",
        elsewhere.base_url().replace("http://", "http://user:canary@")
    );
    for status in [301, 302, 307, 308] {
        let reply = Reply::body(status, "text/plain", "").header("location", &to);
        let (error, requests) = error_to(reply).await;
        assert_eq!((&error.kind, requests), (&ModelErrorKind::Rejected, 1));
        assert!(error.message.contains(&elsewhere.address().to_string()), "{}", error.message);
        assert!(
            error.message.contains("base_url") && !error.message.contains("canary"),
            "{}",
            error.message
        );
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn too_long_and_unknown_models_are_recognised() {
    for message in [
        "This model's maximum context length is 8192 tokens, however you requested 9000.",
        "request (9000 tokens) exceeds the available context size (4096 tokens)",
        "prompt is too long: 210000 tokens > 200000 maximum",
    ] {
        assert_eq!(
            error_to(Reply::error(400, message)).await.0.kind,
            ModelErrorKind::ContextTooLong,
            "{message}"
        );
    }
    for (status, message) in [
        (404, "model \"x\" not found, try pulling it first"),
        (400, "The model `x` does not exist"),
    ] {
        assert_eq!(
            error_to(Reply::error(status, message)).await.0.kind,
            ModelErrorKind::NotFound,
            "{message}"
        );
    }
    let error = error_to(Reply::error(400, "registry.ollama.ai/library/gemma does not support tools"))
        .await
        .0;
    assert!(error.message.contains("cannot call tools"), "{error}");
}

#[tokio::test]
async fn keys_are_asked_for_or_refused_in_plain_words() {
    let fake = LlmFake::start();
    fake.answer_with(|_| Reply::error(401, "Incorrect API key provided: sk-keysec****6789."));
    let mut settings = settings(&fake);
    let error = failed(settings.clone()).await;
    assert!(
        error.message.contains("none is set") && error.message.contains("[models.test]"),
        "{error}"
    );
    settings.api_key = Some(SecretString::from(KEY));
    let error = failed(settings).await;
    assert!(error.message.contains("refused the API key"), "{error}");
    assert!(
        !error.message.contains("keysec") && !error.message.contains("6789"),
        "{error}"
    );
}

#[tokio::test]
async fn no_key_and_no_word_of_the_conversation_in_any_error() {
    let mut request = request(vec![user("Tell canaryword to nobody"), user("And canarytoo")]);
    request.system = "canarysystem".into();
    let echo = format!(
        "Bad input 'Tell CanaryWord to nobody' canarysystem [canarytoo] with Bearer {KEY} and {}",
        &KEY[3..12]
    );
    let mut replies: Vec<Reply> = [400, 401, 403, 404, 413, 422, 429, 500]
        .map(|status| Reply::error(status, &echo))
        .into();
    replies.push(Reply::json(200, &json!({"detail": echo})));
    replies.push(Reply::events([json!({"error": {"code": 400, "message": echo}})]));
    replies.push(Reply::events([json!({"error": echo})]));
    replies.push(Reply::body(500, "text/plain", &echo));
    replies.push(Reply::raw(format!("data: {echo}\n\n")));
    for reply in replies {
        let fake = LlmFake::start();
        fake.answer_with(move |_| reply.clone());
        let mut settings = settings(&fake);
        settings.api_key = Some(SecretString::from(KEY));
        settings.base_url.set_query(Some("secret=canary"));
        settings.base_url.set_username("canary").unwrap();
        assert!(!format!("{settings:?}").contains(KEY));
        let client = OpenAi::new(settings).unwrap();
        let error = call(&client, &request).await.0.unwrap_err();
        let told = format!("{error} {error:?} {:?} {}", client.identity(), error.message).to_lowercase();
        for secret in ["canary", "keysecret", "456789"] {
            assert!(!told.contains(secret), "{told}");
        }
        assert!(
            error.message.starts_with("test-model at 127.0.0.1:") || error.message.contains("for test-model at"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_by_name() {
    let of = |url: &str, model: &str, key: Option<&str>| {
        let mut settings = Settings::new("mine", url.parse().unwrap(), model);
        settings.api_key = key.map(SecretString::from);
        OpenAi::new(settings).err().unwrap()
    };
    let errors = [
        of("ftp://box/", "m", None),
        of("data:x", "m", None),
        of("http://box/", " ", None),
        of("http://box/", "m", Some("sk-canary\nkey")),
    ];
    assert!(matches!(errors[0], SettingsError::BaseUrl { .. }));
    for error in errors {
        assert!(
            error.to_string().contains("[models.mine]") && !error.to_string().contains("canary"),
            "{error}"
        );
    }
}
