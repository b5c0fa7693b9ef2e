-- Requests of several messages, and edited ones.

ALTER TABLE turn ADD COLUMN ready_at INTEGER NOT NULL DEFAULT 0;  -- not taken up before: more of the request may follow
ALTER TABLE turn ADD COLUMN more     TEXT;                        -- JSON, cortex_chat::MoreToCome of its last message
ALTER TABLE turn ADD COLUMN edits    INTEGER NOT NULL DEFAULT 0;  -- times that its request was replaced
CREATE INDEX turn_not_ready ON turn (ready_at) WHERE status = 'queued' AND ready_at > 0;

-- The messages that a request is made of.
CREATE TABLE request_part (
    turn         TEXT NOT NULL,
    number       INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    reference    TEXT,                     -- the platform's, of the message
    separator    TEXT NOT NULL,            -- what stands between the words before and these
    event        INTEGER NOT NULL REFERENCES event (id),  -- what it says: the message, or its last edit
    PRIMARY KEY (turn, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_part_by_message ON request_part (conversation, reference) WHERE reference IS NOT NULL;

ALTER TABLE history ADD COLUMN enclosed TEXT;                     -- JSON, turn::Enclosed: what came with the words

-- Chats that have gone on under another id.

ALTER TABLE conversation ADD COLUMN moved_at INTEGER;             -- when its chat last got another id

CREATE TABLE moved_chat (
    connector TEXT NOT NULL,
    chat      TEXT NOT NULL,
    moved_to  TEXT NOT NULL,
    PRIMARY KEY (connector, chat)
) STRICT, WITHOUT ROWID;

-- When the connector last knew that there was nothing more to read; what was pressed in a long time without that may be lost.
ALTER TABLE cursor ADD COLUMN caught_up_at INTEGER;
