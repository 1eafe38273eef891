#!/usr/bin/env python3
"""Reads a fluxd store without fluxd: needs Python 3.9 and, for compressed chunks, libzstd.

  fluxd-reader.py verify  STORE                 check every chunk of every pack
  fluxd-reader.py restore STORE CATALOG OUT     every file, by a copy of the catalogue and the newer log
  fluxd-reader.py salvage STORE OUT             what the packs alone still tell: files by the log, other chunks by hash

STORE is the folder that holds store.json and packs/. Nothing in it is changed. docs/store-format.md describes what
is read here. The exit code is 0 when all was found whole, 2 when something was damaged or missing (it is named).
"""
import argparse
import collections
import ctypes
import ctypes.util
import hashlib
import hmac
import json
import os
import shutil
import sqlite3
import struct
import sys
import tempfile
import uuid
import zlib

PAGE = 4096
TRAILER = struct.Struct("<8sII16s7q3I28x")
ENTRY = struct.Struct("<32sIIIB3x")
FOOTER = struct.Struct("<8sII16sqqI12x")
CLOSING = 36
TRAILER_MAX = 128 << 20

Trailer = collections.namedtuple("Trailer", "pack group offset previous payload length first_id segment chunks journal end")
Chunk = collections.namedtuple("Chunk", "hash raw stored crc codec")
Place = collections.namedtuple("Place", "pack offset chunk")

damage = []


def report(text):
    damage.append(text)
    print("damaged:", text, file=sys.stderr)


def align(offset):
    return (offset + PAGE - 1) // PAGE * PAGE


# ---------------------------------------------------------------- checksums and codecs

def crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC_TABLE = crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def load_zstd():
    name = ctypes.util.find_library("zstd") or "libzstd.so.1"
    try:
        library = ctypes.CDLL(name)
    except OSError:
        return None
    library.ZSTD_decompress.restype = ctypes.c_size_t
    library.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    return library


ZSTD = load_zstd()


def decode(chunk, stored):
    """The raw bytes, proven by their hash; None when they are not the chunk's."""
    if chunk.codec == 0:
        raw = stored
    elif chunk.codec == 1:
        if ZSTD is None:
            sys.exit("This store holds compressed chunks: install libzstd (Debian: apt install libzstd1).")
        buffer = ctypes.create_string_buffer(chunk.raw or 1)
        length = ZSTD.ZSTD_decompress(buffer, chunk.raw, stored, len(stored))
        raw = buffer.raw[:chunk.raw] if length == chunk.raw else b""
    else:
        return None
    return raw if hashlib.sha256(raw).digest() == chunk.hash else None


# ---------------------------------------------------------------- packs

