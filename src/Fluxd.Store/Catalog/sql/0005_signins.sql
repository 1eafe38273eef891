-- Browser sessions over a restart: only a hash of the cookie is kept. The table of step 2 was never filled and lacks
-- what the credential allowed.
DROP TABLE session;
CREATE TABLE session(
    id BLOB PRIMARY KEY NOT NULL,               -- SHA-256 of the cookie
    user INTEGER NOT NULL,
    credential INTEGER NOT NULL, credential_id TEXT NOT NULL, -- how they signed in: it must still be good
    scopes INTEGER NOT NULL, path_prefix BLOB NOT NULL, is_admin INTEGER NOT NULL, must_change INTEGER NOT NULL,
    created INTEGER NOT NULL, last_seen INTEGER NOT NULL,
    peer TEXT NOT NULL, client TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- What recent pushes were answered: a replay is answered and not done again.
CREATE TABLE push_answer(
    id INTEGER PRIMARY KEY, user INTEGER NOT NULL, operation TEXT NOT NULL, answer TEXT NOT NULL) STRICT;
CREATE UNIQUE INDEX push_answer_of ON push_answer(user, operation);

INSERT INTO sequence(name, next) VALUES ('push_answer', 1);
