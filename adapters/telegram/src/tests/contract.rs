//! The contract of adapters, kept on a fake of Telegram.

use crate::{HttpFactory, Pace, Settings, build};
use async_trait::async_trait;
use cortex_chat::contract::{Fault, Lack, Platform, RecordingInbox, Who};
use cortex_chat::{
    Address, Capabilities, ChatId, Choice, Connector, MessageRef, Outbound, OutboundError, OutgoingMessage, SendKey, Signal,
    ThreadId,
};
use cortex_test_support::telegram::{self, MessageHandle, TelegramFake};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Short, so that another reader is soon noticed.
const POLL_TIMEOUT: Duration = Duration::from_secs(2);
/// The methods with which the adapter writes.
const WRITING: [&str; 4] = ["sendMessage", "editMessageText", "deleteMessage", "sendChatAction"];
const SOON: Duration = Duration::from_secs(10);

/// Telegram with a person and a group.
struct Telegram {
    fake: Arc<TelegramFake>,
    person: i64,
    another: i64,
    group: Option<i64>,
    road: Arc<Road>,
    last_press: Option<String>,
}

/// The way to the fake, which can be closed.
#[derive(Default)]
struct Road {
    is_closed: AtomicBool,
}

impl Resolve for Road {
    fn resolve(&self, _name: Name) -> Resolving {
        let is_closed = self.is_closed.load(Ordering::SeqCst);
        Box::pin(async move {
            if is_closed {
                return Err("the road is closed".into());
            }
            let address: Addrs = Box::new(std::iter::once(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))));
            Ok(address)
        })
    }
}

/// Lifts the faults that were meant for a call when it is over.
struct OneFaultACall {
    outbound: Arc<dyn Outbound>,
    fake: Arc<TelegramFake>,
    road: Arc<Road>,
}

impl OneFaultACall {
    async fn watch<T>(&self, call: impl Future<Output = T>) -> T {
        let result = call.await;
        self.road.is_closed.store(false, Ordering::SeqCst);
        self.fake.clear_faults();
        result
    }
}

#[async_trait]
impl Outbound for OneFaultACall {
    fn capabilities(&self) -> &Capabilities {
        self.outbound.capabilities()
    }

    async fn send(&self, to: &Address, key: &SendKey, message: &OutgoingMessage) -> Result<MessageRef, OutboundError> {
        self.watch(self.outbound.send(to, key, message)).await
    }

    async fn edit(&self, at: &Address, reference: &MessageRef, message: &OutgoingMessage) -> Result<(), OutboundError> {
        self.watch(self.outbound.edit(at, reference, message)).await
    }

    async fn delete(&self, at: &Address, reference: &MessageRef) -> Result<(), OutboundError> {
        self.watch(self.outbound.delete(at, reference)).await
    }

    async fn signal(&self, at: &Address, signal: Signal) -> Result<(), OutboundError> {
        self.watch(self.outbound.signal(at, signal)).await
    }

    async fn find(&self, at: &Address, key: &SendKey) -> Result<Option<MessageRef>, OutboundError> {
        self.outbound.find(at, key).await
    }
}

impl Telegram {
    fn address(chat: i64) -> Address {
        Address {
            connector: "telegram".into(),
            chat: ChatId::new(chat.to_string()),
            thread: None,
        }
    }

    fn handle(at: &Address, message: &MessageRef) -> MessageHandle {
        MessageHandle {
            chat: chat(at),
            message_id: message.as_str().parse().unwrap(),
        }
    }
}

fn chat(at: &Address) -> i64 {
    at.chat.as_str().parse().unwrap()
}

fn thread(at: &Address) -> Option<i64> {
    at.thread.as_ref().map(|thread| thread.as_str().parse().unwrap())
}

/// Connects for each call, so that a closed road is noticed.
fn http_client(road: &Arc<Road>) -> HttpFactory {
    let road = Arc::clone(road);
    HttpFactory::new(move || {
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .dns_resolver(Arc::clone(&road))
            .build()
    })
}

fn settings(fake: &TelegramFake, http: HttpFactory, poll_timeout: Duration) -> Settings {
    let api_url = fake.api_url().replace("127.0.0.1", "telegram.test");
    Settings {
        name: "telegram".into(),
        token: fake.token().into(),
        api_url: api_url.parse().unwrap(),
        poll_timeout,
        pace: Pace::default(),
        commands: Vec::new(),
        http,
    }
}

#[async_trait]
impl Platform for Telegram {
    const LACKS: &'static [Lack] = &[];

    async fn start() -> Self {
        let fake = TelegramFake::start();
        let (person, another) = (fake.user("Alice"), fake.user("Bob"));
        fake.private_chat(person);
        Self {
            fake: Arc::new(fake),
            person,
            another,
            group: None,
            road: Arc::default(),
            last_press: None,
        }
    }

    async fn connector(&mut self) -> Connector {
        let settings = settings(&self.fake, http_client(&self.road), POLL_TIMEOUT);
        let connector = build(settings).unwrap();
        let outbound = OneFaultACall {
            outbound: connector.outbound,
            fake: Arc::clone(&self.fake),
            road: Arc::clone(&self.road),
        };
        Connector {
            outbound: Arc::new(outbound),
            ..connector
        }
    }

    fn direct(&self) -> Address {
        Self::address(self.person)
    }

