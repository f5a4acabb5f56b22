-- Devices that asked to be paired, devices that are, and who this gateway is itself. A record is JSON: what is asked of
-- it is decided in memory, never in SQL.
CREATE TABLE device_pending (request_id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
CREATE TABLE device_paired (device_id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
-- The seed of the gateway's own key pair; one row, made once.
CREATE TABLE identity (one INTEGER PRIMARY KEY CHECK (one = 1), seed BLOB NOT NULL CHECK (length(seed) = 32)) STRICT;
