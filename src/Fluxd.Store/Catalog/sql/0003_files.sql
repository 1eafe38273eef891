-- The trees: nodes, their versions, uploads on their way, the trash, the change log.

-- The top of each home and shared folder.
CREATE TABLE tree(
    kind INTEGER NOT NULL,                      -- 0 home, 1 shared folder
    holder INTEGER NOT NULL,                    -- the user or the folder
    node INTEGER NOT NULL,
    PRIMARY KEY(kind, holder)) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tree_node ON tree(node);

CREATE TABLE node(
    id INTEGER PRIMARY KEY,
    parent INTEGER NOT NULL,                    -- 0: the top of a tree, or a node that was removed or superseded (name = its id)
    name BLOB NOT NULL,
    kind INTEGER NOT NULL,                      -- 1 file, 2 folder, 3 symlink
    owner INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 0,         -- current row of `version`; 0 for folders and symlinks
    revision INTEGER NOT NULL,
    size INTEGER NOT NULL DEFAULT 0,
    target BLOB,                                -- of a symlink
    mode INTEGER NOT NULL,
    mtime INTEGER NOT NULL, atime INTEGER NOT NULL, ctime INTEGER NOT NULL, created INTEGER NOT NULL,
    since INTEGER NOT NULL,                     -- at this place since
    before INTEGER) STRICT;                     -- the file whose name it took: its past goes on there
CREATE UNIQUE INDEX node_name ON node(parent, name);
CREATE INDEX node_before ON node(before) WHERE before IS NOT NULL;

-- Where nodes were before: what snapshots look through.
CREATE TABLE place(
    parent INTEGER NOT NULL, name BLOB NOT NULL, until INTEGER NOT NULL, node INTEGER NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY(parent, name, until, node)) STRICT, WITHOUT ROWID;
CREATE INDEX place_until ON place(until);
CREATE INDEX place_node ON place(node);

CREATE TABLE version(
    id INTEGER PRIMARY KEY,
    node INTEGER NOT NULL,
    content INTEGER NOT NULL,
    size INTEGER NOT NULL,
    mtime INTEGER NOT NULL,
    created INTEGER NOT NULL,
    author INTEGER NOT NULL,
    replaced INTEGER,                           -- when a newer one took its place; NULL: current
    root INTEGER) STRICT;                       -- whose tree it was in then: whose budget it counts in
CREATE INDEX version_node ON version(node, id);
CREATE INDEX version_content ON version(content);
CREATE INDEX version_replaced ON version(replaced) WHERE replaced IS NOT NULL;
CREATE INDEX version_root ON version(root, replaced) WHERE replaced IS NOT NULL;

-- Digests of whole contents that somebody computed once.
CREATE TABLE digest(
    content INTEGER NOT NULL, algorithm INTEGER NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY(content, algorithm)) STRICT, WITHOUT ROWID;

CREATE TABLE trash(
    node INTEGER PRIMARY KEY,                   -- top of what was removed
    root INTEGER NOT NULL, old_parent INTEGER NOT NULL, old_name BLOB NOT NULL,
    old_path BLOB NOT NULL,                     -- from the top of its tree
    size INTEGER NOT NULL, removed INTEGER NOT NULL, removed_by INTEGER NOT NULL) STRICT;
CREATE INDEX trash_of ON trash(root, removed);
CREATE INDEX trash_removed ON trash(removed);

-- Resumable sessions of every protocol. The unfinished content's durable size is the offset.
CREATE TABLE upload(
    id BLOB PRIMARY KEY NOT NULL,
    owner INTEGER NOT NULL,
    state INTEGER NOT NULL,                     -- 0 open, 1 completed
    target BLOB NOT NULL,                       -- as the owner names it
    root INTEGER NOT NULL,                      -- the tree whose quota holds room for it
    parent INTEGER, name BLOB, node INTEGER,    -- an SFTP handle's: the place or node that it shadows for its owner
    size INTEGER,                               -- final, where known
    reserved INTEGER NOT NULL,
    content INTEGER,                            -- NULL before the first durable byte
    durable INTEGER NOT NULL,
    digest_algorithm INTEGER, digest BLOB,      -- expected
    hash_algorithm INTEGER, hash_state BLOB,    -- over the first `durable` bytes: hashing goes on from here
    request TEXT NOT NULL,                      -- precondition, attributes, flags (JSON)
    metadata TEXT, is_part INTEGER NOT NULL,
    frontend TEXT NOT NULL, transfer TEXT,
    result_node INTEGER, result_version INTEGER,
    created INTEGER NOT NULL, updated INTEGER NOT NULL, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX upload_owner ON upload(owner, id);
CREATE INDEX upload_shadow ON upload(owner, parent, name) WHERE state = 0 AND parent IS NOT NULL;
CREATE INDEX upload_node ON upload(owner, node) WHERE state = 0 AND node IS NOT NULL;
CREATE INDEX upload_expires ON upload(expires);
CREATE INDEX upload_content ON upload(content);

-- Pieces that came out of order: bytes [start, stop) are bytes [from_offset, …) of content.
CREATE TABLE upload_part(
    upload BLOB NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, content INTEGER NOT NULL, from_offset INTEGER NOT NULL,
    PRIMARY KEY(upload, start)) STRICT, WITHOUT ROWID;
CREATE INDEX upload_part_content ON upload_part(content);

CREATE TABLE change(
    seq INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL, node INTEGER NOT NULL, node_kind INTEGER NOT NULL,
    root INTEGER NOT NULL, path BLOB NOT NULL,  -- the tree, and the way from its top
    from_path BLOB,                             -- of a move within the tree
    version INTEGER NOT NULL, size INTEGER NOT NULL, tag BLOB NOT NULL, mtime INTEGER NOT NULL,
    at INTEGER NOT NULL, author INTEGER NOT NULL) STRICT;
CREATE INDEX change_root ON change(root, seq);

-- What each tree holds now, and what uploads on their way hold room for.
CREATE TABLE usage(root INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, files INTEGER NOT NULL, reserved INTEGER NOT NULL) STRICT;

INSERT INTO sequence(name, next) VALUES ('node', 1), ('version', 1), ('change', 1);
INSERT INTO meta(key, value) VALUES ('change_floor', 0);
