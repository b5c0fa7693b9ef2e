//! What can go wrong with a call, and what is said about it.

use crate::contract::log::Log;
use crate::contract::running::{Running, answer, growing, in_time, question, settled};
use crate::contract::{Fault, Lack, Platform, Who, applies};
use crate::{Address, MessageRef, OutboundError, SendKey, Signal};
use std::time::{Duration, Instant};

const RETRY_AFTER: Duration = Duration::from_secs(7);
/// An adapter may add something for safety.
const MOST_ADDED: Duration = Duration::from_secs(3);

async fn fails<P: Platform>(platform: &mut P, fault: Fault) -> bool {
    applies::<P>(fault.lack(), platform.fail(fault).await)
}

/// The daemon keeps the pace, so it must know at once.
pub async fn rate_limit_is_told_and_not_waited_out<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    let reference = running.send(&direct, &growing("stands")).await;
    let check = |result: Result<(), OutboundError>, since: Instant| {
        let Err(OutboundError::RateLimited { retry_after }) = result else {
            panic!("{result:?}");
        };
        assert!(
            retry_after >= RETRY_AFTER && retry_after <= RETRY_AFTER + MOST_ADDED,
            "{retry_after:?}"
        );
        assert!(since.elapsed() < RETRY_AFTER, "it was waited out");
    };

    if !fails(&mut platform, Fault::RateLimit(RETRY_AFTER)).await {
        return;
    }
    let (before, since) = (platform.writes().await, Instant::now());
    let sent = running.try_send(&direct, "another key", &answer("too much")).await;
    check(sent.map(drop), since);
    assert_eq!(platform.writes().await, before + 1, "a send is one call");

    assert!(platform.fail(Fault::RateLimit(RETRY_AFTER)).await);
    let since = Instant::now();
    check(running.try_edit(&direct, &reference, &growing("too much")).await, since);
    assert_eq!(platform.writes().await, before + 2, "an edit is one call");

    let shown = platform.transcript(&direct).await;
    assert!(shown.contains("stands") && !shown.contains("too much"), "{shown}");
    running.stop().await;
}

/// Nobody knows whether it arrived, and a second copy would be worse than asking.
pub async fn lost_answer_is_unknown<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    if !fails(&mut platform, Fault::LostAnswer).await {
        return;
    }
    let before = platform.writes().await;
    let sent = running.try_send(&direct, "a key", &answer("once")).await;
    assert!(matches!(sent, Err(OutboundError::Unknown(_))), "{sent:?}");
    assert_eq!(platform.writes().await, before + 1, "a send is one call");
    assert_eq!(platform.transcript(&direct).await.matches("once").count(), 1);

    let reference = running.send(&direct, &growing("stands")).await;
    assert!(platform.fail(Fault::LostAnswer).await);
    let before = platform.writes().await;
    let edited = running.try_edit(&direct, &reference, &growing("stands otherwise")).await;
    assert!(
        matches!(edited, Err(OutboundError::Unknown(_) | OutboundError::Transient(_))),
        "{edited:?}"
    );
    assert_eq!(platform.writes().await, before + 1, "an edit is one call");
    let again = running.try_edit(&direct, &reference, &growing("stands otherwise")).await;
    assert!(matches!(again, Ok(()) | Err(OutboundError::NotModified)), "{again:?}");
    running.stop().await;
}

/// What did not arrive can be tried again.
pub async fn unreachable_platform_is_transient<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    let reference = running.send(&direct, &growing("stands")).await;
    if !fails(&mut platform, Fault::Unreachable).await {
        return;
    }
    let sent = running.try_send(&direct, "a key", &answer("once")).await;
    assert!(matches!(sent, Err(OutboundError::Transient(_))), "{sent:?}");
    assert!(platform.fail(Fault::Unreachable).await);
    let edited = running.try_edit(&direct, &reference, &growing("stands otherwise")).await;
    assert!(matches!(edited, Err(OutboundError::Transient(_))), "{edited:?}");
    assert!(platform.fail(Fault::Unreachable).await);
    let signalled = in_time(running.outbound.signal(&direct, Signal::Typing)).await;
    assert!(
        matches!(signalled, Ok(()) | Err(OutboundError::Transient(_))),
        "{signalled:?}"
    );

    // A signal need not be a call.
    while running.try_send(&direct, "a key", &answer("once")).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let shown = platform.transcript(&direct).await;
    assert_eq!(shown.matches("once").count(), 1, "{shown}");
    assert!(!shown.contains("otherwise"), "{shown}");
    running.stop().await;
}

/// Where we may not write, trying again is no use.
pub async fn refusal_is_forbidden<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    if !fails(&mut platform, Fault::Forbidden).await {
        return;
    }
    let before = platform.writes().await;
    let sent = running.try_send(&direct, "a key", &answer("unwelcome")).await;
    assert!(matches!(sent, Err(OutboundError::Forbidden(_))), "{sent:?}");
    assert_eq!(platform.writes().await, before + 1);
    running.stop().await;
}

