-- The trees: nodes, their versions, uploads on their way, the trash, the change log.

CREATE TABLE node(
    id INTEGER PRIMARY KEY,
    parent INTEGER NOT NULL,                    -- 0: the root of a home or a shared folder, or a removed node (name = its id)
    name BLOB NOT NULL,
    kind INTEGER NOT NULL,                      -- 1 file, 2 folder, 3 symlink
    root INTEGER NOT NULL,                      -- the tree that it belongs to: whose quota counts it
    owner INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 0,         -- current row of `version`; 0 for folders and symlinks
    revision INTEGER NOT NULL,
    size INTEGER NOT NULL DEFAULT 0,
    target BLOB,                                -- of a symlink
    mode INTEGER NOT NULL,
    mtime INTEGER NOT NULL, atime INTEGER NOT NULL, ctime INTEGER NOT NULL, created INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX node_name ON node(parent, name);

CREATE TABLE version(
    id INTEGER PRIMARY KEY,
    node INTEGER NOT NULL,
    content INTEGER NOT NULL,
    size INTEGER NOT NULL,
    mtime INTEGER NOT NULL,
    created INTEGER NOT NULL,
    author INTEGER NOT NULL,
    replaced INTEGER) STRICT;                   -- when a newer one took its place; NULL: current
CREATE INDEX version_node ON version(node, id);
CREATE INDEX version_content ON version(content);
CREATE INDEX version_replaced ON version(replaced) WHERE replaced IS NOT NULL;

CREATE TABLE trash(
    node INTEGER PRIMARY KEY,                   -- top of what was removed
    root INTEGER NOT NULL, old_parent INTEGER NOT NULL, old_name BLOB NOT NULL, old_path BLOB NOT NULL,
    size INTEGER NOT NULL, removed INTEGER NOT NULL, removed_by INTEGER NOT NULL) STRICT;
CREATE INDEX trash_of ON trash(root, removed);

CREATE TABLE upload(
    id BLOB PRIMARY KEY NOT NULL,
    owner INTEGER NOT NULL,
    root INTEGER NOT NULL,
    target BLOB NOT NULL,
    state INTEGER NOT NULL,                     -- 0 open, 1 completed
    size INTEGER,
    content INTEGER NOT NULL,                   -- unfinished content: its durable size is the offset
    request BLOB NOT NULL,                      -- precondition, attributes, digest, metadata
    frontend TEXT NOT NULL, transfer TEXT,
    node INTEGER,
    created INTEGER NOT NULL, updated INTEGER NOT NULL, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX upload_owner ON upload(owner, id);
CREATE INDEX upload_expires ON upload(expires);

CREATE TABLE change(
    seq INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL, node INTEGER NOT NULL, node_kind INTEGER NOT NULL, root INTEGER NOT NULL,
    path BLOB NOT NULL, from_path BLOB, from_root INTEGER,
    version INTEGER NOT NULL, size INTEGER NOT NULL, tag BLOB, mtime INTEGER NOT NULL,
    at INTEGER NOT NULL, author INTEGER NOT NULL) STRICT;

CREATE TABLE usage(root INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, files INTEGER NOT NULL, reserved INTEGER NOT NULL DEFAULT 0) STRICT;

INSERT INTO sequence(name, next) VALUES ('node', 1), ('version', 1), ('change', 1);
