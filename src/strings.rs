//! The sentences that people and models read from the daemon itself, in one place and away from logic.

use crate::domain::{Risk, Role, UserName};
use crate::gate::{Choice, make_visible, quoted};
use crate::turn::{CallOutcome, ToolLogEntry};
use cortex_chat::{ConnectorName, SenderId, Text};
use std::fmt::Write as _;
use std::time::Duration;

// --- What a model reads as a call's result.

/// A call that a person's decision in this turn already refused.
pub const CALL_DENIED_BEFORE: &str =
    "the user denied this same call earlier in this request, so it was not asked again. Do not repeat it.";
/// A call made again and again.
pub const CALL_REPEATED: &str = "this same call was just made twice in a row, so it was not run a third time. Use the results you have, or do something else.";
/// A call that was open when the turn failed.
pub const CALL_NOT_RUN: &str = "Tool error: the request ended before this call was run.";
/// A call that was open when the turn was stopped.
pub const CALL_STOPPED: &str = "Tool error: the user stopped the request before this call was finished.";
/// A call that did not end when it was told to, and may have done what it does.
pub const CALL_STOP_UNKNOWN: &str =
    "Tool error: the user stopped the request while this call ran; it may or may not have taken effect.";
/// Nobody decided in time.
pub const CALL_EXPIRED: &str = "Action denied: nobody confirmed it in time.";
/// A crash cut the call off, and the person did not want it repeated.
pub const CALL_OUTCOME_UNKNOWN: &str = "The outcome of this call is unknown: the program was interrupted while it ran, and the user did not want it repeated. \
     It may or may not have taken effect.";
/// A call after whose decision the question ran out.
pub const APPROVAL_RAN_OUT: &str = "the confirmation ran out before the tool could be run";

/// A call from an account that somebody else reads too.
pub const TOOLS_OFF: &str = "tools are switched off: another program seems to read this account too, so that messages are missed. \
     Answer without tools, and tell the user so.";
/// The same, for a call that a crash cut off.
pub const TOOLS_OFF_OUTCOME_UNKNOWN: &str = "The outcome of this call is unknown: the program was interrupted while it ran. It may or may not have taken effect, \
     and it cannot be repeated now, since tools are switched off: another program seems to read this account too.";

/// An error as a call's result.
pub fn tool_error(reason: &str) -> Text {
    Text::new(format!("Tool error: {reason}"))
}

/// Arguments that are no JSON object.
pub fn arguments_not_json(problem: &str) -> String {
    format!(
        "the arguments are not a valid JSON object ({problem}), so the tool was not run. Call it again with complete, valid JSON."
    )
}

/// More calls in one answer than are handled.
pub fn too_many_calls(limit: usize) -> String {
    format!("at most {limit} calls can be made in one answer; this one was not run")
}

/// More questions at once than a person should be asked.
pub fn too_many_pending(limit: usize) -> String {
    format!("at most {limit} actions can wait for confirmation at once; this one was not asked")
}

/// More questions in one turn than a person should be asked.
pub fn too_many_gates(limit: u32) -> String {
    format!("this request has already asked for confirmation {limit} times; this action was not asked")
}

/// A tool that does not exist.
pub fn unknown_tool(known: &[&str]) -> String {
    if known.is_empty() {
        return "there is no such tool; no tools are available here".to_owned();
    }
    format!("there is no such tool; the available tools are: {}", known.join(", "))
}

/// A file that came with a request.
pub fn attached(name: &Text, media_type: &str, size_bytes: Option<u64>) -> String {
    // Names are other people's words: on one line, and no longer than a name.
    let shown = |text: &str| -> String {
        let visible = make_visible(text).replace(['\n', '\t'], " ");
        let cut: String = visible.chars().take(120).collect();
        if cut.len() < visible.len() { cut + "…" } else { cut }
    };
    let name = if name.is_blank() {
        "a file without a name".to_owned()
    } else {
        shown(name.as_str())
    };
    let size = size_bytes
        .map(|size| format!(", {}", crate::tools::size(size)))
        .unwrap_or_default();
    format!(
        "[attached: {name} ({}{size}); its content cannot be seen yet]",
        shown(media_type)
    )
}

