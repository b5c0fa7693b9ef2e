//! What Telegram, networks and people do to a bot: nothing that they send or leave out ends it, and nothing is lost.

mod api;
