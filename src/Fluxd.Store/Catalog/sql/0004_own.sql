-- Which chunks each tree (home or shared folder) has, as ranges of ids: what its people may be told that they have,
-- and what a writer finds. Ranges of one tree don't overlap. Kept up as bytes come.
CREATE TABLE own(
    root INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY(root, first)) STRICT, WITHOUT ROWID;

-- Trees whose ranges need a look: made anew from their files when stale. Mixed: files came from another tree or went
-- to one, so what is removed here may live on there, and must be forgotten here.
CREATE TABLE own_state(root INTEGER PRIMARY KEY, stale INTEGER NOT NULL, mixed INTEGER NOT NULL) STRICT;
INSERT INTO own_state(root, stale, mixed) SELECT node, 1, 0 FROM tree;

-- From here on ranges of one session don't overlap either.
DELETE FROM lease;
