-- Times are milliseconds since 1970 UTC. Ids of turns, approvals and sessions are UUIDs (version 7) without dashes.

-- Single values: the number of the next approval code, whether the last stop was clean.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- How far each connector has read.
CREATE TABLE cursor (
    connector  TEXT NOT NULL,
    scope      TEXT NOT NULL,
    position   TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (connector, scope)
) STRICT, WITHOUT ROWID;

CREATE TABLE user (
    name       TEXT PRIMARY KEY,
    policy     TEXT NOT NULL,              -- JSON, gate::Policy
    removed_at INTEGER                     -- no longer in the config
) STRICT, WITHOUT ROWID;

CREATE TABLE identity (
    connector TEXT NOT NULL,
    sender    TEXT NOT NULL,
    user      TEXT NOT NULL REFERENCES user (name),
    PRIMARY KEY (connector, sender)
) STRICT, WITHOUT ROWID;

-- The inbox: everything that happened on a platform, once.
CREATE TABLE event (
    id          INTEGER PRIMARY KEY,
    connector   TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    sender      TEXT NOT NULL,
    body        TEXT NOT NULL,             -- JSON, cortex_chat::Event
    outcome     TEXT NOT NULL,             -- what the router made of it
    UNIQUE (connector, event_id)
) STRICT;
CREATE INDEX event_by_sender ON event (connector, sender, received_at);

