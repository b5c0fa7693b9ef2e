//! Where the tests on Telegram play: a bot whose model does as it is told, and Alice, whom it knows.

use crate::gate::clerk;
use crate::support::{PROGRAM, SOON, Stored, said};
use cortex_test_support::daemon::{Serving, TestDaemon};
use cortex_test_support::llm::{LlmFake, Reply, Request};
use cortex_test_support::telegram::{BotMessage, MessageHandle, Options, Say, TelegramFake};
use std::time::Duration;

/// The pause before each word of an answer that counts.
const WORD_EVERY: Duration = Duration::from_millis(30);

pub(super) struct Scene {
    pub(super) llm: LlmFake,
    pub(super) telegram: TelegramFake,
    pub(super) daemon: TestDaemon,
    pub(super) alice: i64,
    /// Alice's private chat.
    pub(super) home: i64,
}

/// The clerk of the gate's tests, who also counts, slowly: `count 20`.
pub(super) fn counting_clerk(request: &Request) -> Reply {
    match said(request).strip_prefix("count ") {
        Some(number) => Reply::text_slowly(&counted(number.parse().unwrap()), WORD_EVERY),
        None => clerk(request),
    }
}

/// What the clerk says to `count`.
pub(super) fn counted(words: usize) -> String {
    let words: Vec<String> = (1..=words).map(|number| format!("w{number}")).collect();
    words.join(" ")
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::on(Options::default())
    }

    pub(super) fn on(options: Options) -> Self {
        let llm = LlmFake::start();
        llm.answer_with(counting_clerk);
        let telegram = TelegramFake::start_with(options);
        let alice = telegram.user("Alice");
        let home = telegram.private_chat(alice);
        let daemon = TestDaemon::on_telegram(PROGRAM, &llm, &telegram, alice);
        Self {
            llm,
            telegram,
            daemon,
            alice,
            home,
        }
    }

    /// One more user of the config, with that name in lower case.
    pub(super) fn befriend(&mut self, name: &str) -> i64 {
        let id = self.telegram.user(name);
        let key = format!("users.{}.identities", name.to_lowercase());
        self.daemon.set(&key, &format!("[\"telegram:{id}\"]"));
        id
    }

    /// A daemon that polls.
    pub(super) fn serve(&self) -> Serving {
        let polls = self.telegram.polls().len();
        let mut serving = self.daemon.serve();
        let polls_now = self.telegram.wait_until(SOON, |control| control.polls().len() > polls);
        assert!(
            polls_now,
            "it does not poll (ended: {}):\n{}",
            serving.has_ended(),
            serving.log()
        );
        serving
    }

    /// Has Alice say something at home, and waits for a message with these words.
    #[track_caller]
    pub(super) fn say(&self, text: &str, then: &str) -> BotMessage {
        self.telegram.say(self.home, self.alice, text);
        self.telegram.wait_for_text(self.home, then, SOON)
    }

    /// Has Alice say something at home that the model answers with the same words.
    #[track_caller]
    pub(super) fn chat(&self, text: &str) -> BotMessage {
        self.say(text, &format!("You said {text}."))
    }

    /// Has Alice ask for a write at home, and waits until the prompt is on record.
    #[track_caller]
    pub(super) fn ask(&self, task: &str) -> Asked {
        let request = self.telegram.say(self.home, self.alice, task);
        self.asked(request)
    }

    /// Sends a message, and waits until the daemon has made up its mind about it.
    #[track_caller]
    pub(super) fn heard(&self, say: Say<'_>) -> MessageHandle {
        let message = say.send();
        let MessageHandle { chat, message_id } = message;
        let decided = format!("SELECT count(*) FROM event WHERE event_id LIKE '%:m:{chat}:{message_id}' AND outcome <> ''");
        self.stored().becomes(&decided, 1);
        message
    }

    /// Waits for the prompt that replies to a request, until it is on record.
    #[track_caller]
    pub(super) fn asked(&self, request: MessageHandle) -> Asked {
        let replies =
            |message: &BotMessage| message.text.contains("may I run") && message.reply_to == Some(request.message_id);
        let prompts = self
            .telegram
            .wait_for(request.chat, |messages| messages.iter().any(replies), SOON);
        let prompt = prompts.into_iter().find(replies).unwrap();
        let reference = prompt.message_id;
        let on_record = format!(
            "SELECT count(*) FROM message WHERE approval IS NOT NULL AND send_state = 'sent' AND reference = '{reference}'"
        );
        Stored::of(&self.daemon).becomes(&on_record, 1);
        Asked { request, prompt }
    }

    /// Waits until a message of the bot has these words.
    #[track_caller]
    pub(super) fn becomes(&self, message: MessageHandle, words: &str) -> BotMessage {
        let came = self
            .telegram
            .wait_until(SOON, |control| control.message(message).text.contains(words));
        assert!(
            came,
            "{words:?} does not stand in {message:?}:\n{}",
            self.telegram.transcript(message.chat)
        );
        self.telegram.message(message)
    }

    /// Waits for an answer that has these words and no longer grows.
    #[track_caller]
    pub(super) fn wait_for_final(&self, chat: i64, words: &str) -> BotMessage {
        let is_it = |message: &BotMessage| message.text.contains(words) && message.keyboard.is_empty();
        let messages = self.telegram.wait_for(chat, |messages| messages.iter().any(is_it), SOON);
        self.stored()
            .becomes("SELECT count(*) FROM message WHERE shown_version < desired_version", 0);
        messages.into_iter().rfind(is_it).unwrap()
    }

    /// The bot's messages at home that hold these words.
    pub(super) fn with(&self, words: &str) -> Vec<BotMessage> {
        let messages = self.telegram.messages(self.home);
        messages.into_iter().filter(|message| message.text.contains(words)).collect()
    }

    pub(super) fn stored(&self) -> Stored {
        Stored::of(&self.daemon)
    }
}

/// A request that waits for a decision.
pub(super) struct Asked {
    pub(super) request: MessageHandle,
    pub(super) prompt: BotMessage,
}

impl Asked {
    /// The code of the question.
    pub(super) fn code(&self) -> &str {
        self.prompt.text.split(':').next().unwrap_or_default()
    }
}