/// The person said no.
pub fn denied_by_user(reason: Option<&Text>) -> Text {
    match reason {
        Some(reason) => Text::new(format!("Action denied by user. Reason: {}", reason.as_str())),
        None => Text::from("Action denied by user."),
    }
}

/// The answer when no model could write one: what the tools gave, each cut.
pub fn gathered_so_far(log: &[ToolLogEntry]) -> Text {
    if log.is_empty() {
        return Text::from("No answer came from the model.");
    }
    let mut text = String::from("No final answer could be written. This is what the tools gave:\n");
    for entry in log {
        let result = entry.result.as_str();
        let cut: String = result.chars().take(500).collect();
        let mark = if cut.len() < result.len() { " [cut]" } else { "" };
        let _ = write!(text, "\n- `{}`: {}{mark}\n", entry.tool, cut.replace('\n', "\n  "));
    }
    Text::new(text)
}

// --- Why a tool may not be used.

/// The tool is on the person's own block list.
pub const TOOL_BLOCKED: &str = "this tool is blocked for the user";
/// The person is no longer a user.
pub const USER_REMOVED: &str = "the user who asked for this may no longer use the bot";
/// Another role is needed.
pub fn role_too_low(needed: Role) -> String {
    format!("this tool needs the role {}", needed.as_str())
}
/// Too dangerous for this person.
pub fn risk_too_high(risk: Risk, limit: Risk) -> String {
    format!("this tool has {risk} risk, and the user may use tools up to {limit} risk")
}
/// Left out by policy or profile.
pub const TOOL_NOT_OFFERED: &str = "this tool is not available here";

// --- What a person reads.

/// Said after an answer that the round limit ended.
pub const CUT_SHORT: &str = "_(Stopped looking further: the limit of tool rounds for one request was reached.)_";
/// Said after an answer that the person stopped.
pub const STOPPED: &str = "_(Stopped.)_";
/// What stands on the button under a growing answer.
pub const STOP: &str = "⏹ Stop";
/// The live message before there is anything to show.
pub const WORKING: &str = "…";
/// A message from nobody we know: with the code an admin can let them in, with the id the owner can name them in the config.
pub fn stranger(code: &str, connector: &ConnectorName, sender: &SenderId, valid: Duration) -> String {
    format!(
        "I only talk with people I know. To be let in, give this code to the person who runs me: `{code}`. It is valid for {}.\n\n\
         Your id here is {}.",
        duration(valid),
        quoted(&format!("{connector}:{sender}"))
    )
}
/// A stranger whom an admin has let in.
pub const PAIRED: &str = "You can talk to me now. `/help` shows what I can do.";
/// `/pair` by somebody else.
pub const PAIR_ONLY_ADMINS: &str = "Only an admin can let people in.";
/// `/pair` where others read along.
pub const PAIR_ONLY_ALONE: &str = "I let nobody in from a room. Write that to me in a one-to-one chat.";
/// `/pair` without a code, or with too much.
pub const PAIR_HOW: &str = "`/pair CODE` shows whom I gave a code to, and how to let them in. The stranger has the code from me: \
     I tell it to whoever writes to me in a one-to-one chat and is no user.";
/// A code that lets nobody in.
pub const PAIRING_NO_SUCH_CODE: &str =
    "There is no such code, or it has run out or been used. The stranger can get a new one by writing to me again.";
/// The code is right and the id is not.
pub const PAIRING_OTHER_ID: &str = "I gave that code to another id than this, so nobody was let in. If that id is not the one of \
     whom you mean, the code is not theirs.";
/// Too many tries.
pub const PAIRING_LOCKED: &str =
    "Too many wrong codes or ids were tried, so nobody can be let in for ten minutes. Then a new code is needed.";
/// A name that no user can have.
pub const PAIRING_UNUSABLE_NAME: &str = "The name of a user has 1 to 64 letters a-z, A-Z, digits, `_`, `-` or `.`.";

/// A code of somebody who is a user by now.
pub fn pairing_of_user(name: &UserName) -> String {
    format!("That person is already the user {}.", quoted(&name.0))
}

