-- Where the questions for a bot's updates go on.
CREATE TABLE channel_offsets (
  bot INTEGER PRIMARY KEY,
  next INTEGER NOT NULL,
  moved_at_ms INTEGER NOT NULL
);
-- What was taken in. `reply` is set once the agent has answered, `sent` counts the parts of the
-- reply that have gone out; what is done keeps its number alone, so that it is not taken in again.
CREATE TABLE channel_inbox (
  bot INTEGER NOT NULL,
  update_id INTEGER NOT NULL,
  taken_at_ms INTEGER NOT NULL,
  payload TEXT,
  reply TEXT,
  sent INTEGER NOT NULL DEFAULT 0,
  done INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (bot, update_id)
) WITHOUT ROWID;
CREATE INDEX channel_inbox_open ON channel_inbox (bot, update_id) WHERE done = 0;
-- Who waits to be let in.
CREATE TABLE channel_requests (
  channel TEXT NOT NULL,
  account TEXT NOT NULL,
  sender TEXT NOT NULL,
  code TEXT NOT NULL UNIQUE,
  label TEXT NOT NULL,
  username TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  seen_at_ms INTEGER NOT NULL,
  PRIMARY KEY (channel, account, sender)
) WITHOUT ROWID;
-- Who was let in.
CREATE TABLE channel_senders (
  channel TEXT NOT NULL,
  account TEXT NOT NULL,
  sender TEXT NOT NULL,
  label TEXT NOT NULL,
  owner INTEGER NOT NULL DEFAULT 0,
  approved_at_ms INTEGER NOT NULL,
  PRIMARY KEY (channel, account, sender)
) WITHOUT ROWID;
