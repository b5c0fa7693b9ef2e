//! The contract of adapters, kept by a person at a terminal.

use super::*;
use cortex_chat::Connector;
use cortex_chat::contract::{Lack, Platform, Who};

/// Wide enough for every line of the suite.
const COLUMNS: u16 = 160;
const ROWS: u16 = 50;

/// A terminal that outlives the programs on it.
struct Console {
    paper: Paper,
    keys: Option<mpsc::Sender<Event>>,
}

impl Console {
    async fn press(&self, code: KeyCode) -> bool {
        let Some(keys) = &self.keys else { return false };
        keys.send(Event::Key(KeyEvent::new(code, KeyModifiers::NONE))).await.is_ok()
    }

    /// Whether a program was there to read it.
    async fn type_line(&self, text: &str) -> bool {
        for character in text.chars() {
            if !self.press(KeyCode::Char(character)).await {
                return false;
            }
        }
        self.press(KeyCode::Enter).await
    }
}

#[async_trait]
impl Platform for Console {
    const LACKS: &'static [Lack] = &[
        Lack::Rooms,
        Lack::Edits,
        Lack::Forwards,
        Lack::Bots,
        Lack::AnonymousSenders,
        Lack::DisplayNames,
        Lack::KeptEvents,
        Lack::OtherReaders,
        Lack::TextLimit,
        Lack::RateLimits,
        Lack::LostAnswers,
        Lack::Outages,
        Lack::Refusals,
        Lack::Secret,
    ];

    async fn start() -> Self {
        Self {
            paper: Paper::new(COLUMNS, ROWS),
            keys: None,
        }
    }

    async fn connector(&mut self) -> Connector {
        let settings = Settings {
            name: ConnectorName::from("console"),
            mode: Mode::Interactive,
            quit: CancellationToken::new(),
            outcome: Outcome::default(),
            history: None,
            styled: true,
        };
        let (keys, key_events) = mpsc::channel(1000);
        self.keys = Some(keys);
        let streams = Streams {
            input: Input::Events(key_events),
            output: Box::new(self.paper.clone()),
            errors: Box::new(std::io::sink()),
            size: (COLUMNS, ROWS),
        };
        build_on(settings, streams)
    }

    fn direct(&self) -> Address {
        address()
    }

    async fn say(&mut self, who: Who, _at: &Address, text: &str) -> bool {
        who == Who::Person && self.type_line(text).await
    }

    /// A number answers the newest question.
    async fn choose(&mut self, _at: &Address, _message: &MessageRef, choice: &Choice) -> bool {
        let screen = self.paper.transcript();
        let numbered = |line: &str| {
            line.contains(&format!(") {} (", choice.label))
                .then(|| line.trim().to_owned())
        };
        let offered = screen.lines().rev().find_map(numbered);
        let number = offered.and_then(|line| line.split(')').next().map(str::to_owned));
        match number {
            Some(number) => self.type_line(&number).await,
            None => false,
        }
    }

    async fn reply(&mut self, _at: &Address, _to: &MessageRef, text: &str) -> bool {
        self.type_line(&format!("> {text}")).await
    }

    async fn transcript(&mut self, _at: &Address) -> String {
        self.paper.transcript()
    }
}

cortex_chat::contract_tests!(Console);
