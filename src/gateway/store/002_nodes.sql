-- Nodes that were here once, each as one document, and what wakes the assistant by voice.
CREATE TABLE nodes (
    node_id TEXT PRIMARY KEY NOT NULL,
    record  TEXT NOT NULL
) STRICT;
CREATE TABLE voicewake (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    triggers TEXT NOT NULL
) STRICT;
