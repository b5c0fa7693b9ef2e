//! The Telegram fake as a program, for a benchmark or a person. It prints where it is as a line of JSON, takes commands at
//! `/control/<command>`, and ends by itself.

use anyhow::{Context, Result, bail};
use cortex_test_support::telegram::{Options, TelegramFake};
use serde_json::json;
use std::io::{Read, stdin};
use std::sync::mpsc;
use std::time::Duration;

const USAGE: &str = "\
usage: telegram-fake [--port PORT] [--rate-limits] [--burst CALLS] [--without-bodies] [--without-rich-messages]
                     [--ends-after SECONDS] [--stdin]

  --port PORT              listen on this port of 127.0.0.1 instead of a free one
  --rate-limits            answer calls that come too fast with 429
  --burst CALLS            how many calls at once a private chat takes with --rate-limits (1)
  --without-bodies         keep no parameters and no texts of edits, for long measurements
  --without-rich-messages  answer methods for rich messages with 404
  --ends-after SECONDS     end after this time (3600)
  --stdin                  end when standard input ends

Commands are taken at <control_url>/<command>, with parameters in the query or as a JSON object:

  user [name] [id] | chat kind [user | title] | topic chat name
  say user text [chat] [reply_to] [thread]       whoever is not there yet comes to be, with a private chat
  say-many chats messages [text] [first]         {n} and {chat} in the text are filled in
  edit chat message_id text | delete chat message_id | block user | unblock user
  press user chat message_id label|data | answer callback | stop-draft chat
  update update                                  queues any update
  fault method kind [chat] [containing] [after] [times]
      kind: {\"too_many_requests\": seconds}, {\"error\": [code, description]}, {\"html\": status}, {\"slow_ms\": millis},
            \"malformed\", \"cut_before\", \"cut_after\", \"hang\"
  clear-faults | outage on | advance seconds | reset
  messages chat | transcript chat | calls [chat] | polls | commands [scope] [language] | violations
  wait chat text [seconds] | wait answered [seconds]
  answers | count-ending ending                  what the bot said last in each chat; in how many chats that ends so
  timings [chat] | stats                         times are microseconds since the fake began, which was at
                                                 `started_monotonic` of the machine's monotonic clock";

/// A fake that someone forgot does not stay for ever.
const ENDS_AFTER: Duration = Duration::from_hours(1);

struct Settings {
    options: Options,
    ends_after: Duration,
    ends_with_stdin: bool,
}

fn main() -> Result<()> {
    let Some(settings) = settings(std::env::args().skip(1))? else {
        println!("{USAGE}");
        return Ok(());
    };
    // A command that names what is not there panics on its way to an error; a line is enough of that.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let fake = TelegramFake::start_with(settings.options);
    let place = json!({"api_url": fake.api_url(), "token": fake.token(), "control_url": fake.control_url()});
    println!("{place}");
    let (ended, end) = mpsc::channel::<()>();
    if settings.ends_with_stdin {
        std::thread::spawn(move || {
            let _ = stdin().read_to_end(&mut Vec::new());
            drop(ended);
        });
        let _ = end.recv_timeout(settings.ends_after);
    } else {
        std::thread::sleep(settings.ends_after);
    }
    for violation in fake.take_violations() {
        eprintln!("violation: {violation}");
    }
    Ok(())
}

fn settings(mut arguments: impl Iterator<Item = String>) -> Result<Option<Settings>> {
    let mut settings = Settings {
        options: Options {
            remote_control: true,
            ..Options::default()
        },
        ends_after: ENDS_AFTER,
        ends_with_stdin: false,
    };
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let value = arguments.next().with_context(|| format!("{argument} needs a number"))?;
            value
                .parse::<u32>()
                .with_context(|| format!("{argument} needs a number, not {value:?}"))
        };
        match argument.as_str() {
            "--port" => settings.options.port = u16::try_from(number()?).context("--port is at most 65535")?,
            "--rate-limits" => settings.options.rate_limits = true,
            "--burst" => settings.options.private_burst = number()?,
            "--without-bodies" => settings.options.keeps_bodies = false,
            "--without-rich-messages" => settings.options.rich_messages = false,
            "--ends-after" => settings.ends_after = Duration::from_secs(number()?.into()),
            "--stdin" => settings.ends_with_stdin = true,
            "--help" | "-h" => return Ok(None),
            other => bail!("unknown argument {other:?}\n{USAGE}"),
        }
    }
    Ok(Some(settings))
}
