"""The runner of bench/sftp.sh: starts the four servers, measures them in turns, prints and writes the table."""
import asyncio, os, re, shutil, subprocess, tempfile, threading, time
from report import Report, congestion, middle, verdict
from server import Server as Process, free_port, touch_memory

ROUNDS = int(os.environ.get("ROUNDS", 3))
SIZE_MB = int(os.environ.get("SIZE_MB", 1024))
FILES = int(os.environ.get("FILES", 600))
SESSIONS = int(os.environ.get("SESSIONS", 1000))
ONLY = os.environ.get("ONLY", "large,small,login,idle").split(",")
PARALLEL = 8
CIPHERS = ("aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com")

scratch = tempfile.mkdtemp(prefix="fluxd-bench-", dir=os.environ.get("TMPDIR", "/var/tmp"))
memory = tempfile.mkdtemp(prefix="fluxd-bench-", dir="/dev/shm")  # what clients send: no disk in their way
KEY = f"{scratch}/user"
SSH = ["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "GlobalKnownHostsFile=/dev/null",
       "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", KEY]


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, **options).stdout


class Server(Process):
    """One server process with its folder. Its files are seen under `root` over SFTP and, where it keeps them as files, under `folder`."""
    port, user, root, folder, ciphers, forks = 0, "root", "", None, CIPHERS, False

    def __init__(self, name):
        self.name, self.home = name, f"{scratch}/{name}-{time.monotonic_ns()}"
        os.makedirs(self.home)

    def launch(self, *command):
        super().__init__(self.name, command, [self.port] if self.port else [], f"{self.home}/log", cwd=self.home)
        return self

    def stop(self):
        super().stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def cpu(self):
        """With that of forked sessions, which counts once they have ended."""
        deadline = time.monotonic() + 10
        while self.forks and len(self.tree()) > 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        return super().cpu()

    def pss(self):
        return super().pss() / 1024


class Fluxd(Server):
    user = "admin"

    def start(self):
        self.launch(f"{os.getcwd()}/out/fluxd/fluxd", "--try", f"{self.home}/data",
                    "--set", "sftp.listen=127.0.0.1:0", "--set", "http.listen=127.0.0.1:0", "--set", "quic.enabled=false",
                    "--set", "log.level=warn",  # the others write no line for each transfer either
                    "--set", f"limits.sessions_per_user={SESSIONS + 100}")  # every session here is one user's
        self.wait_for(lambda: "users passwd" in self.said())
        said = self.said()
        self.port = int(re.search(r"sftp -P (\d+)", said)[1])
        fluxctl = re.search(r"--socket (\S+) ", said)[1]
        run("out/fluxd/fluxctl", "--socket", fluxctl, "keys", "add", "admin", KEY + ".pub")
        return self


class Sshd(Server):
    forks = True

    def start(self):
        self.port, self.folder = free_port(), f"{self.home}/files"
        os.mkdir(self.folder)
        self.root = self.folder
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{self.home}/host")
        shutil.copy(KEY + ".pub", f"{self.home}/authorized")
        with open(f"{self.home}/config", "w") as config:
            config.write(f"""ListenAddress 127.0.0.1:{self.port}
HostKey {self.home}/host
AuthorizedKeysFile {self.home}/authorized
PidFile none
UsePAM no
StrictModes no
PermitRootLogin yes
MaxStartups 1000:30:2000
MaxSessions 20
LogLevel ERROR
Subsystem sftp internal-sftp
""")
        return self.launch("/usr/sbin/sshd", "-D", "-e", "-f", f"{self.home}/config")


class Rclone(Server):
    user = "bench"

    def start(self):
        self.port, self.folder = free_port(), f"{self.home}/files"
        os.mkdir(self.folder)
        shutil.copy(KEY + ".pub", f"{self.home}/authorized")
        return self.launch("rclone", "--config", "/dev/null", "serve", "sftp", self.folder, "--addr", f"127.0.0.1:{self.port}",
                           "--user", "bench", "--authorized-keys", f"{self.home}/authorized", "--vfs-cache-mode", "off", "--log-level", "ERROR")


