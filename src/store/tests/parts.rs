//! Requests of several messages.

use super::*;
use cortex_chat::{Attachment, MoreToCome, Quote};

const A_MOMENT: Duration = Duration::from_millis(300);
const LONG_ENOUGH: Duration = Duration::from_millis(1100);

impl Rig {
    /// A message of Ann's in the chat `home`, changed as a test needs it.
    fn part(&self, text: &str, change: impl FnOnce(&mut IncomingMessage)) -> Event {
        let mut event = self.message("ann", "home", text);
        if let EventKind::Message(message) = &mut event.kind {
            change(message);
        }
        event
    }

    fn long(&self, text: &str) -> Event {
        self.part(text, |message| message.more = Some(MoreToCome::LongText))
    }

    fn photo(&self, album: &str, caption: &str) -> Event {
        self.part(caption, |message| {
            message.more = Some(MoreToCome::Album(album.into()));
            message.attachments = vec![Attachment {
                name: format!("photo {}.jpg", message.reference).into(),
                media_type: "image/jpeg".into(),
                size_bytes: Some(1024),
                reference: "r".into(),
            }];
        })
    }

    fn outcome(&self, event: &Event) -> String {
        let connection = rusqlite::Connection::open(self.folder.path().join("cortex.db")).unwrap();
        connection
            .query_row("SELECT outcome FROM event WHERE event_id = ?1", [event.id.as_str()], |row| {
                row.get(0)
            })
            .unwrap()
    }
}

fn texts(claimed: &[ClaimedTurn]) -> Vec<&str> {
    claimed.iter().map(|turn| turn.state.request.text.as_str()).collect()
}

#[tokio::test]
async fn long_text_waits_for_its_rest_and_is_one_request() {
    let rig = Rig::new().await;
    let first = rig.accept(vec![rig.long("one, tw")], 8).await;
    assert!(first.waits && first.claimed.is_empty());
    rig.pass(A_MOMENT);
    assert!(rig.accept(vec![rig.long("o, thr")], 8).await.claimed.is_empty());
    // The second was long too, so the wait began anew.
    rig.pass(Duration::from_millis(800));
    assert!(rig.store.claim(8, 1000).await.unwrap().is_empty());
    let last = rig.part("ee", |message| message.addressed = false);
    let claimed = rig.accept(vec![last.clone()], 8).await.claimed;
    assert_eq!(texts(&claimed), ["one, two, three"], "a shorter part ends the wait");
    assert_eq!(rig.outcome(&last), format!("joined turn {}", claimed[0].id));
    assert_eq!(
        rig.number("SELECT count(*) FROM history WHERE body LIKE '%one, two, three%'"),
        1
    );
    assert_eq!(rig.number("SELECT count(*) FROM request_part"), 3);
}

#[tokio::test]
async fn request_is_taken_up_when_nothing_more_comes_also_after_a_restart() {
    let rig = Rig::new().await;
    let before = rig.store.clock.now().as_millisecond();
    rig.accept(vec![rig.long("long")], 8).await;
    let ready = rig.store.next_ready(before).await.unwrap().unwrap();
    assert!((900..2000).contains(&(ready - before)), "{}", ready - before);
    rig.store.recover(3).await.unwrap();
    assert!(rig.store.claim(8, 1000).await.unwrap().is_empty());
    rig.pass(LONG_ENOUGH);
    assert_eq!(texts(&rig.store.claim(8, 1000).await.unwrap()), ["long"]);
    assert_eq!(rig.store.next_ready(ready).await.unwrap(), None);
    // What comes after that is a request of its own.
    assert!(rig.accept(vec![rig.part("more", |_| ())], 8).await.claimed.is_empty());
    assert_eq!(rig.number("SELECT count(*) FROM turn"), 2);
}

