-- Waits that platforms have asked for: not to call in a chat before a time.
CREATE TABLE chat_wait (
    connector TEXT NOT NULL,
    chat      TEXT NOT NULL,
    chat_kind TEXT NOT NULL,
    until     INTEGER NOT NULL,
    PRIMARY KEY (connector, chat)
) STRICT, WITHOUT ROWID;