class Store:
    def __init__(self, folder):
        self.folder = folder
        try:
            with open(os.path.join(folder, "store.json"), encoding="utf-8") as file:
                manifest = json.load(file)
            self.uuid = uuid.UUID(manifest["uuid"]).bytes
            self.key = bytes.fromhex(manifest["key"])
            unknown = [f for f in manifest.get("incompatible", []) if f != "zstd"]
            if manifest["format"] != 1 or unknown:
                sys.exit(f"This reader knows format 1, not {manifest['format']} {unknown}.")
        except (OSError, ValueError, KeyError) as error:
            report(f"store.json ({error}): trailers are taken on their checksums alone, which proves nothing about who wrote them")
            self.uuid = self.key = None
        self.open_file = (None, None)

    def packs(self):
        """(id, path) of every pack, in the order of the ids."""
        found = []
        for folder in sorted(os.listdir(os.path.join(self.folder, "packs"))):
            for name in os.listdir(os.path.join(self.folder, "packs", folder)):
                if len(name) == 21 and name.endswith(".pack") and name[14:16] == folder:
                    found.append((int(name[:16], 16), os.path.join(self.folder, "packs", folder, name)))
        return sorted(found)

    def is_sealed(self, content, end):
        """Do HMAC and checksum behind content[:end] fit?"""
        seal = content[end:end + 32]
        if self.key is not None:
            return hmac.compare_digest(hmac.new(self.key, content[:end], hashlib.sha256).digest(), seal)
        return struct.unpack_from("<I", content, end + 32)[0] == crc32c(content[:end + 32])

    def trailer_at(self, file, pack, offset, size):
        """The trailer that begins here, or None when nothing that counts does."""
        if size - offset < TRAILER.size + CLOSING:
            return None
        file.seek(offset)
        header = file.read(TRAILER.size)
        (magic, version, length, store, pack_id, group, own, previous, payload, payload_length, first_id,
         segment, count, journal) = TRAILER.unpack(header)
        if (magic != b"fluxdSEG" or version != 1 or pack_id != pack or own != offset
                or self.uuid not in (None, store) or length > min(TRAILER_MAX, size - offset)
                or length != TRAILER.size + count * ENTRY.size + journal + CLOSING):
            return None
        content = header + file.read(length - len(header))
        if not self.is_sealed(content, length - CLOSING):
            return None
        table = TRAILER.size + count * ENTRY.size
        chunks = [Chunk(*entry) for entry in ENTRY.iter_unpack(content[TRAILER.size:table])]
        if sum(c.stored for c in chunks) != payload_length:
            return None
        return Trailer(pack, group, offset, previous, payload, payload_length, first_id, segment, chunks,
                       content[table:table + journal], align(offset + length))

    def footer(self, file, pack, size):
        """The offsets of a sealed pack's trailers, or None."""
        if size < PAGE:
            return None
        file.seek(size - 16)
        offset, magic = struct.unpack("<q8s", file.read(16))
        if magic != b"fluxdTAI" or not 0 <= offset < size or offset % PAGE:
            return None
        file.seek(offset)
        content = file.read(size - offset)
        magic, version, length, store, pack_id, own, count = FOOTER.unpack_from(content)
        if (magic != b"fluxdEND" or version != 1 or pack_id != pack or own != offset or self.uuid not in (None, store)
                or length > len(content) or length != FOOTER.size + 16 * count + CLOSING
                or not self.is_sealed(content, length - CLOSING)):
            return None
        return [entry[0] for entry in struct.iter_unpack("<qI4x", content[FOOTER.size:FOOTER.size + 16 * count])]

    def trailers(self):
        """Every segment of every pack."""
        for pack, path in self.packs():
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                offsets = self.footer(file, pack, size)
                if offsets is None:
                    yield from self.search(file, pack, size)
                    continue
                for offset in offsets:
                    trailer = self.trailer_at(file, pack, offset, size)
                    if trailer is None:
                        report(f"pack {pack:016x}: the trailer at {offset}")
                    else:
                        yield trailer

    def search(self, file, pack, size):
        """The segments of a pack without a footer: a trailer may begin at any page."""
        offset, last, end = 0, -1, 0
        while offset < size:
            trailer = self.trailer_at(file, pack, offset, size)
            if trailer is None:
                offset += PAGE
                continue
            if trailer.previous != last:
                report(f"pack {pack:016x}: a trailer between {end} and {trailer.payload}")
            yield trailer
            last, offset, end = trailer.offset, trailer.end, trailer.end
        if end < size:
            print(f"note: pack {pack:016x} was not sealed; {size - end} bytes behind its last segment were never committed",
                  file=sys.stderr)

    def places(self, trailer):
        offset = trailer.payload
        for chunk in trailer.chunks:
            yield Place(trailer.pack, offset, chunk)
            offset += chunk.stored

    def read(self, place):
        """A chunk's raw bytes, or None."""
        if self.open_file[0] != place.pack:
            name = f"{place.pack:016x}.pack"
            if self.open_file[1]:
                self.open_file[1].close()
            try:
                self.open_file = (place.pack, open(os.path.join(self.folder, "packs", name[14:16], name), "rb"))
            except OSError:
                self.open_file = (None, None)
                return None
        self.open_file[1].seek(place.offset)
        return decode(place.chunk, self.open_file[1].read(place.chunk.stored))


# ---------------------------------------------------------------- the log: SQLite changesets

