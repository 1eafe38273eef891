using System.Security.Cryptography;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.EndToEnd.Sftp;

/// <summary>An sshfs mount under programs that know nothing of it: a model of random operations, git, SQLite.</summary>
[Trait("Category", "Peers")]
public sealed class MountTests(ITestOutputHelper output)
{
    /// <summary>The same random operations on the mount and on a local folder: each must succeed or fail in both, and leave the same tree.</summary>
    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Random_operations_on_a_mount_do_what_they_do_in_a_local_folder()
    {
        await using var daemon = await SftpDaemon.StartAsync();
        var seed = RandomNumberGenerator.GetInt32(int.MaxValue);
        output.WriteLine($"seed {seed}");
        await File.WriteAllTextAsync(daemon.PathOf("model.py"), """
            import os, random, shutil, sys
            seed = int(sys.argv[1]); random.seed(seed)
            roots = ["mnt/m", "local"]
            for root in roots: os.mkdir(root)
            names = ["a", "b", "ünd", "with space", "d1", "d2"]

            def path():
                return "/".join(random.choice(names) for _ in range(random.choice((1, 1, 2, 3))))

            def write(p, flags, offset, data):
                fd = os.open(p, flags, 0o644)
                try: os.pwrite(fd, data, offset)
                finally: os.close(fd)

            def append(p, data):
                with open(p, "ab") as f: f.write(data)

            def patch(p, pieces):
                with open(p, "r+b") as f:
                    for offset, data in pieces: f.seek(offset); f.write(data)
                    f.flush(); os.fsync(f.fileno())

            def read(p, offset, count):
                with open(p, "rb") as f: f.seek(offset); return f.read(count)

            # A second name begins with the same content and then goes its own way (docs/files.md).
            def link(root, p, q):
                if root != "local": return os.link(p, q)
                if os.path.lexists(q): raise FileExistsError
                if os.path.islink(p): return os.symlink(os.readlink(p), q)
                shutil.copy2(p, q)

            def listing(p): return sorted(os.listdir(p))

            def facts(p):
                s = os.lstat(p)
                return (s.st_mode, s.st_size if not os.path.isdir(p) else 0)

            def step():
                p, q = path(), path()
                data = random.randbytes(random.choice((0, 1, 100, 5000, 40000, 300000)))
                offset = random.choice((0, 0, 1, 4096, 70000))
                cut = random.choice((0, 1, 4097, 100000))
                time = random.randrange(1, 2 ** 31)
                pieces = [(random.randrange(50000), random.randbytes(random.randrange(1, 3000))) for _ in range(4)]
                return random.choice((
                    ("write", lambda r: write(f"{r}/{p}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0, data)),
                    ("write", lambda r: write(f"{r}/{p}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0, data)),
                    ("write at", lambda r: write(f"{r}/{p}", os.O_WRONLY | os.O_CREAT, offset, data)),
                    ("create new", lambda r: write(f"{r}/{p}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0, data)),
                    ("append", lambda r: append(f"{r}/{p}", data)),
                    ("patch", lambda r: patch(f"{r}/{p}", pieces)),
                    ("read", lambda r: read(f"{r}/{p}", offset, 100000)),
                    ("truncate", lambda r: os.truncate(f"{r}/{p}", cut)),
                    ("mkdir", lambda r: os.mkdir(f"{r}/{p}")),
                    ("mkdir", lambda r: os.mkdir(f"{r}/{p}")),
                    ("rmdir", lambda r: os.rmdir(f"{r}/{p}")),
                    ("unlink", lambda r: os.unlink(f"{r}/{p}")),
                    ("rename", lambda r: os.rename(f"{r}/{p}", f"{r}/{q}")),
                    ("rename", lambda r: os.rename(f"{r}/{p}", f"{r}/{q}")),
                    ("symlink", lambda r: os.symlink(random_target, f"{r}/{p}")),
                    ("readlink", lambda r: os.readlink(f"{r}/{p}")),
                    ("link", lambda r: link(r, f"{r}/{p}", f"{r}/{q}")),
                    ("chmod", lambda r: os.chmod(f"{r}/{p}", 0o600)),
                    ("utime", lambda r: (os.utime(f"{r}/{p}", (time, time)), os.stat(f"{r}/{p}").st_mtime)[1]),
                    ("list", lambda r: listing(f"{r}/{p}")),
                    ("facts", lambda r: facts(f"{r}/{p}")),
                )) + (p, q)

            def attempt(action, root):
                try: return ("ok", action(root))
                except OSError as e: return ("failed", None)

            def tree(root):
                found = {}
                for folder, folders, files in os.walk(root):
                    for name in folders + files:
                        full = os.path.join(folder, name); key = os.path.relpath(full, root)
                        if os.path.islink(full): found[key] = ("link", os.readlink(full))
                        elif os.path.isdir(full): found[key] = ("folder",)
                        else: found[key] = ("file", os.stat(full).st_mode & 0o777, open(full, "rb").read())
                return found

            for number in range(500):
                random_target = random.choice(names)
                name, action, p, q = step()
                there, here = attempt(action, roots[0]), attempt(action, roots[1])
                if there != here:
                    sys.exit(f"seed {seed}, step {number}: {name} {p} {q}: on the mount {str(there)[:300]}, locally {str(here)[:300]}")
                if number % 100 == 99 and tree(roots[0]) != tree(roots[1]):
                    one, other = tree(roots[0]), tree(roots[1])
                    odd = [k for k in one.keys() | other.keys() if one.get(k) != other.get(k)]
                    sys.exit(f"seed {seed}, after step {number}: these differ: {odd}")
            """);

        await OnMountAsync(daemon, $"/usr/bin/python3 model.py {seed}");
    }

