//! The confirmation gate in a chat: buttons, words, and what happens to a question while nobody is there.

mod absence;
mod buttons;
mod words;