/// Whoever can be asked must know.
pub async fn lost_send_is_found<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    let find = async |key: &str| in_time(running.outbound.find(&direct, &SendKey::from(key))).await;
    if !running.outbound.capabilities().can_find_sends {
        println!("does not apply: the adapter says that sends cannot be found");
        let found = find("a key").await;
        return assert!(!matches!(found, Ok(Some(_))), "it can be found after all");
    }
    assert_eq!(find("a key").await.ok().flatten(), None);
    let sent = running.try_send(&direct, "a key", &growing("sent")).await;
    assert_eq!(find("a key").await.ok().flatten(), sent.ok());
    assert_eq!(find("another key").await.ok().flatten(), None);

    if fails(&mut platform, Fault::LostAnswer).await {
        let lost = running.try_send(&direct, "another key", &growing("lost")).await;
        assert!(lost.is_err());
        let found = find("another key").await.ok().flatten();
        let found = found.expect("it arrived");
        running.edit(&direct, &found, &growing("found again")).await;
        let shown = platform.transcript(&direct).await;
        assert!(shown.contains("found again") && !shown.contains("lost"), "{shown}");
    }
    running.stop().await;
}

/// Where the platform tells a repeated send by its key, it stays one message.
pub async fn repeated_send_is_one_message<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    let first = running.try_send(&direct, "a key", &answer("once")).await;
    let again = running.try_send(&direct, "a key", &answer("once")).await;
    let (first, again) = (first.expect("a send"), again.expect("a repeated send"));
    let times = platform.transcript(&direct).await.matches("once").count();
    if running.outbound.capabilities().idempotent_sends {
        assert_eq!((first, times), (again, 1));
    } else {
        println!("does not apply: the adapter says that each send is a message");
        assert_eq!(times, 2, "the adapter retries or merges by itself");
        assert_ne!(first, again);
    }
    running.stop().await;
}

/// Errors and logs go to places where nobody expects secrets.
pub async fn nothing_secret_is_told<P: Platform>() {
    const CANARY: &str = "cuckoo";
    let log = Log::listen();
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let secret = platform.secret();
    applies::<P>(Lack::Secret, secret.is_some());
    let direct = platform.direct();
    let nowhere = Address {
        chat: "987654321987".into(),
        ..direct.clone()
    };
    platform.say(Who::Person, &direct, CANARY).await;
    running.message(CANARY).await;

    let mut told = Vec::new();
    let faults = [
        None,
        Some(Fault::RateLimit(RETRY_AFTER)),
        Some(Fault::LostAnswer),
        Some(Fault::Unreachable),
        Some(Fault::Forbidden),
    ];
    let too_long = CANARY.repeat(running.outbound.capabilities().text_limit.max.min(100_000) / CANARY.len() + 1);
    let reference = running.send(&direct, &growing(CANARY)).await;
    let asked = running.send(&direct, &question(CANARY)).await;
    platform.choose(&direct, &asked, &question(CANARY).choices[0]).await;
    for fault in faults {
        for call in 0..8 {
            if let Some(fault) = fault
                && !fails(&mut platform, fault).await
            {
                break;
            }
            let gone = MessageRef::from("1234567");
            let result = match call {
                0 => running.try_send(&direct, CANARY, &answer(CANARY)).await.map(drop),
                1 => {
                    running
                        .try_edit(&direct, &reference, &growing(&format!("{CANARY} {fault:?}")))
                        .await
                }
                2 => {
                    running
                        .try_edit(&direct, &asked, &settled(&format!("{CANARY} {fault:?}")))
                        .await
                }
                3 => running.try_send(&direct, "long", &growing(&too_long)).await.map(drop),
                4 => running.try_send(&nowhere, "nowhere", &growing(CANARY)).await.map(drop),
                5 => running.try_edit(&direct, &gone, &growing(CANARY)).await,
                6 => in_time(running.outbound.delete(&nowhere, &gone)).await,
                _ => in_time(running.outbound.signal(&direct, Signal::Typing)).await,
            };
            if let Err(error) = result {
                told.push(format!("{error} {error:?}"));
            }
        }
    }
    told.push(format!("{:?} {:?}", running.outbound.capabilities(), growing(CANARY)));
    told.extend(running.inbox.batches().iter().map(|batch| format!("{batch:?}")));
    platform.interrupt_reading().await;
    platform.say(Who::Person, &direct, "the end").await;
    running.message("the end").await;
    let inbox = running.stop().await;
    told.extend(inbox.conditions().iter().map(|condition| format!("{condition:?}")));
    told.push(log.text());
    for line in told {
        assert!(
            !line.contains(CANARY),
            "the text of a message is told: {}",
            around(&line, CANARY)
        );
        if let Some(secret) = &secret {
            assert!(
                !line.contains(secret.as_str()),
                "the credential is told: {}",
                around(&line, secret)
            );
        }
    }
}

/// The line that a thing is in.
fn around<'a>(text: &'a str, thing: &str) -> &'a str {
    text.lines().find(|line| line.contains(thing)).unwrap_or_default()
}