class Proftpd(Server):
    user, forks = "bench", True

    def start(self):
        self.port, self.folder = free_port(), f"{self.home}/files"
        os.mkdir(self.folder)
        os.chmod(scratch, 0o755)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{self.home}/host")
        with open(f"{self.home}/authorized", "w") as keys:
            keys.write(run("ssh-keygen", "-e", "-f", KEY + ".pub"))
        with open(f"{self.home}/passwd", "w") as users:
            users.write(f"bench:*:0:0::{self.folder}:/bin/sh\n")
        os.chmod(f"{self.home}/passwd", 0o600)
        with open(f"{self.home}/config", "w") as config:
            config.write(f"""LoadModule mod_sftp.c
ServerType standalone
DefaultAddress 127.0.0.1
Port {self.port}
User root
Group root
RootLogin on
RequireValidShell off
UseReverseDNS off
WtmpLog off
MaxInstances none
DefaultRoot {self.folder}
PidFile {self.home}/pid
ScoreboardFile {self.home}/scoreboard
DelayEngine off
AuthOrder mod_auth_file.c
AuthUserFile {self.home}/passwd
SFTPEngine on
SFTPHostKey {self.home}/host
SFTPAuthorizedUserKeys file:{self.home}/authorized
SFTPAuthMethods publickey
""")
        return self.launch("/usr/sbin/proftpd", "-n", "-c", f"{self.home}/config")


KINDS = {"fluxd": Fluxd, "sshd": Sshd, "rclone": Rclone, "proftpd": Proftpd}
results = {}  # (test, server) -> [(seconds, cpu seconds)]
peak = {name: 0.0 for name in KINDS}


def sftp(server, batch, *options):
    path = f"{memory}/batch"
    with open(path, "w") as file:
        file.write(batch)
    run("sftp", *SSH, "-q", "-P", str(server.port), *options, "-b", path, f"{server.user}@127.0.0.1")


def measure(test, server, action, after=None):
    """One run: seconds by the wall and by the server's CPU; the peak of its memory besides."""
    os.sync()
    done = threading.Event()

    def watch():
        while not done.wait(0.5):
            peak[server.name] = max(peak[server.name], server.pss())
    watcher = threading.Thread(target=watch)
    cpu, began = server.cpu(), time.monotonic()
    watcher.start()
    try:
        action()
        took = time.monotonic() - began
        if after:
            after()
            results.setdefault((test + ", then fsync", server.name), []).append((time.monotonic() - began, 0))
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as failure:
        print(f"  {server.name}: {test} failed: {(failure.output or '')[-300:]}", flush=True)
        return
    finally:
        done.set()
        watcher.join()
    results.setdefault((test, server.name), []).append((took, server.cpu() - cpu))
    print(f"  {test:45} {server.name:8} {took:8.2f} s {server.cpu() - cpu:8.2f} CPU s", flush=True)


def fsync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def large(servers, number):
    source = f"{memory}/large"
    run("bash", "-c", f"openssl enc -aes-128-ctr -nosalt -K {number + 1:032x} -iv {time.monotonic_ns():032x} -in /dev/zero 2>/dev/null | head -c {SIZE_MB << 20} >{source}")
    for server in servers:
        # Who comes second writes while the disk still takes what the first one left.
        for cipher in server.ciphers[::-1 if number % 2 else 1]:
            short = cipher.split("@")[0]
            # The same bytes twice would cost fluxd less: each upload has its own.
            with open(source, "r+b") as file:
                for at in range(0, SIZE_MB << 20, 4096):
                    file.seek(at)
                    file.write(os.urandom(16))
            target = f"{server.root}/large"
            after = (lambda: fsync(f"{server.folder}/large")) if server.folder else None
            touch_memory(2 * SIZE_MB)
            measure(f"{SIZE_MB} MiB up, {short}", server, lambda: sftp(server, f"put {source} {target}\n", "-c", cipher), after)
            measure(f"{SIZE_MB} MiB down, {short}", server, lambda: sftp(server, f"get {target} /dev/null\n", "-c", cipher))
            sftp(server, f"-rm {target}\n")
    os.remove(source)


def make_tree():
    tree = f"{memory}/tree"
    shutil.rmtree(tree, ignore_errors=True)
    os.mkdir(tree)
    for i in range(FILES):
        if i % 100 == 0:
            os.mkdir(f"{tree}/{i // 100}")
        with open(f"{tree}/{i // 100}/{i}", "wb") as file:
            file.write(os.urandom(4096))
    return tree


def lftp(server, command):
    connect = "ssh -a -x " + " ".join(SSH)
    run("lftp", "--norc", "-e", f"set sftp:connect-program '{connect}'; set net:max-retries 2; set cmd:fail-exit yes; set mirror:parallel-directories yes; {command}; bye",
        f"sftp://{server.user}:x@127.0.0.1:{server.port}", env={**os.environ, "HOME": memory})