class Log:
    """Plays group records into a SQLite database."""

    def __init__(self, database):
        self.database = database
        self.columns = {}

    def play(self, record):
        version, _schema, _previous, segments, length = struct.unpack_from("<IIqII", record)
        if version not in (1, 2):
            report(f"a log record of version {version}: it needs a newer reader")
            return
        start = 24 + 24 * segments
        changes = record[start:start + length]
        self.data, self.at = zlib.decompress(changes) if version == 2 else changes, 0
        while self.at < len(self.data):
            if self.data[self.at] == 0x54:  # 'T': a table's changes follow
                self.at += 1
                count = self.varint()
                keys = self.take(count)
                end = self.data.index(0, self.at)
                table = self.take(end - self.at).decode()
                self.at += 1
                names = self.names(table, count)
            else:
                operation = self.take(2)[0]
                old = self.row(count) if operation != 18 else None
                new = self.row(count) if operation != 9 else None
                self.apply(table, names, keys, operation, old, new)

    def names(self, table, count):
        """The columns' names; tables and columns that aren't there are made, under names of no meaning."""
        names = self.columns.get(table) or [row[1] for row in self.database.execute(f'PRAGMA table_info("{table}")')]
        if not names:
            names = ["c0"]
            self.database.execute(f'CREATE TABLE "{table}"(c0)')
        for i in range(len(names), count):
            names.append(f"c{i}")
            self.database.execute(f'ALTER TABLE "{table}" ADD COLUMN c{i}')
        self.columns[table] = names
        return names

    def apply(self, table, names, keys, operation, old, new):
        key = [(name, (old or new)[i]) for i, name in enumerate(names[:len(keys)]) if keys[i]]
        where = " AND ".join(f'"{name}" IS ?' for name, _ in key)
        values = [value for _, value in key]
        if operation in (18, 9):
            self.database.execute(f'DELETE FROM "{table}" WHERE {where}', values)
        if operation == 18:
            row = new + [None] * (len(names) - len(new))
            self.database.execute(f'INSERT INTO "{table}" VALUES({", ".join("?" * len(row))})', row)
        elif operation == 23:
            changed = [(name, new[i]) for i, name in enumerate(names[:len(keys)]) if new[i] is not UNCHANGED and not keys[i]]
            if changed:
                sets = ", ".join(f'"{name}" = ?' for name, _ in changed)
                self.database.execute(f'UPDATE "{table}" SET {sets} WHERE {where}', [v for _, v in changed] + values)

    def row(self, count):
        return [self.value() for _ in range(count)]

    def value(self):
        kind = self.take(1)[0]
        if kind == 0:
            return UNCHANGED
        if kind in (1, 2):
            return struct.unpack(">q" if kind == 1 else ">d", self.take(8))[0]
        if kind in (3, 4):
            content = self.take(self.varint())
            return content.decode() if kind == 3 else content
        return None

    def varint(self):
        """SQLite's: big-endian, seven bits a byte, the ninth whole."""
        value = 0
        for i in range(9):
            byte = self.take(1)[0]
            if i == 8:
                return value << 8 | byte
            value = value << 7 | byte & 127
            if byte < 128:
                return value

    def take(self, count):
        self.at += count
        return self.data[self.at - count:self.at]


UNCHANGED = object()

# Columns that are read here, for a salvage without any catalogue. Later schemas only add columns behind these.
KNOWN = {
    "tree": ["kind", "holder", "node"],
    "node": ["id", "parent", "name", "kind", "owner", "version", "revision", "size", "target", "mode", "mtime"],
    "version": ["id", "node", "content"],
    "content": ["id", "size", "class", "root", "complete", "writer", "sha256", "sha256_state", "tail", "recipe", "inline"],
    "content_part": ["content", "start", "runs"],
    "user": ["id", "name"],
    "folder": ["id", "name"],
}


# ---------------------------------------------------------------- the catalogue