#[tokio::test]
async fn album_is_one_request_with_all_its_files() {
    let rig = Rig::new().await;
    let batch = vec![
        rig.photo("a", "look"),
        rig.photo("a", ""),
        rig.photo("b", "other"),
        rig.photo("b", "words"),
    ];
    let claimed = rig.accept(batch, 8).await.claimed;
    assert_eq!(texts(&claimed), ["look"], "another album ends the wait of the first");
    let names: Vec<&str> = claimed[0]
        .state
        .request
        .enclosed
        .attachments
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    assert_eq!(names, ["photo 1.jpg", "photo 2.jpg"]);
    rig.pass(LONG_ENOUGH);
    let next = rig.answer(claimed.into_iter().next().unwrap(), "nice").await.unwrap();
    assert_eq!(next.state.request.text.as_str(), "other\nwords");
    // What came with the words stays in the history.
    assert_eq!(next.history[0].enclosed.attachments.len(), 2);
    assert!(next.history[1].enclosed.is_empty());
}

#[tokio::test]
async fn commands_others_and_later_words_do_not_join() {
    let rig = Rig::new().await;
    rig.accept(vec![rig.long("ann's")], 0).await;
    let bob = rig.message("bob", "home", "bob's");
    assert_eq!(texts(&rig.accept(vec![bob], 8).await.claimed), ["bob's"]);
    let forwarded = rig.part("forwarded", |message| message.provenance = Provenance::Forwarded);
    rig.accept(vec![forwarded], 0).await;
    assert_eq!(
        rig.number("SELECT count(*) FROM turn WHERE ready_at > 0"),
        0,
        "she has gone on"
    );

    rig.accept(vec![rig.long("again")], 0).await;
    rig.accept(vec![rig.part("/status", |_| ())], 0).await;
    assert_eq!(rig.number("SELECT count(*) FROM turn"), 4);

    rig.accept(vec![rig.long("third")], 0).await;
    let mut later = rig.part("typed much later, received together", |_| ());
    later.at += SignedDuration::from_secs(60);
    rig.accept(vec![later], 0).await;
    assert_eq!(rig.number("SELECT count(*) FROM turn"), 6);
    assert_eq!(rig.number("SELECT count(*) FROM request_part WHERE number > 0"), 0);
}

#[tokio::test]
async fn forwarded_parts_join_forwarded_ones_and_taint() {
    let rig = Rig::new().await;
    let forwarded = |message: &mut IncomingMessage| message.provenance = Provenance::Forwarded;
    let first = rig.part("some", |message| {
        forwarded(message);
        message.more = Some(MoreToCome::LongText);
    });
    let claimed = rig.accept(vec![first, rig.part("thing", forwarded)], 8).await.claimed;
    assert_eq!(texts(&claimed), ["something"]);
    assert!(claimed[0].state.tainted);
}

#[tokio::test]
async fn request_has_no_parts_without_end() {
    let rig = Rig::new().await;
    let batch = (0..51).map(|_| rig.long("x")).collect();
    rig.accept(batch, 0).await;
    assert_eq!(rig.number("SELECT count(*) FROM turn"), 2);
    assert_eq!(rig.number("SELECT max(number) FROM request_part"), 49);
}

#[tokio::test]
async fn quote_of_foreign_words_taints_and_stays_beside_the_words() {
    let rig = Rig::new().await;
    let quoting = |foreign: bool| {
        rig.part("what is this?", |message| {
            message.quote = Some(Quote {
                text: "somebody's words".into(),
                foreign,
            });
        })
    };
    let own = rig.accept(vec![quoting(false)], 8).await.claimed.pop().unwrap();
    assert!(!own.state.tainted);
    let next = rig.answer(own, "nothing");
    assert!(next.await.is_none());
    let foreign = rig.accept(vec![quoting(true)], 8).await.claimed.pop().unwrap();
    assert!(foreign.state.tainted);
    assert_eq!(foreign.state.request.text.as_str(), "what is this?");
    assert_eq!(foreign.history[0].enclosed.quotes[0].text.as_str(), "somebody's words");
}
