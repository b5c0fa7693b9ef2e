//! What of a growing text can be shown already, so that marks do not flash up as literal characters and vanish again.

use super::parse;
use pulldown_cmark::{Event, Parser, Tag, TagEnd};

/// A mark that is still open after so much text was probably meant literally.
const MAX_HELD_BACK: usize = 500;

/// So many open marks in one line are meant literally.
const MAX_OPEN_MARKS: usize = 64;

/// The text without what must wait for more.
pub(super) fn presentable(markdown: &str) -> &str {
    if ends_in_code(markdown) {
        return markdown;
    }
    let shown = without_table_head(markdown);
    if shown.len() < markdown.len() {
        return shown;
    }
    let (before, last_line) = split_last_line(markdown);
    let held_from = if could_underline(last_line) && !before.is_empty() {
        Some(0)
    } else {
        unfinished_mark(last_line)
    };
    match held_from {
        Some(offset) if last_line.len() - offset <= MAX_HELD_BACK => &markdown[..before.len() + offset],
        _ => markdown,
    }
}

/// Whether the text ends within a code block or raw HTML, where nothing is a mark.
fn ends_in_code(markdown: &str) -> bool {
    let mut inside_from = None;
    let mut last_end = None;
    for (event, range) in Parser::new_ext(markdown, parse::options()).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(_) | Tag::HtmlBlock) => inside_from = Some(range.start),
            Event::End(TagEnd::CodeBlock | TagEnd::HtmlBlock) => {
                last_end = inside_from.take().map(|start| (start, range.end));
            }
            _ => {}
        }
    }
    let Some((start, end)) = last_end else {
        return false;
    };
    let reaches_the_end = markdown[end.min(markdown.len())..].trim().is_empty();
    reaches_the_end && !is_closed_fence(markdown[start..].trim_end())
}

fn is_closed_fence(block: &str) -> bool {
    let fence = block.trim_start().chars().next().unwrap_or_default();
    let last_line = block.rsplit('\n').next().unwrap_or_default().trim();
    block.contains('\n') && last_line.len() >= 3 && matches!(fence, '`' | '~') && last_line.chars().all(|c| c == fence)
}

fn split_last_line(text: &str) -> (&str, &str) {
    text.split_at(text.rfind('\n').map_or(0, |line_break| line_break + 1))
}

/// `-` or `=` under a text would make it a heading for a moment.
fn could_underline(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && line.len() < 3 && (line.bytes().all(|byte| byte == b'-') || line.bytes().all(|byte| byte == b'='))
}

/// Takes off a first table row at the end of the text, alone or with an unfinished delimiter row.
fn without_table_head(markdown: &str) -> &str {
    let (before, last_line) = split_last_line(markdown.strip_suffix('\n').unwrap_or(markdown));
    let line_is_finished = markdown.ends_with('\n');
    if is_delimiter_row(last_line) && !line_is_finished {
        let (before_head, head) = split_last_line(before.strip_suffix('\n').unwrap_or(before));
        let delimiter_is_complete = cell_count(last_line) >= cell_count(head) && last_line.trim_end().ends_with('|');
        if is_row(head) && !ends_with_row(before_head) && !delimiter_is_complete {
            return before_head;
        }
    } else if is_row(last_line) && !is_delimiter_row(last_line) && !ends_with_row(before) {
        return before;
    }
    markdown
}

fn ends_with_row(text: &str) -> bool {
    is_row(split_last_line(text.strip_suffix('\n').unwrap_or(text)).1)
}

fn is_row(line: &str) -> bool {
    line.trim_start().starts_with('|')
}

fn is_delimiter_row(line: &str) -> bool {
    is_row(line) && line.chars().all(|character| matches!(character, '|' | '-' | ':' | ' '))
}

fn cell_count(line: &str) -> usize {
    line.trim().trim_matches('|').split('|').count()
}

/// An emphasis mark that waits for its closing one.
struct Opener {
    mark: char,
    count: usize,
    at: usize,
}