class Catalog:
    """A scratch copy of the catalogue (or an empty one), brought up to date by the log."""

    def __init__(self, store, scratch, copy=None):
        self.store = store
        path = os.path.join(scratch, "catalog.db")
        if copy:
            for suffix in ("", "-wal"):
                if os.path.exists(copy + suffix):
                    shutil.copyfile(copy + suffix, path + suffix)
        self.database = sqlite3.connect(path)
        self.database.text_factory = lambda b: b.decode(errors="surrogateescape")
        self.database.execute("PRAGMA foreign_keys = OFF")
        if not copy:
            for table, columns in KNOWN.items():
                self.database.execute(f'CREATE TABLE "{table}"({", ".join(columns)})')
            self.database.execute("CREATE TABLE chunk(id INTEGER PRIMARY KEY, hash, pack, off, raw, stored, crc, flags)")
        self.by_hash = None

    def catch_up(self, applied):
        """Plays the records of later groups. With a catalogue to start from, only an unbroken row of them."""
        records = {}
        for trailer in self.store.trailers():
            if trailer.group <= applied:
                continue
            if trailer.first_id > 0:
                self.database.executemany("INSERT OR IGNORE INTO chunk(id, hash, pack, off, raw, stored, crc, flags) VALUES(?,?,?,?,?,?,?,?)", [
                    (trailer.first_id + i, p.chunk.hash, p.pack, p.offset, p.chunk.raw, p.chunk.stored, p.chunk.crc, p.chunk.codec)
                    for i, p in enumerate(self.store.places(trailer))])
            if trailer.journal:
                records[trailer.group] = trailer.journal
        log, last = Log(self.database), applied
        for group in sorted(records):
            previous = struct.unpack_from("<q", records[group], 8)[0]
            if applied and previous != last:
                report(f"the log between the groups {last} and {group}: files are restored as of group {last}")
                break
            log.play(records[group])
            last = group
        self.database.commit()
        print(f"the catalogue stands at group {last}", file=sys.stderr)

    def applied_group(self):
        row = self.database.execute("SELECT value FROM local WHERE key = 'applied_group'").fetchone()
        return row[0] if row else 0

    def chunk(self, chunk_id):
        """A chunk's raw bytes: where the catalogue says, else wherever a trailer names its hash."""
        row = self.database.execute("SELECT hash, pack, off, raw, stored, crc, flags FROM chunk WHERE id = ?", (chunk_id,)).fetchone()
        if row is None:
            return None
        chunk = Chunk(row[0], row[3], row[4], row[5], row[6] & 0xFF)
        raw = self.store.read(Place(row[1], row[2], chunk))
        if raw is not None:
            return raw
        if self.by_hash is None:
            self.by_hash = collections.defaultdict(list)
            for trailer in self.store.trailers():
                for place in self.store.places(trailer):
                    self.by_hash[place.chunk.hash].append(place)
        return next((raw for raw in map(self.store.read, self.by_hash[chunk.hash]) if raw is not None), None)

    def chunk_ids(self, content):
        """The ids of a content's chunks, in order; its bytes themselves where they are kept inline."""
        row = self.database.execute("SELECT recipe, inline, tail FROM content WHERE id = ?", (content,)).fetchone()
        if row is None:
            return None
        if row[1] is not None:
            return [], row[1]
        parts = [row[0]] if row[0] is not None else [
            part for part, in self.database.execute("SELECT runs FROM content_part WHERE content = ? ORDER BY start", (content,))]
        return [i for part in parts for i in runs(part)], b""