/// Who was given a code, for an admin. What the stranger says of themselves is marked as such, and cannot become markup.
pub fn pairing_preview(code: &str, connector: &ConnectorName, sender: &SenderId, display_name: Option<&Text>) -> String {
    let mut text = format!(
        "I gave this code to:\n\n- Connector: {}\n- Id: {}\n",
        quoted(connector.as_str()),
        quoted(sender.as_str())
    );
    if let Some(name) = display_name {
        let name = claimed_name(name);
        let _ = writeln!(
            text,
            "- They call themselves {} (their own words; anybody can take any name)",
            quoted(&name)
        );
    }
    let command = format!("/pair {code} {sender}");
    let _ = write!(
        text,
        "\nIf you know that this id is theirs, {} makes them a user. With a NAME after it they become the user of that name; \
         where there is one already, this is one more identity of that user, with all rights of theirs.",
        quoted(&command)
    );
    text
}

/// A display name, cut to what fits a line.
pub fn claimed_name(name: &Text) -> String {
    const LONGEST: usize = 64;
    let mut shown: String = name.as_str().chars().take(LONGEST).collect();
    if shown.len() < name.as_str().len() {
        shown.push('…');
    }
    shown
}

/// A stranger was let in, for the admin.
pub fn paired(connector: &ConnectorName, sender: &SenderId, user: &UserName, role: Role) -> String {
    format!(
        "{} is now the user {}, with the role {}. I have told them.",
        quoted(&format!("{connector}:{sender}")),
        quoted(&user.0),
        role.as_str()
    )
}
/// The day's tokens are used up.
pub const OVER_BUDGET: &str =
    "Your tokens for today are used up, so I do not start this. `/usage` shows them; the count begins anew at midnight UTC.";
/// A decision by somebody else.
pub const NOT_YOURS_TO_DECIDE: &str = "This is not yours to decide; only the person who asked can.";
/// Told to the person who took a choice, where only they see it: what came of it.
pub fn decided(choice: Choice) -> &'static str {
    match choice {
        Choice::Once => "Allowed once.",
        Choice::Session => "Allowed for this session.",
        Choice::Always => "Allowed always.",
        Choice::Deny => "Denied.",
        Choice::Show => "It stands below.",
    }
}
/// A stop by somebody else.
pub const NOT_YOURS_TO_STOP: &str = "This is not yours to stop; only the person who asked can.";
/// A stop of what waits for a decision.
pub const WAITS_NOT_RUNS: &str = "This waits for a decision now; deny it, and it goes no further.";
/// A stop that comes too late.
pub const OVER_ALREADY: &str = "That is over already.";
/// A decision after the question's time was over.
pub const TOO_LATE: &str = "The time to decide this is over, so it is denied.";
/// A choice or reply that belongs to nothing.
pub const NOTHING_TO_DECIDE: &str = "There is nothing waiting for a decision here.";
/// `/new`.
pub const NEW_SESSION: &str = "A new session has begun; I start without what was said before.";
/// `/stop` with nothing to stop.
pub const NOTHING_RUNS: &str = "Nothing is running.";
/// A decision typed where it cannot count.
pub const MUST_BE_TYPED: &str = "Decisions and commands only count when you type them yourself, as a new message; forwarded, edited or dictated ones do not.";
/// A grant that the owner forbids.
pub const ALWAYS_FORBIDDEN: &str = "“Always” is not possible for this; you can still allow it once.";
/// An edit of a request for which something was done already.
pub const WORK_HAS_BEGUN: &str =
    "I have already begun to work on this, so I go on with it as it was. Please send the change as a new message.";
/// The turn that crashed the daemon again and again.
pub const SET_ASIDE: &str = "I was interrupted again and again while working on this, so I have set it aside. Please ask again, perhaps in other words.";
/// A turn whose stored form cannot be read.
pub const UNREADABLE: &str =
    "⚠ A request of yours here can no longer be read from the store, so I have ended it. Please ask again.";
/// An event that crashed the daemon again and again.
pub const EVENT_SET_ASIDE: &str = "A message from you could not be handled, however often I tried, so I have set it aside.";