def rclone(server, *command):
    run("rclone", "--config", "/dev/null", "--transfers", str(PARALLEL), "--checkers", str(PARALLEL), "--sftp-host", "127.0.0.1", "--sftp-port", str(server.port),
        "--sftp-user", server.user, "--sftp-key-file", KEY, "--sftp-disable-hashcheck", *command, env={**os.environ, "HOME": memory})


def small(servers, number):
    def put(options):
        # ProFTPD resolves no name that is not there, and sftp asks for that of the folder: it is made first, for everybody.
        sftp(server, f"mkdir {there}\nmkdir {there}/tree\nput {options} {tree} {there}\n")

    for server in servers:
        for name, upload in (
                ("up one by one", lambda: put("-r")),
                ("up one by one, sftp -f", lambda: put("-rf")),
                (f"up, lftp {PARALLEL} at once", lambda: lftp(server, f"mirror -R --parallel={PARALLEL} {tree} {there}")),
                (f"up, rclone {PARALLEL} at once", lambda: rclone(server, "copy", tree, f":sftp:{there}"))):
            if name.endswith("-f") and server.name == "rclone":
                continue  # has no fsync
            # A name of its own each time: `rclone serve` remembers folders that were removed behind its back.
            tree, there = make_tree(), f"{server.root}/t{time.monotonic_ns()}"
            measure(f"{FILES} files {name}", server, upload)
            if "rclone" in name:
                back = f"{memory}/back"
                measure(f"{FILES} files down one by one", server, lambda: sftp(server, f"get -r {there} {back}\n"))
                shutil.rmtree(back, ignore_errors=True)
                measure(f"{FILES} files down, lftp {PARALLEL} at once", server, lambda: lftp(server, f"mirror --parallel={PARALLEL} {there} {back}"))
                shutil.rmtree(back, ignore_errors=True)
            if server.folder:
                here = there if server.root else server.folder + there
                arrived = sum(len(files) for _, _, files in os.walk(here))
                if arrived != FILES and (f"{FILES} files {name}", server.name) in results:
                    # A client that gave up without saying so: no figure.
                    results[f"{FILES} files {name}", server.name].pop()
                    print(f"  {server.name}: {arrived} of {FILES} files arrived: not counted", flush=True)
                shutil.rmtree(here, ignore_errors=True)


def login(servers, number):
    def once(server):
        sftp(server, f"ls {server.root}/\n")

    def crowd(server):
        command = ["sftp", *SSH, "-q", "-P", str(server.port), "-b", f"{memory}/batch", f"{server.user}@127.0.0.1"]
        clients = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(50)]
        for client in clients:
            _, said = client.communicate(timeout=120)
            if client.returncode:
                raise subprocess.CalledProcessError(client.returncode, command, said.decode())

    for server in servers:
        measure("20 logins with ls, one by one", server, lambda: [once(server) for _ in range(20)])
        measure("50 logins with ls at once", server, lambda: crowd(server))


def idle(kinds):
    """Sessions of one client process that do nothing after their first answer. Fresh servers: nothing else has used memory."""
    import asyncssh

    async def hold(server, count):
        gate = asyncio.Semaphore(10)

        async def one():
            async with gate:
                connection = await asyncssh.connect("127.0.0.1", server.port, username=server.user, client_keys=[KEY], known_hosts=None, config=None, agent_path=None)
                await (await connection.start_sftp_client()).stat(server.root or "/")
                return connection

        async def open_all(number):
            return await asyncio.gather(*(one() for _ in range(number)))

        connections = await open_all(20)  # code is loaded, pools are filled
        before = server.pss()
        connections += await open_all(count)
        await asyncio.sleep(10)
        used = server.pss() - before
        for connection in connections:
            connection.abort()
        return used / count * 1000

    for name, kind in kinds.items():
        server = kind(name).start()
        try:
            mib = asyncio.run(hold(server, SESSIONS))
            results.setdefault(("memory of 1,000 idle sessions", name), []).append((mib, 0))
            print(f"  memory of 1,000 idle sessions {name:8} {mib:8.1f} MiB", flush=True)
        except Exception as failure:
            print(f"  {name}: idle sessions failed: {failure!r}", flush=True)
        finally:
            server.stop()


def median(test, server, column=0):
    return middle([run[column] for run in results[test, server]]) if (test, server) in results else None