def runs(recipe):
    """A recipe is pairs of varints: how far the run's first id is from the end of the run before, and its length."""
    at, end = 0, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = recipe[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(recipe):
        delta = varint()
        first = end + ((delta >> 1) ^ -(delta & 1))
        end = first + varint()
        yield from range(first, end)


# ---------------------------------------------------------------- commands

def verify(store):
    count = size = 0
    for trailer in store.trailers():
        for place in store.places(trailer):
            count, size = count + 1, size + place.chunk.stored
            if store.read(place) is None:
                report(f"pack {place.pack:016x}: the chunk at {place.offset}, {place.chunk.hash.hex()}")
    print(f"{count} chunks of {size} stored bytes were read")


def restore(store, copy, out):
    with tempfile.TemporaryDirectory(prefix="fluxd-reader-") as scratch:
        catalog = Catalog(store, scratch, copy)
        catalog.catch_up(catalog.applied_group())
        write_trees(catalog, os.fsencode(out))


def salvage(store, out):
    with tempfile.TemporaryDirectory(prefix="fluxd-reader-") as scratch:
        catalog = Catalog(store, scratch)
        catalog.catch_up(0)
        used = write_trees(catalog, os.fsencode(out))
        write_rest(store, used, os.path.join(out, "chunks"))


def write_trees(catalog, out):
    """Writes every current file; gives the ids of the chunks that were in one."""
    names = {}
    for kind, table, folder in ((0, "user", "home"), (1, "folder", "shared")):
        for holder, node, name in catalog.database.execute(
                f'SELECT t.holder, t.node, h.name FROM tree t LEFT JOIN "{table}" h ON h.id = t.holder WHERE t.kind = ?', (kind,)):
            names[node] = os.path.join(os.fsencode(folder), os.fsencode(safe(name or f"{holder}")))
    rows = list(catalog.database.execute("SELECT id, parent, name, kind, version, target, mode, mtime FROM node"))
    children = collections.defaultdict(list)
    known = {row[0] for row in rows}
    todo = []
    for row in rows:
        if row[1] in known:
            children[row[1]].append(row)
        else:  # the top of a tree, or of something removed, or its folder's row is lost
            todo.append((row, os.path.join(out, names.get(row[0]) or os.path.join(b"removed", b"%d" % row[0]))))
    used, files, size = set(), 0, 0
    while todo:
        (node, _, _, kind, version, target, mode, mtime), path = todo.pop()
        if kind == 2:
            os.makedirs(path, exist_ok=True)
            for child in children[node]:
                todo.append((child, os.path.join(path, bytes(child[2]))))
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if kind == 3:
            os.symlink(bytes(target), path)
            continue
        length = write_file(catalog, version, path, used)
        files, size = files + 1, size + length
        if os.path.exists(path):
            os.chmod(path, (mode or 0o600) & 0o777)
            os.utime(path, ns=(mtime or 0, mtime or 0))
    print(f"{files} files of {size} bytes were written to {os.fsdecode(out)}")
    return used


def write_file(catalog, version, path, used):
    """One version's bytes. What is missing reads as zeros, and the file's name then ends in .damaged."""
    row = catalog.database.execute(
        'SELECT c.id, c.size FROM version v JOIN content c ON c.id = v.content WHERE v.id = ?', (version,)).fetchone()
    content = catalog.chunk_ids(row[0]) if row else None
    if content is None:
        report(f"{os.fsdecode(path)}: the catalogue doesn't say what was in it")
        return 0
    ids, inline = content
    whole, length = True, 0
    with open(path, "wb") as file:
        file.write(inline)
        for chunk_id in ids:
            raw = catalog.chunk(chunk_id)
            used.add(chunk_id)
            if raw is None:
                whole = False
                known = catalog.database.execute("SELECT raw FROM chunk WHERE id = ?", (chunk_id,)).fetchone()
                file.seek(known[0] if known else 0, os.SEEK_CUR)
                report(f"{os.fsdecode(path)}: chunk {chunk_id} at {file.tell()}")
            else:
                file.write(raw)
        file.truncate()
        length = file.tell()
    if whole and length != row[1]:
        whole = False
        report(f"{os.fsdecode(path)}: it has {length} bytes, {row[1]} were expected")
    if not whole:
        os.rename(path, path + b".damaged")
    return length


def write_rest(store, used, out):
    """Chunks that no file named, each under its hash."""
    count = 0
    for trailer in store.trailers():
        for i, place in enumerate(store.places(trailer)):
            if trailer.first_id + i in used:
                continue
            raw = store.read(place)
            if raw is None:
                report(f"pack {place.pack:016x}: the chunk at {place.offset}")
                continue
            os.makedirs(out, exist_ok=True)
            with open(os.path.join(out, place.chunk.hash.hex()), "wb") as file:
                file.write(raw)
            count += 1
    print(f"{count} chunks that belong to no current file were written to {out}")


def safe(name):
    return name.replace("/", "_") if name not in (".", "..", "") else "_"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, arguments in (("verify", ()), ("restore", ("catalog", "out")), ("salvage", ("out",))):
        command = commands.add_parser(name)
        for argument in ("store",) + arguments:
            command.add_argument(argument)
    given = parser.parse_args()
    store = Store(given.store)
    if given.command == "verify":
        verify(store)
    elif os.path.exists(given.out) and os.listdir(given.out):
        sys.exit(f"{given.out} is not empty: name a new folder.")
    elif given.command == "restore":
        restore(store, given.catalog, given.out)
    else:
        salvage(store, given.out)
    sys.exit(2 if damage else 0)


if __name__ == "__main__":
    main()
