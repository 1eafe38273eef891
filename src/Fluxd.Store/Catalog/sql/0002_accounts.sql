-- Who may come in, and what they may reach.

CREATE TABLE user(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    state INTEGER NOT NULL,                     -- 1 active, 2 disabled, 3 removed (kept: files and log lines name the id)
    is_admin INTEGER NOT NULL DEFAULT 0,
    password TEXT,                              -- self-describing hash; NULL: none
    password_generation INTEGER NOT NULL DEFAULT 1, -- moves with each new password, not with a re-hash of the same
    must_change INTEGER NOT NULL DEFAULT 0,
    password_expires INTEGER,
    quota_bytes INTEGER, quota_files INTEGER,
    required_methods INTEGER NOT NULL DEFAULT 0,
    home_node INTEGER,
    created INTEGER NOT NULL,
    last_login INTEGER) STRICT;
CREATE UNIQUE INDEX user_name ON user(name COLLATE NOCASE) WHERE state <> 3;

CREATE TABLE ssh_key(
    id INTEGER PRIMARY KEY,
    user INTEGER NOT NULL REFERENCES user(id),
    type TEXT NOT NULL, blob BLOB NOT NULL, comment TEXT NOT NULL, from_list TEXT NOT NULL,
    expires INTEGER, created INTEGER NOT NULL, last_used INTEGER) STRICT;
CREATE UNIQUE INDEX ssh_key_of ON ssh_key(user, blob);

CREATE TABLE token(
    id TEXT PRIMARY KEY NOT NULL,
    user INTEGER NOT NULL REFERENCES user(id),
    name TEXT NOT NULL, secret_hash BLOB NOT NULL, scopes INTEGER NOT NULL, path_prefix BLOB NOT NULL,
    expires INTEGER, created INTEGER NOT NULL, last_used INTEGER, revoked INTEGER) STRICT, WITHOUT ROWID;
CREATE INDEX token_of ON token(user);

CREATE TABLE user_group(id INTEGER PRIMARY KEY, name TEXT NOT NULL, created INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX user_group_name ON user_group(name COLLATE NOCASE);

CREATE TABLE group_member(
    group_id INTEGER NOT NULL REFERENCES user_group(id), user INTEGER NOT NULL REFERENCES user(id),
    PRIMARY KEY(group_id, user)) STRICT, WITHOUT ROWID;

-- Shared folders: they belong to nobody's home and appear in the root of those who have a right.
CREATE TABLE folder(
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, root_node INTEGER,
    quota_bytes INTEGER, quota_files INTEGER, removed INTEGER, created INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX folder_name ON folder(name) WHERE removed IS NULL;

CREATE TABLE folder_right(
    folder INTEGER NOT NULL REFERENCES folder(id),
    is_group INTEGER NOT NULL, holder INTEGER NOT NULL,
    access INTEGER NOT NULL,                    -- 1 read, 2 write
    PRIMARY KEY(folder, is_group, holder)) STRICT, WITHOUT ROWID;

-- Browser sessions: only a hash of the cookie is kept.
CREATE TABLE session(
    id BLOB PRIMARY KEY NOT NULL, user INTEGER NOT NULL REFERENCES user(id),
    created INTEGER NOT NULL, last_seen INTEGER NOT NULL, expires INTEGER NOT NULL,
    peer TEXT NOT NULL, client TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE audit(
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, actor TEXT NOT NULL,
    subject TEXT NOT NULL, peer TEXT NOT NULL, frontend TEXT NOT NULL, detail TEXT NOT NULL) STRICT;

-- From where an account logged in, and when last: such a pair is spared the failures of others.
CREATE TABLE trusted_pair(
    network TEXT NOT NULL, account TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY(network, account)) STRICT, WITHOUT ROWID;

-- What limiters counted that must outlive a restart.
CREATE TABLE limiter_take(
    id INTEGER PRIMARY KEY, limiter TEXT NOT NULL, key TEXT NOT NULL, count INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE INDEX limiter_take_at ON limiter_take(at);

INSERT INTO sequence(name, next) VALUES ('user', 1), ('ssh_key', 1), ('user_group', 1), ('folder', 1), ('audit', 1), ('limiter_take', 1);
