-- Where a user and an identity come from: the config, an admin who let them in ("paired"), or open access ("open").
ALTER TABLE user ADD COLUMN origin TEXT NOT NULL DEFAULT 'config';
ALTER TABLE identity ADD COLUMN origin TEXT NOT NULL DEFAULT 'config';

-- Codes that strangers were given, with which an admin can let them in.
CREATE TABLE pairing (
    number       INTEGER PRIMARY KEY,
    code         TEXT NOT NULL UNIQUE,
    connector    TEXT NOT NULL,
    sender       TEXT NOT NULL,
    display_name TEXT,                     -- what they call themselves; proves nothing
    conversation INTEGER NOT NULL REFERENCES conversation (id),
    offered_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    accepted_at  INTEGER                   -- used up
) STRICT;
CREATE INDEX pairing_by_sender ON pairing (connector, sender, offered_at);

-- Codes and ids that were wrong, by whomever: too many lock the pairing for a while.
CREATE TABLE pairing_failure (
    number INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL
) STRICT;

-- Messages that a command-line tool stored, for a daemon that runs meanwhile to take up.
CREATE TABLE handover (
    message TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
