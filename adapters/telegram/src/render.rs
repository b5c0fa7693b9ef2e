use cortex_chat::{Choice, Document};
use teloxide::types::MessageEntity;
pub(crate) struct Rendered {
    pub(crate) text: String,
    pub(crate) entities: Vec<MessageEntity>,
}
pub(crate) fn render(document: &Document) -> Rendered {
    Rendered {
        text: document.to_plain_text(),
        entities: Vec::new(),
    }
}
pub(crate) fn keyboard(choices: &[Choice]) -> serde_json::Value {
    let rows: Vec<serde_json::Value> = choices
        .iter()
        .map(|c| serde_json::json!([{"text": c.label, "callback_data": c.id.as_str()}]))
        .collect();
    serde_json::json!({"inline_keyboard": rows})
}