-- Events that were about to be handled when the daemon died: counted before they are handled again.
CREATE TABLE event_attempt (
    connector TEXT NOT NULL,
    event_id  TEXT NOT NULL,
    attempts  INTEGER NOT NULL,
    PRIMARY KEY (connector, event_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE conversation (
    id           INTEGER PRIMARY KEY,
    connector    TEXT NOT NULL,
    chat         TEXT NOT NULL,
    thread       TEXT NOT NULL,            -- empty: no thread
    chat_kind    TEXT NOT NULL,
    session      TEXT NOT NULL,
    running_turn TEXT,                     -- the turn that has the conversation's slot
    epoch        INTEGER NOT NULL,         -- counts the takings of the slot; fences late writers
    UNIQUE (connector, chat, thread)
) STRICT;

CREATE TABLE session (
    id           TEXT PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversation (id),
    started_at   INTEGER NOT NULL,
    ended_at     INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE turn (
    number           INTEGER PRIMARY KEY,  -- order of arrival
    id               TEXT NOT NULL UNIQUE,
    conversation     INTEGER NOT NULL REFERENCES conversation (id),
    session          TEXT NOT NULL,
    user             TEXT NOT NULL,
    status           TEXT NOT NULL,
    resumed          INTEGER NOT NULL,     -- decided: takes the next slot before new requests
    attempts         INTEGER NOT NULL,     -- times taken up since the last stored step
    version          INTEGER NOT NULL,     -- counts stored steps
    stop_requested   INTEGER NOT NULL DEFAULT 0,
    state            TEXT NOT NULL,        -- JSON, turn::TurnState
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    completed_at     INTEGER
) STRICT;
CREATE INDEX turn_queued_in ON turn (conversation, resumed DESC, number) WHERE status = 'queued';
CREATE INDEX turn_queued ON turn (number) WHERE status = 'queued';
CREATE INDEX turn_at_work ON turn (conversation, number) WHERE status IN ('queued', 'running');
CREATE INDEX turn_by_session ON turn (session);

CREATE TABLE turn_event (
    turn   TEXT NOT NULL,
    number INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    body   TEXT NOT NULL,                  -- JSON, turn::TurnEvent
    PRIMARY KEY (turn, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE approval (
    id           TEXT PRIMARY KEY,
    code         TEXT NOT NULL UNIQUE,
    turn         TEXT NOT NULL,
    call_id      TEXT NOT NULL,
    conversation INTEGER NOT NULL,
    session      TEXT NOT NULL,
    asker        TEXT NOT NULL,
    risk         TEXT NOT NULL,
    approver     TEXT,                     -- a second person, where one is needed
    question     TEXT NOT NULL,            -- JSON, gate::Question
    binding      TEXT NOT NULL,            -- JSON, gate::Binding
    shown_with   TEXT NOT NULL,            -- JSON, codes
    tainted      INTEGER NOT NULL,
    status       TEXT NOT NULL,
    choice       TEXT,
    decided_by   TEXT,
    decided_via  TEXT,
    decided_at   INTEGER,
    reason       TEXT,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX approval_open_in ON approval (conversation, created_at) WHERE status = 'pending';
CREATE INDEX approval_decided_in ON approval (conversation, decided_at) WHERE status != 'pending';
CREATE INDEX approval_by_turn ON approval (turn);
CREATE INDEX approval_open ON approval (expires_at) WHERE status = 'pending';

-- Standing permissions: "for this session" and "always".
CREATE TABLE grant (
    id              INTEGER PRIMARY KEY,
    user            TEXT NOT NULL,
    conversation    INTEGER NOT NULL,
    session         TEXT,                  -- set: for this session; not set: always
    tool            TEXT NOT NULL,
    shape           TEXT NOT NULL,
    definition_hash TEXT NOT NULL,
    approval        TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    revoked_at      INTEGER
) STRICT;
CREATE INDEX grant_by_user ON grant (user, tool);

CREATE TABLE tool_run (
    turn           TEXT NOT NULL,
    call_id        TEXT NOT NULL,
    run            INTEGER NOT NULL,       -- counts runs of the same call
    tool           TEXT NOT NULL,
    arguments_hash TEXT NOT NULL,
    approval       TEXT,
    started_at     INTEGER NOT NULL,
    finished_at    INTEGER,
    outcome        TEXT,
    result         TEXT,
    tainted        INTEGER NOT NULL,
    PRIMARY KEY (turn, call_id, run)
) STRICT, WITHOUT ROWID;

-- What the chats should show, and what they do show.
CREATE TABLE message (
    number          INTEGER PRIMARY KEY,   -- order of making
    id              TEXT NOT NULL UNIQUE,  -- also the send key
    connector       TEXT NOT NULL,
    conversation    INTEGER NOT NULL,
    turn            TEXT,
    approval        TEXT,
    desired         TEXT,                  -- JSON, cortex_chat::OutgoingMessage; NULL: it should not be there
    desired_version INTEGER NOT NULL,
    shown_version   INTEGER NOT NULL,
    send_state      TEXT NOT NULL,         -- unsent, sending, sent, failed
    reference       TEXT,                  -- the platform's
    created_at      INTEGER NOT NULL,
    sent_at         INTEGER
) STRICT;
CREATE INDEX message_open ON message (connector) WHERE shown_version < desired_version;
CREATE INDEX message_sending ON message (connector) WHERE send_state = 'sending';
CREATE INDEX message_by_turn ON message (turn);
CREATE INDEX message_by_approval ON message (approval) WHERE approval IS NOT NULL;
CREATE INDEX message_by_conversation ON message (conversation, number);

CREATE TABLE history (
    number   INTEGER PRIMARY KEY,
    session  TEXT NOT NULL,
    turn     TEXT NOT NULL,
    open     INTEGER NOT NULL,             -- its turn is not over; not yet part of the conversation
    body     TEXT NOT NULL,                -- JSON, models::Message
    metadata TEXT NOT NULL,                -- JSON: backend, label, host; never sent to a model
    tainted  INTEGER NOT NULL,
    at       INTEGER NOT NULL
) STRICT;
CREATE INDEX history_by_session ON history (session, number) WHERE open = 0;
CREATE INDEX history_by_turn ON history (turn);

CREATE TABLE usage (
    number     INTEGER PRIMARY KEY,
    turn       TEXT NOT NULL,
    user       TEXT NOT NULL,
    model      TEXT NOT NULL,              -- NAME of [models.NAME]
    provider   TEXT NOT NULL,
    day        TEXT NOT NULL,              -- YYYY-MM-DD, UTC
    prompt     INTEGER NOT NULL,
    completion INTEGER NOT NULL,
    cached     INTEGER NOT NULL,
    reasoning  INTEGER NOT NULL,
    cost       INTEGER,                    -- millionths of the currency; NULL: the config names no price
    at         INTEGER NOT NULL
) STRICT;
CREATE INDEX usage_by_user ON usage (user, day);
CREATE INDEX usage_by_turn ON usage (turn);

CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    user   TEXT NOT NULL,
    turn   TEXT,
    kind   TEXT NOT NULL,
    body   TEXT NOT NULL                   -- JSON
) STRICT;
CREATE TRIGGER audit_is_append_only_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
CREATE TRIGGER audit_is_append_only_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
