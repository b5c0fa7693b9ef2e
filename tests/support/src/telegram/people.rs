//! People and the chats they are in.

use super::Control;
use super::chat::{BotStatus, Chat, Kind, Person};
use super::state::State;

/// Ids of people begin here, so that they are not taken for those of messages.
const FIRST_PERSON: i64 = 500_000_000;
/// Supergroups and channels have ids from here downwards.
const FIRST_SUPERGROUP: i64 = -1_001_000_000_000;
const FIRST_GROUP: i64 = -4_000_000;

impl Control {
    /// Someone new, with that name and, in lower case, that username.
    pub fn user(&self, name: &str) -> i64 {
        self.shared.change(|state| {
            let id = FIRST_PERSON + state.new_id();
            state.add_person(id, name, false)
        })
    }

    /// Someone with an id of the test's choice.
    pub fn user_with_id(&self, id: i64, name: &str) -> i64 {
        self.shared.change(|state| state.add_person(id, name, false))
    }

    /// A bot that is not the one under test.
    pub fn other_bot(&self, name: &str) -> i64 {
        self.shared.change(|state| {
            let id = FIRST_PERSON + state.new_id();
            state.add_person(id, name, true)
        })
    }

    /// Opens the private chat with a person, who has started the bot. It has the id of the person.
    pub fn private_chat(&self, user: i64) -> i64 {
        self.shared.change(|state| {
            state.add_private_chat(user, BotStatus::Member);
            user
        })
    }

    /// A group with the bot in it.
    pub fn group(&self, title: &str) -> i64 {
        self.add_chat(FIRST_GROUP, Kind::Group, title)
    }

    /// A supergroup with the bot in it.
    pub fn supergroup(&self, title: &str) -> i64 {
        self.add_chat(FIRST_SUPERGROUP, Kind::Supergroup, title)
    }

    /// A supergroup with topics and the bot in it.
    pub fn forum(&self, title: &str) -> i64 {
        self.add_chat(FIRST_SUPERGROUP, Kind::Forum, title)
    }

    /// A channel with the bot as an administrator.
    pub fn channel(&self, title: &str) -> i64 {
        let id = self.add_chat(FIRST_SUPERGROUP, Kind::Channel, title);
        self.shared.change(|state| {
            if let Some(chat) = state.chats.get_mut(&id) {
                chat.bot = BotStatus::Administrator;
            }
        });
        id
    }

    fn add_chat(&self, first: i64, kind: Kind, title: &str) -> i64 {
        self.shared.change(|state| {
            let id = first - state.new_id();
            state.chats.insert(id, Chat::new(id, kind, title));
            id
        })
    }
}

impl State {
    fn add_person(&mut self, id: i64, name: &str, is_bot: bool) -> i64 {
        let username: String = name.to_lowercase().split_whitespace().collect::<Vec<_>>().join("_");
        let person = Person {
            id,
            first_name: name.to_owned(),
            username: (!username.is_empty()).then_some(username),
            is_bot,
        };
        self.people.insert(id, person);
        id
    }

    /// The private chat with someone, which is there from now on.
    pub(super) fn add_private_chat(&mut self, user: i64, bot: BotStatus) {
        let person = self.people.get(&user).cloned();
        let person = person.unwrap_or_else(|| panic!("there is no user {user}"));
        let chat = self.chats.entry(user).or_insert_with(|| {
            let mut chat = Chat::new(user, Kind::Private, &person.first_name);
            chat.username = person.username;
            chat.members.insert(user);
            chat
        });
        chat.bot = bot;
    }

    /// The chat, which a test must have opened.
    pub(super) fn chat(&mut self, id: i64) -> &mut Chat {
        self.chats.get_mut(&id).unwrap_or_else(|| panic!("there is no chat {id}"))
    }
}