def bars():
    """Each promise: what is measured, whose figure fluxd's is held against, and the bar; or words where there is none."""
    for test in sorted({test for test, _ in results}, key=list(dict.fromkeys(t for t, _ in results)).index):
        others = [name for name in KINDS if name != "fluxd" and (test, name) in results]
        if test.endswith("fsync"):
            yield test, test.removesuffix(", then fsync"), ["sshd"], "shown"
        elif test.endswith("up one by one"):
            yield test, test, others, "shown (unsynced)"
        elif test.endswith("sftp -f"):
            yield test, test.removesuffix(", sftp -f"), ["sshd"], 1.0
        elif "memory" in test:
            yield test, test, others, 0.6
        else:
            yield test, test, others, 1.0


def report():
    version = lambda *command: run(*command).strip().splitlines()[0]
    text = Report(
        "SFTP beside its peers", "What do transfers, small files, logins and idle sessions cost beside what people would run instead?",
        [version("out/fluxd/fluxd", "--version"), version("ssh", "-V"), version("rclone", "version"), version("/usr/sbin/proftpd", "--version"), version("lftp", "--version")],
        [f"loopback of a network namespace, {congestion()}; source in memory, server on disk",
         f"medians of {ROUNDS} round{'s' * (ROUNDS > 1)} taken in turns after one of small files that is not counted, {SESSIONS} idle sessions counted up to 1,000, spread in brackets",
         "ratio = best peer's median time / fluxd's (for memory fluxd's / the best's)",
         "CLOSE of fluxd means durable; the peers' does not, except with `sftp -f` or a following fsync"])

    def cell(test, name):
        if (test, name) not in results:
            return "–"
        times = [seconds for seconds, _ in results[test, name]]
        unit = " MiB" if "memory" in test else " s"
        rate = f", {SIZE_MB / middle(times):.0f} MiB/s" if "MiB" in test and unit == " s" else ""
        return f"{middle(times):.2f}{unit}{rate} ({min(times):.2f}–{max(times):.2f})"

    def compared():
        for test, own, others, bar in bars():
            mine, best = median(own, "fluxd"), min((median(test, name) for name in others if median(test, name)), default=None)
            cells = [test, *(cell(own if name == "fluxd" else test, name) for name in KINDS)]
            if mine is None or best is None:
                yield [*cells, "–", bar, "–"]
            elif "memory" in test:
                yield [*cells, f"{mine / best:.2f}", f"≤ {bar:.2f}", verdict(mine / best <= bar)]
            elif isinstance(bar, str):
                yield [*cells, f"{best / mine:.2f}", bar, ""]
            else:
                yield [*cells, f"{best / mine:.2f}", f"≥ {bar:.2f}", verdict(best / mine >= bar)]

    def costs():
        for test in dict.fromkeys(test for test, _ in results):
            if "memory" not in test and "then fsync" not in test:
                scale, unit = (1024 / SIZE_MB, ", for each GiB") if "MiB" in test else (1, "")
                yield [test + unit, *("–" if (v := median(test, name, 1)) is None else f"{v * scale:.2f}" for name in KINDS)]
        yield ["peak memory (PSS) over all of it", *(f"{peak[name]:.0f} MiB" for name in KINDS)]

    for key in [key for key, runs in results.items() if not runs]:
        del results[key]
    text.table(["measured", *KINDS, "ratio", "bar", "holds"], compared())
    text.table(["server's CPU seconds", *KINDS], costs())
    return text


def main():
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", KEY)
    names = os.environ.get("SERVERS", ",".join(KINDS)).split(",")
    kinds = {name: KINDS[name] for name in names}
    servers = []
    try:
        if "idle" in ONLY:
            idle(kinds)
        servers = [kind(name).start() for name, kind in kinds.items()]
        for server in servers:
            usable = []
            for cipher in CIPHERS:
                try:
                    sftp(server, f"ls {server.root}/\n", "-c", cipher)
                    usable.append(cipher)
                except subprocess.CalledProcessError as failure:
                    print(f"  {server.name} lacks {cipher}: {failure.output.strip()[-200:]}", flush=True)
            server.ciphers = usable
        # A daemon that runs for months compiles its busy methods in the first minute: that round, of every server's, is not counted.
        if "small" in ONLY:
            print("a round that is not counted", flush=True)
            small(servers, -1)
            results.update({key: [] for key in results if "files" in key[0]})
        for number in range(ROUNDS):
            print(f"round {number + 1} of {ROUNDS}", flush=True)
            turn = servers[number % len(servers):] + servers[:number % len(servers)]
            for part in (large, small, login):
                if part.__name__ in ONLY:
                    part(turn, number)
        text = report()
        if len(ONLY) == 4 and len(names) == 4 or "RESULTS" in os.environ:
            text.write("sftp")
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(memory)
        shutil.rmtree(scratch)


main()
