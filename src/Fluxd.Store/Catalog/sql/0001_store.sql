-- What the store itself needs: where bytes are, and what files are made of.
--
-- Rules for every table of the catalogue, because the log carries each commit as a changeset of rows:
--   * a PRIMARY KEY, never NULL; no AUTOINCREMENT (ids come from `sequence`, which the log carries); no triggers;
--   * uniqueness beside the primary key is a named UNIQUE INDEX, not a constraint inside the table: a replay may
--     have to put it aside for the moment in which two rows change places;
--   * names, paths and link targets are BLOB; times are nanoseconds since 1970 in UTC.

CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;

-- What this copy of the catalogue knows about itself; not in the log.
CREATE TABLE local(key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;

-- The next id of each kind; an id is never used twice.
CREATE TABLE sequence(name TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE pack(
    id INTEGER PRIMARY KEY,
    state INTEGER NOT NULL,                     -- 0 open, 1 sealed, 2 doomed, 3 suspect
    len INTEGER NOT NULL,                       -- committed bytes; what lies behind is no part of the store
    dead INTEGER NOT NULL DEFAULT 0,
    last_group INTEGER NOT NULL DEFAULT 0,      -- newest group whose record it holds
    scrubbed_at INTEGER,
    doomed_group INTEGER) STRICT;

-- Which chunk ids a pack holds. Compaction moves chunks, so a pack may hold several ranges.
CREATE TABLE pack_range(
    pack INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY(pack, first)) STRICT, WITHOUT ROWID;

-- Ids are dense and ascending in the order in which chunks were written: a recipe is a few runs of ids,
-- a read plan a range scan, a mark one bit. Never INSERT OR REPLACE here.
CREATE TABLE chunk(
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    pack INTEGER NOT NULL, off INTEGER NOT NULL,
    raw INTEGER NOT NULL, stored INTEGER NOT NULL,
    crc INTEGER NOT NULL,                       -- CRC32C of the stored bytes
    flags INTEGER NOT NULL) STRICT;             -- codec in bits 0-7, 256 bad

-- The index by hash, staged: chunks above local.merged_upto are in memory, hx1 takes them in key order,
-- hx2 takes hx1 when it has grown. k = the first eight bytes of the hash; a hit is confirmed on all 32.
CREATE TABLE hx1(k INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY(k, id)) STRICT, WITHOUT ROWID;
CREATE TABLE hx2(k INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY(k, id)) STRICT, WITHOUT ROWID;

-- The bytes of one file version, or of an upload on its way.
CREATE TABLE content(
    id INTEGER PRIMARY KEY,
    size INTEGER NOT NULL,
    class INTEGER NOT NULL,
    root BLOB NOT NULL,                         -- chain over the chunks' hashes and lengths so far
    complete INTEGER NOT NULL,
    writer INTEGER NOT NULL DEFAULT 0,          -- counts who took it over: only the newest may append
    sha256 BLOB,                                -- of the whole, where somebody asked for it
    sha256_state BLOB,                          -- of an unfinished upload: hashing goes on from here
    tail INTEGER,                               -- provisional chunk of an unfinished upload, behind the last cut
    recipe BLOB,                                -- runs of chunk ids, where one part holds all
    inline BLOB) STRICT;                        -- the bytes themselves, where they are few
CREATE INDEX content_root ON content(root) WHERE complete = 1;

-- The parts of a longer recipe; only ever appended.
CREATE TABLE content_part(
    content INTEGER NOT NULL, start INTEGER NOT NULL, runs BLOB NOT NULL,
    PRIMARY KEY(content, start)) STRICT;

-- Chunks that an open session was told it may refer to.
CREATE TABLE lease(
    session BLOB NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY(session, first)) STRICT, WITHOUT ROWID;

INSERT INTO local(key, value) VALUES ('applied_group', 0), ('merged_upto', 0), ('hx1_moving', 0);
INSERT INTO meta(key, value) VALUES ('generation', 1);
INSERT INTO sequence(name, next) VALUES ('chunk', 1), ('content', 1), ('pack', 1);
