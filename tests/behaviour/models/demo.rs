//! The demo: its rules, its rounds, how it tells what tools gave.

use super::*;
use cortex::models::demo::Demo;
use std::time::Instant;

const TOOLS: [&str; 5] = ["time_now", "file_list", "file_read", "file_search", "file_write"];

struct Turn {
    demo: Demo,
    request: ModelRequest,
}

impl Turn {
    fn new(said: &str) -> Self {
        Self {
            demo: Demo::new("demo", Duration::ZERO),
            request: ModelRequest {
                messages: vec![
                    user("Hello"),
                    Message::Assistant {
                        text: "Hi".into(),
                        calls: vec![],
                        replay: None,
                    },
                    user(said),
                ],
                tools: TOOLS.map(offer).to_vec(),
                may_call_tools: true,
                ..ModelRequest::default()
            },
        }
    }

    async fn round(&self) -> ModelAnswer {
        call(&self.demo, &self.request).await.0.unwrap()
    }

    /// Makes a round and gives its calls these results.
    async fn act(&mut self, results: &[&str]) -> Vec<(String, Value)> {
        let answer = self.round().await;
        assert_eq!(answer.calls.len(), results.len(), "{}", answer.text.as_str());
        let made = calls(&answer)
            .into_iter()
            .map(|(name, arguments)| (name.to_owned(), arguments))
            .collect();
        self.request.messages.extend(history(&answer, results).into_iter().skip(1));
        made
    }

    async fn answer(&self) -> String {
        let answer = self.round().await;
        assert_eq!(answer.calls, []);
        answer.text.into_string()
    }
}

#[tokio::test]
async fn every_kind_of_request_calls_its_tool() {
    for (said, tool, arguments) in [
        ("What time is it?", "time_now", json!({})),
        ("list files", "file_list", json!({})),
        ("list files in docs", "file_list", json!({"path": "docs"})),
        (
            "search for milk in notes",
            "file_search",
            json!({"query": "milk", "path": "notes"}),
        ),
        ("find milk", "file_search", json!({"query": "milk"})),
        (
            "write buy milk to a.md",
            "file_write",
            json!({"path": "a.md", "content": "buy milk"}),
        ),
    ] {
        let mut turn = Turn::new(said);
        assert_eq!(turn.act(&["canary result"]).await, [(tool.to_owned(), arguments)], "{said}");
        assert!(turn.answer().await.contains("canary result"), "{said}");
    }
}

#[tokio::test]
async fn reading_several_files_is_one_round() {
    let mut turn = Turn::new("read a.md and b.md");
    let made = turn.act(&["[result 17 file_read]\nalpha\n```\n[end 17]", "beta"]).await;
    assert_eq!(
        made,
        [
            ("file_read".to_owned(), json!({"path": "a.md"})),
            ("file_read".to_owned(), json!({"path": "b.md"}))
        ]
    );
    let answer = turn.answer().await;
    assert!(
        answer.contains("````\nalpha\n```\n````") && answer.contains("beta"),
        "{answer}"
    );
    assert!(!answer.contains("[result") && !answer.contains("[end"), "{answer}");
}

#[tokio::test]
async fn reading_and_writing_takes_two_rounds() {
    let mut turn = Turn::new("read a.md and b.md and write a summary to c.md");
    turn.act(&["[result 1 file_read]\n# Alpha\n\nfirst\n[end 1]", "beta"]).await;
    let made = turn.act(&["Action denied by user."]).await;
    let summary = "# Summary\n\n## a.md\n\n- Alpha\n- first\n\n## b.md\n\n- beta\n";
    assert_eq!(made, [("file_write".to_owned(), json!({"path": "c.md", "content": summary}))]);
    let answer = turn.answer().await;
    assert!(
        answer.contains("`c.md` was not written") && answer.contains("Action denied by user."),
        "{answer}"
    );
}

#[tokio::test]
async fn nothing_is_written_when_nothing_could_be_read() {
    let mut turn = Turn::new("read a.md and write a summary to c.md");
    turn.act(&["Tool error: there is no such file"]).await;
    let answer = turn.answer().await;
    assert!(
        answer.contains("`a.md` could not be read") && answer.contains("no such file"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_missing_tool_is_named_and_none_is_called() {
    let mut turn = Turn::new("write x to a.md");
    turn.request.tools.retain(|tool| tool.name != "file_write");
    assert!(turn.answer().await.contains("`file_write`, which is not on offer"));
    turn.request.tools.push(offer("file_write"));
    turn.request.may_call_tools = false;
    assert!(turn.answer().await.contains("may not call"));
}

#[tokio::test]
async fn help_and_the_rest_tell_how_to_get_a_real_model() {
    for said in ["help", "Why is the sky blue?"] {
        let answer = Turn::new(said).answer().await;
        for word in ["demo", "not a language model", "OPENAI_API_KEY", "Ollama", "config"] {
            assert!(answer.contains(word), "{said}: {answer}");
        }
    }
    assert!(Turn::new("help").answer().await.contains("`list files`"));
}

#[tokio::test]
async fn words_come_one_by_one_and_are_counted() {
    let demo = Demo::new("demo", Duration::from_millis(2));
    let mut request = Turn::new("help").request;
    request.system = "two words".into();
    let mut pieces = Vec::new();
    let started = Instant::now();
    let answer = demo.call(&request, &mut |piece| pieces.push(piece.to_owned())).await.unwrap();
    assert!(pieces.len() > 20 && started.elapsed() >= Duration::from_millis(40));
    assert_eq!(pieces.concat(), answer.text.as_str());
    assert_eq!(answer.usage.prompt, 5);
    assert_eq!(
        answer.usage.completion,
        answer.text.as_str().split_whitespace().count() as u64
    );
    assert_eq!(demo.identity().label, "demo (rule-based, not a language model)");
}
