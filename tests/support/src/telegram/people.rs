//! People and the chats they are in.

use super::Control;
use super::chat::{BotStatus, Chat, Kind, MessageHandle, Person};
use super::post::Post;
use super::state::{State, bot};
use serde_json::{Map, Value, json};

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

    /// Someone without a username.
    pub fn user_without_username(&self, name: &str) -> i64 {
        self.shared.change(|state| {
            let id = FIRST_PERSON + state.new_id();
            state.add_person(id, name, false);
            if let Some(person) = state.people.get_mut(&id) {
                person.username = None;
            }
            id
        })
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
        self.shared.change(|state| state.add_private_chat(user, BotStatus::Member));
        user
    }

    /// The private chat with a person who has not started the bot, so that it may not write there yet.
    pub fn unopened_chat(&self, user: i64) -> i64 {
        self.shared
            .change(|state| state.add_private_chat(user, BotStatus::NotStarted));
        user
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
        self.add_chat(FIRST_SUPERGROUP, Kind::Channel, title)
    }

    /// Makes people who are not there yet, with private chats where they are wanted.
    pub(super) fn ensure_people(&self, people: &[i64], with_chats: bool) {
        self.shared.change(|state| {
            for id in people {
                if !state.people.contains_key(id) {
                    state.add_person(*id, &format!("User {id}"), false);
                }
                if with_chats && !state.chats.contains_key(id) {
                    state.add_private_chat(*id, BotStatus::Member);
                }
            }
        });
    }

    fn add_chat(&self, first: i64, kind: Kind, title: &str) -> i64 {
        self.shared.change(|state| {
            let id = first - state.new_id();
            state.chats.insert(id, Chat::new(id, kind, title));
            id
        })
    }

    /// Opens a topic in a forum, and tells its thread. The message that says so is the first in it.
    pub fn topic(&self, forum: i64, name: &str) -> i64 {
        self.shared.change(|state| {
            let topic = json!({"name": name, "icon_color": 7_322_096});
            let post = Post::service(group_admin(), "forum_topic_created", topic);
            let MessageHandle { message_id, .. } = state.post(forum, post);
            state.chat(forum).topics.insert(message_id, name.to_owned());
            message_id
        })
    }

    /// Adds someone to a group, which says so.
    pub fn add_user(&self, chat: i64, user: i64) {
        self.shared.change(|state| {
            let person = state.person(user).json();
            state.chat(chat).members.insert(user);
            let post = Post::service(person.clone(), "new_chat_members", json!([person]));
            state.post(chat, post);
        });
    }

    /// Removes someone from a group, which says so.
    pub fn remove_user(&self, chat: i64, user: i64) {
        self.shared.change(|state| {
            let person = state.person(user).json();
            state.chat(chat).members.remove(&user);
            let post = Post::service(person.clone(), "left_chat_member", person);
            state.post(chat, post);
        });
    }

    /// Makes someone an administrator of a group.
    pub fn promote_user(&self, chat: i64, user: i64) {
        self.shared.change(|state| state.chat(chat).admins.insert(user));
    }

    /// Makes the bot an administrator, who gets all messages.
    pub fn promote_bot(&self, chat: i64) {
        self.shared
            .change(|state| state.set_bot(chat, BotStatus::Administrator, None));
    }

    /// Adds the bot to a group from which it was removed.
    pub fn add_bot(&self, chat: i64, by: i64) {
        self.shared.change(|state| state.set_bot(chat, BotStatus::Member, Some(by)));
    }

    /// Removes the bot from a group: it hears of that, and nothing after.
    pub fn remove_bot(&self, chat: i64, by: i64) {
        self.shared.change(|state| state.set_bot(chat, BotStatus::Kicked, Some(by)));
    }

    /// Blocks the bot in a private chat. It hears of that.
    pub fn block_bot(&self, user: i64) {
        self.shared.change(|state| state.set_bot(user, BotStatus::Kicked, Some(user)));
    }

    /// Ends that.
    pub fn unblock_bot(&self, user: i64) {
        self.shared.change(|state| state.set_bot(user, BotStatus::Member, Some(user)));
    }

    /// Turns a group into a supergroup, and tells its new id. Both chats say so, and the old one takes no messages any more.
    pub fn upgrade_group(&self, group: i64) -> i64 {
        self.shared.change(|state| {
            let id = FIRST_SUPERGROUP - state.new_id();
            let old = state.chat(group);
            let mut new = Chat::new(id, Kind::Supergroup, &old.title);
            new.members.clone_from(&old.members);
            new.admins.clone_from(&old.admins);
            new.bot = old.bot;
            state.chats.insert(id, new);
            state.post(group, Post::service(group_admin(), "migrate_to_chat_id", json!(id)));
            state.post(id, Post::service(group_admin(), "migrate_from_chat_id", json!(group)));
            state.chat(group).upgraded_to = Some(id);
            id
        })
    }
}

/// An administrator who writes in the name of the group.
pub(super) fn group_admin() -> Value {
    json!({"id": 1_087_968_824, "is_bot": true, "first_name": "Group", "username": "GroupAnonymousBot"})
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
    fn add_private_chat(&mut self, user: i64, bot: BotStatus) {
        let person = self.person(user).clone();
        let chat = self.chats.entry(user).or_insert_with(|| {
            let mut chat = Chat::new(user, Kind::Private, &person.first_name);
            chat.username = person.username;
            chat.members.insert(user);
            chat
        });
        chat.bot = bot;
    }

    /// The person, whom a test must have made.
    pub(super) fn person(&self, id: i64) -> &Person {
        self.people.get(&id).unwrap_or_else(|| panic!("there is no user {id}"))
    }

    /// The chat, which a test must have opened.
    pub(super) fn chat(&mut self, id: i64) -> &mut Chat {
        self.chats.get_mut(&id).unwrap_or_else(|| panic!("there is no chat {id}"))
    }

    /// Changes what the bot is in a chat, and lets it know.
    pub(super) fn set_bot(&mut self, chat: i64, status: BotStatus, by: Option<i64>) {
        let by = by.map_or_else(group_admin, |by| self.person(by).json());
        let date = self.date();
        let chat = self.chat(chat);
        let old = chat.bot_status();
        chat.bot = status;
        let member = |status: &str| {
            let mut member = Map::from_iter([("user".to_owned(), bot()), ("status".to_owned(), json!(status))]);
            if status == "kicked" {
                member.insert("until_date".to_owned(), json!(0));
            }
            member
        };
        let update = json!({
            "chat": chat.json(),
            "from": by,
            "date": date,
            "old_chat_member": member(old),
            "new_chat_member": member(chat.bot_status()),
        });
        if old != chat.bot_status() {
            let id = chat.id;
            self.push_update("my_chat_member", update, Some(id));
        }
    }
}