/// Where the first inline mark begins that the line leaves open.
fn unfinished_mark(line: &str) -> Option<usize> {
    let mut openers: Vec<Opener> = Vec::new();
    let mut brackets: Vec<usize> = Vec::new();
    let mut position = 0;
    let first_open = loop {
        if openers.len() > MAX_OPEN_MARKS {
            return None;
        }
        let rest = &line[position..];
        let Some(character) = rest.chars().next() else {
            break None;
        };
        match character {
            '\\' if rest.len() == 1 => break Some(position),
            '\\' => position += 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            '`' => match after_code_span(line, position) {
                Some(after) => position = after,
                None => break Some(position),
            },
            '[' => {
                brackets.push(position);
                position += 1;
            }
            ']' => {
                let opened_at = brackets.pop();
                position += 1;
                if let Some(opened_at) = opened_at {
                    match link_target_end(line, position) {
                        LinkTarget::None => {}
                        LinkTarget::EndsAt(after) => position = after,
                        LinkTarget::Unfinished => break Some(opened_at),
                    }
                }
            }
            '*' | '_' | '~' => position = emphasis_run(line, position, character, &mut openers),
            _ => position += character.len_utf8(),
        }
    };
    let first_opener = openers.iter().map(|opener| opener.at).min();
    let first_bracket = brackets.first().map(|at| match line[..*at].strip_suffix('!') {
        Some(before) => before.len(),
        None => *at,
    });
    [first_open, first_opener, first_bracket].into_iter().flatten().min()
}

fn after_code_span(line: &str, position: usize) -> Option<usize> {
    let opening = run_length(line, position, '`');
    let mut at = position + opening;
    while let Some(next) = line[at..].find('`') {
        let closing = run_length(line, at + next, '`');
        at += next + closing;
        if closing == opening {
            return Some(at);
        }
    }
    None
}

enum LinkTarget {
    None,
    EndsAt(usize),
    Unfinished,
}

/// What follows a closing bracket.
fn link_target_end(line: &str, position: usize) -> LinkTarget {
    let Some(target) = line[position..].strip_prefix('(') else {
        let more_may_come = position == line.len();
        return if more_may_come {
            LinkTarget::Unfinished
        } else {
            LinkTarget::None
        };
    };
    let mut open_parens = 0_usize;
    for (offset, character) in target.char_indices() {
        match character {
            '(' => open_parens += 1,
            ')' if open_parens == 0 => return LinkTarget::EndsAt(position + 1 + offset + 1),
            ')' => open_parens -= 1,
            _ => {}
        }
    }
    LinkTarget::Unfinished
}

/// Lets a run of emphasis marks close what it can and open what it may; gives the position after it.
fn emphasis_run(line: &str, position: usize, mark: char, openers: &mut Vec<Opener>) -> usize {
    let mut count = run_length(line, position, mark);
    let after = position + count;
    let previous = line[..position].chars().next_back();
    let next = line[after..].chars().next();
    let space_before = previous.is_none_or(char::is_whitespace);
    let space_after = next.is_some_and(char::is_whitespace);
    let inside_word = previous.is_some_and(char::is_alphanumeric) && next.is_some_and(char::is_alphanumeric);
    if mark == '_' && inside_word {
        return after;
    }
    if !space_before {
        while count > 0
            && let Some(index) = openers.iter().rposition(|opener| opener.mark == mark)
        {
            openers.truncate(index + 1);
            let closed = count.min(openers[index].count);
            count -= closed;
            openers[index].count -= closed;
            if openers[index].count == 0 {
                openers.pop();
            }
        }
    }
    let could_only_close =
        !space_before && next.is_none() && openers.is_empty() && previous.is_some_and(|c| !c.is_alphanumeric());
    if count > 0 && !space_after && !could_only_close {
        openers.push(Opener {
            mark,
            count,
            at: position,
        });
    }
    after
}

fn run_length(line: &str, position: usize, mark: char) -> usize {
    line[position..].chars().take_while(|character| *character == mark).count()
}
