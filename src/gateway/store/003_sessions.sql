-- What was said. A session keeps its key for life; a reset gives it a new id, and with it an empty history.
CREATE TABLE sessions (
    key           TEXT PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,
    label         TEXT,
    model         TEXT,
    pinned        INTEGER NOT NULL DEFAULT 0,
    archived      INTEGER NOT NULL DEFAULT 0,
    unread        INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    input_tokens  INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX sessions_by_age ON sessions (updated_at);

-- A message as clients see it, JSON; `seq` counts from 1 within a session's id.
CREATE TABLE messages (
    id         TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE ON UPDATE CASCADE,
    seq        INTEGER NOT NULL,
    run_id     TEXT,
    message    TEXT NOT NULL,
    UNIQUE (session_id, seq)
);

-- What was asked of the agent, by the caller's own key, so that asking twice does it once.
CREATE TABLE runs (
    place       INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    session_key TEXT NOT NULL,
    status      TEXT NOT NULL,
    text        TEXT NOT NULL DEFAULT '',
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER
);
CREATE INDEX runs_by_session ON runs (session_key, place);
