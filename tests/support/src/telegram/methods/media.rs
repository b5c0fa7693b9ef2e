//! Files, both ways.

use super::messages::text_fields;
use super::{Answer, ApiError, Context};
use crate::telegram::chat::File;
use crate::telegram::state::State;
use serde_json::{Map, Value, json};
use std::path::Path;

const LONGEST_CAPTION: usize = 1024;
const LARGEST_UPLOAD_BYTES: usize = 50 * 1024 * 1024;
const LARGEST_PHOTO_BYTES: usize = 10 * 1024 * 1024;
const SMALL_PHOTO_BYTES: usize = 1200;
const LARGEST_DOWNLOAD_BYTES: usize = 20 * 1024 * 1024;

pub(super) fn send_document(context: &mut Context<'_>) -> Answer {
    send(context, "document", LARGEST_UPLOAD_BYTES)
}

pub(super) fn send_photo(context: &mut Context<'_>) -> Answer {
    send(context, "photo", LARGEST_PHOTO_BYTES)
}

pub(super) fn send_voice(context: &mut Context<'_>) -> Answer {
    send(context, "voice", LARGEST_UPLOAD_BYTES)
}

fn send(context: &mut Context<'_>, kind: &str, largest: usize) -> Answer {
    let chat = context.open_chat()?;
    let caption = context.formatted("caption", "caption_entities", LONGEST_CAPTION, "message caption is too long")?;
    let file_id = file(context, kind, largest)?;
    let mut fields = Map::new();
    fields.insert(kind.to_owned(), context.state.describe_file(&file_id, kind));
    if !caption.text.is_empty() {
        let [text, entities] = text_fields(caption);
        fields.extend(text.1.map(|text| ("caption".to_owned(), text)));
        fields.extend(entities.1.map(|entities| ("caption_entities".to_owned(), entities)));
    }
    context.post(chat, fields)
}

/// The id of the file of the call, which is uploaded with it, or known already.
fn file(context: &mut Context<'_>, kind: &str, largest: usize) -> Result<String, ApiError> {
    let named = context.params.text(kind);
    let part = match &named {
        Some(named) => named.strip_prefix("attach://"),
        None => Some(kind),
    };
    let Some(part) = part else {
        let id = named.unwrap_or_default();
        if context.state.files.contains_key(&id) {
            return Ok(id);
        }
        return Err(ApiError::bad("wrong file identifier/HTTP URL specified"));
    };
    let Some(upload) = context.params.files.get(part) else {
        return Err(context.wrong(format!("there is no {kind} in the request")));
    };
    if upload.bytes.is_empty() {
        return Err(context.wrong("file must be non-empty"));
    }
    if upload.bytes.len() > largest {
        return Err(context.wrong("file is too big"));
    }
    let (name, bytes) = (upload.name.clone(), upload.bytes.clone());
    Ok(context.state.add_file(kind, &name, bytes))
}

pub(super) fn get_file(context: &mut Context<'_>) -> Answer {
    let id = context.params.text("file_id").unwrap_or_default();
    let Some(file) = context.state.files.get(&id) else {
        return Err(ApiError::bad("invalid file_id"));
    };
    if file.bytes.len() > LARGEST_DOWNLOAD_BYTES {
        return Err(ApiError::bad("file is too big"));
    }
    Ok(json!({
        "file_id": id,
        "file_unique_id": unique_id(&id),
        "file_size": file.bytes.len(),
        "file_path": file.path,
    }))
}

/// The id of the small size of a photo.
fn small_id(photo: &str) -> String {
    format!("{photo}s")
}

fn unique_id(file_id: &str) -> String {
    format!("Ag{}", file_id.trim_start_matches(|letter: char| !letter.is_ascii_digit()))
}

impl State {
    /// Keeps a file and tells its id.
    pub(in crate::telegram) fn add_file(&mut self, kind: &str, name: &str, bytes: Vec<u8>) -> String {
        let number = self.new_id();
        let id = format!("BQACAgIAAxkBAAI{number}");
        let ending = name.rsplit_once('.').map_or("bin", |(_, ending)| ending);
        let file = File {
            path: format!("{kind}s/file_{number}.{ending}"),
            name: name.to_owned(),
            bytes: bytes.into(),
        };
        if kind == "photo" {
            let mut small = file.clone();
            small.path = format!("thumbnails/file_{number}.{ending}");
            small.bytes = file.bytes[..file.bytes.len().min(SMALL_PHOTO_BYTES)].into();
            self.files.insert(small_id(&id), small);
        }
        self.files.insert(id.clone(), file);
        id
    }

    /// A file as it stands in a message.
    pub(in crate::telegram) fn describe_file(&self, id: &str, kind: &str) -> Value {
        let Some(file) = self.files.get(id) else {
            return Value::Null;
        };
        let mut json = json!({"file_id": id, "file_unique_id": unique_id(id), "file_size": file.bytes.len()});
        match kind {
            "photo" => {
                // The same in two sizes, the greatest last.
                let mut small = json.clone();
                let id = small_id(id);
                small["file_unique_id"] = json!(unique_id(&id));
                small["file_size"] = json!(self.files.get(&id).map_or(0, |file| file.bytes.len()));
                small["file_id"] = json!(id);
                for (size, (width, height)) in [(&mut small, (90, 67)), (&mut json, (1280, 960))] {
                    size["width"] = json!(width);
                    size["height"] = json!(height);
                }
                return json!([small, json]);
            }
            "voice" => {
                json["duration"] = json!(3);
                json["mime_type"] = json!("audio/ogg");
            }
            _ => {
                json["file_name"] = json!(file.name);
                let is_text = Path::new(&file.name).extension().is_some_and(|ending| ending == "txt");
                json["mime_type"] = json!(if is_text { "text/plain" } else { "application/octet-stream" });
            }
        }
        json
    }
}