    async fn room(&mut self) -> Option<Address> {
        let group = *self.group.get_or_insert_with(|| {
            let group = self.fake.group("Us");
            self.fake.add_user(group, self.person);
            self.fake.add_user(group, self.another);
            group
        });
        Some(Self::address(group))
    }

    async fn thread(&mut self) -> Option<Address> {
        let forum = self.fake.forum("Topics");
        self.fake.add_user(forum, self.person);
        let topic = self.fake.topic(forum, "A topic");
        Some(Address {
            thread: Some(ThreadId::new(topic.to_string())),
            ..Self::address(forum)
        })
    }

    fn secret(&self) -> Option<String> {
        Some(self.fake.token().to_owned())
    }

    async fn say(&mut self, who: Who, at: &Address, text: &str) -> bool {
        let author = match who {
            Who::Person => self.person,
            Who::AnotherPerson => self.another,
            Who::Bot => self.fake.other_bot("Parrot"),
            Who::Anonymous => {
                self.fake.compose_as_group(chat(at), text).send();
                return true;
            }
        };
        let message = self.fake.compose(chat(at), author, text);
        match thread(at) {
            Some(thread) => message.thread(thread).send(),
            None => message.send(),
        };
        true
    }

    async fn choose(&mut self, at: &Address, message: &MessageRef, choice: &Choice) -> bool {
        let handle = Self::handle(at, message);
        let seen = self.fake.message(handle);
        let is_offered = !seen.is_deleted && seen.labels().contains(&choice.label.as_str());
        if is_offered {
            self.last_press = Some(self.fake.press(self.person, handle, &choice.label));
        }
        is_offered
    }

    async fn mention(&mut self, at: &Address, text: &str) -> bool {
        let bot = self.fake.bot();
        let name = bot["username"].as_str().unwrap();
        self.fake.say(chat(at), self.person, &format!("@{name} {text}"));
        true
    }

    async fn reply(&mut self, at: &Address, to: &MessageRef, text: &str) -> bool {
        let message = self.fake.compose(chat(at), self.person, text);
        message.reply_to(Self::handle(at, to)).send();
        true
    }

    async fn change(&mut self, at: &Address, said: &MessageRef, text: &str) -> bool {
        self.fake.edit(Self::handle(at, said), text);
        true
    }

    async fn forward(&mut self, at: &Address, text: &str) -> bool {
        let message = self.fake.compose(chat(at), self.person, text);
        message.forwarded_from(self.another).send();
        true
    }

    async fn rename(&mut self, name: &str) -> bool {
        self.fake.user_with_id(self.person, name);
        true
    }

    /// Another program that polls without a pause.
    async fn read_elsewhere(&mut self) -> bool {
        let address = format!("{}/bot{}/getUpdates?timeout=1", self.fake.api_url(), self.fake.token());
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        tokio::spawn(async move {
            loop {
                if client.get(&address).send().await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        true
    }

    async fn transcript(&mut self, at: &Address) -> String {
        let messages = self.fake.messages(chat(at)).into_iter();
        let mut lines = Vec::new();
        for message in messages.filter(|message| message.thread == thread(at)) {
            lines.push(message.text.clone());
            lines.extend(message.labels().iter().map(|label| format!("[{label}]")));
        }
        lines.join("\n")
    }

    async fn told_privately(&mut self) -> Option<String> {
        let press = self.last_press.clone()?;
        let answered = async {
            loop {
                if let Some(answer) = self.fake.answer_to(&press) {
                    return answer.text;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(SOON, answered).await.ok()
    }

    async fn fail(&mut self, fault: Fault) -> bool {
        // A rate limit that was told before is over.
        self.fake.advance(Duration::from_secs(30));
        if fault == Fault::Unreachable {
            self.road.is_closed.store(true, Ordering::SeqCst);
            return true;
        }
        for method in WRITING {
            let on_method = telegram::Fault::on(method);
            self.fake.fault(match fault {
                Fault::RateLimit(wait) => on_method.too_many_requests(wait.as_secs()),
                Fault::LostAnswer => on_method.cut_after(),
                Fault::Forbidden => on_method.refused(403, "Forbidden: bot was blocked by the user"),
                Fault::Unreachable => unreachable!("the road is closed"),
            });
        }
        true
    }

    async fn interrupt_reading(&mut self) -> bool {
        self.fake.refuse_connections(true);
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.fake.refuse_connections(false);
        true
    }

    async fn writes(&mut self) -> usize {
        let calls = self.fake.calls().into_iter();
        calls.filter(|call| WRITING.contains(&call.method)).count()
    }
}

cortex_chat::contract_tests!(Telegram);

#[tokio::test]
async fn start_tells_at_once_that_nothing_waits() {
    let fake = TelegramFake::start();
    let connector = build(settings(&fake, http_client(&Arc::default()), Duration::from_secs(50))).unwrap();
    let inbox = Arc::new(RecordingInbox::default());
    let shutdown = CancellationToken::new();
    let reading = tokio::spawn(connector.inbound.run(Arc::<RecordingInbox>::clone(&inbox), shutdown.clone()));
    let caught_up = inbox.until(|inbox| inbox.batches().iter().any(|batch| batch.caught_up).then_some(()));
    assert!(caught_up.await.is_some());
    shutdown.cancel();
    reading.await.unwrap().unwrap();
}