/// What listeners of a turn are told when it waits.
pub const CONFIRM_MESSAGE: &str = "Waiting for a decision.";

/// `/help`. `commands` are names with what they do.
pub fn help(commands: &[(&str, &str)], is_admin: bool) -> String {
    let mut text = String::from(
        "Write to me in your own words. I may use tools to look things up or to change things; before a dangerous one I ask you.\n\n\
         **Commands**\n",
    );
    for (name, description) in commands {
        let _ = writeln!(text, "- `/{name}` {description}");
    }
    if is_admin {
        text.push_str("- `/pair CODE` lets a stranger in whom I gave this code; for admins, in a one-to-one chat\n");
    }
    text.push_str(
        "\n**When I ask**, choose one of the offered answers, or reply `yes`, `session`, `always` or `no`; `yes K7` or `always K7` \
         names one by its code; any other reply to the question denies it with your words as the reason.",
    );
    text
}

/// A command that does not exist.
pub fn unknown_command(name: &str) -> String {
    let shown: String = name
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || *character == '_')
        .take(32)
        .collect();
    format!("There is no command `/{shown}`. `/help` lists those there are.")
}

/// `/stop`.
pub fn stopped(turns: usize) -> String {
    match turns {
        0 => NOTHING_RUNS.to_owned(),
        1 => "Stopped.".to_owned(),
        _ => format!("Stopped {turns} requests."),
    }
}

/// A request that waits for the one before it.
pub fn queued(ahead: usize) -> String {
    match ahead {
        1 => "Queued: I answer this after the request before it.".to_owned(),
        _ => format!("Queued: {ahead} requests are before this one."),
    }
}

/// A decision that came too late.
pub fn already_decided(code: &str, decision: &str) -> String {
    format!("{code} was already decided: {decision}.")
}

/// `/deny` without saying which.
pub fn which_to_deny(codes: &[&str]) -> String {
    format!(
        "Several questions are open: {}. Say which one, as in `/deny {}`, or `/deny all`.",
        codes.join(", "),
        codes[0]
    )
}

/// A code that names nothing.
pub fn no_such_code(code: &str) -> String {
    format!("Nothing waits under the code {code}. `/approvals` lists what does.")
}

/// A failed turn.
pub fn failed(message: &str) -> String {
    format!("⚠ {message}")
}

/// The turn's profile is gone from the config.
pub fn no_profile(name: &str) -> String {
    format!("There is no profile {name} any more; the config must name one.")
}

/// The whole turn took too long.
pub fn turn_timed_out(limit: Duration) -> String {
    format!("The request took longer than {}, so it was ended.", duration(limit))
}

/// One call of the model took too long.
pub fn model_timed_out(label: &str, limit: Duration) -> String {
    format!("The model {label} took longer than {} for one answer.", duration(limit))
}

/// A tool took too long.
pub fn tool_timed_out(limit: Duration) -> String {
    format!("the tool took longer than {} and was ended", duration(limit))
}

/// A duration as a person says it.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} minutes", seconds / 60),
        7200..=172_799 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// One line of progress for a call that runs.
pub fn progress_running(tool: &str) -> String {
    format!("⚙ {tool} …")
}

/// One line of progress for a call that has ended.
pub fn progress_done(tool: &str, outcome: CallOutcome, summary: &str) -> String {
    let mark = match outcome {
        CallOutcome::Succeeded => "✓",
        CallOutcome::Failed | CallOutcome::Unknown => "⚠",
        CallOutcome::Refused | CallOutcome::Denied | CallOutcome::Cancelled => "✗",
    };
    if summary.is_empty() {
        format!("{mark} {tool}")
    } else {
        format!("{mark} {tool}: {summary}")
    }
}

/// A line of progress while a step cannot be stored.
pub const STORE_FAILS: &str = "⚠ I cannot store what I do (the disk may be full), so I wait and try again.";
/// A line of `/status` while somebody else reads the account.
pub const STATUS_TOOLS_OFF: &str =
    "- ⚠ Tools are switched off: another program seems to read this account too. Stop it, and they come back by themselves.";