    [Fact(Timeout = SftpDaemon.TimeoutMs)]
    public async Task Git_clones_commits_packs_and_checks_on_a_mount()
    {
        await using var daemon = await SftpDaemon.StartAsync();
        for (var i = 0; i < 60; i++)
        {
            daemon.Make($"origin/{i % 4}/{i}", i * 300);
        }

        await OnMountAsync(daemon, """
            export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org GIT_CONFIG_NOSYSTEM=1
            git init -q -b main origin; git -C origin add .; git -C origin commit -qm first
            git clone -q --no-local origin mnt/clone
            cd mnt/clone
            for i in 1 2 3; do
              head -c 20000 /dev/urandom >"new $i"; rm -f "$i/$i"; git mv 0 "moved$i"; git add -A; git commit -qm "change $i"; git mv "moved$i" 0
            done
            git reset -q --hard
            git gc -q
            git fsck --strict
            test -z "$(git status --porcelain)"
            cd ../..
            git clone -q --no-local mnt/clone back
            test "$(git -C back rev-parse HEAD)" = "$(git -C mnt/clone rev-parse HEAD)"
            test "$(git -C back rev-list --count HEAD)" = 4
            """);
    }

    [Theory(Timeout = SftpDaemon.TimeoutMs)]
    [InlineData("delete")]
    [InlineData("truncate")]
    [InlineData("persist")]
    public async Task Sqlite_keeps_its_word_on_a_mount(string journal)
    {
        await using var daemon = await SftpDaemon.StartAsync();
        await File.WriteAllTextAsync(daemon.PathOf("base.py"), """
            import os, sqlite3, sys
            def connect(path):
                db = sqlite3.connect(path, isolation_level=None)
                db.execute("PRAGMA journal_mode = " + sys.argv[1]); db.execute("PRAGMA synchronous = FULL")
                return db
            db = connect("mnt/base.db")
            db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)")
            for i in range(25):
                db.execute("BEGIN"); db.executemany("INSERT INTO t(v) VALUES (?)", [(os.urandom(500),) for _ in range(20)]); db.execute("COMMIT")
            db.execute("BEGIN"); db.execute("DELETE FROM t"); db.execute("ROLLBACK")
            db.execute("DELETE FROM t WHERE id % 3 = 0"); db.execute("VACUUM"); db.close()
            db = connect("mnt/base.db")
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert db.execute("SELECT count(*) FROM t").fetchone() == (334,), db.execute("SELECT count(*) FROM t").fetchone()
            """);

        await OnMountAsync(daemon, $"/usr/bin/python3 base.py {journal}");
        await daemon.SftpAsync("get /base.db base.back");
        await daemon.RunAsync("/usr/bin/python3", "-c", "import sqlite3; assert sqlite3.connect('base.back').execute('SELECT count(*) FROM t').fetchone() == (334,)");
    }

    /// <summary>The shell itself unmounts, or the folder could not be removed; $1 is the port, $2 the password.</summary>
    private static async Task OnMountAsync(SftpDaemon daemon, string script)
    {
        await File.WriteAllTextAsync(daemon.PathOf("work.sh"), $$"""
            set -eu
            mkdir mnt
            printf '%s\n' "$2" | sshfs -o password_stdin,idmap=user,port="$1",StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null admin@127.0.0.1:/ mnt
            trap 'cd "$HOME"; fusermount3 -u mnt || fusermount3 -uz mnt' EXIT
            {{script}}
            """);
        await daemon.RunAsync("bash", "work.sh", daemon.Port, daemon.Password);
    }
}
