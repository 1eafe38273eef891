"""The runner of bench/wan.sh: two namespaces, an emulated link between them, the same file over it by each way in turns."""
import hashlib, json, os, re, shutil, signal, subprocess, sys, tempfile, threading, time
from report import Report, middle, output, package, spread, verdict

ROUNDS = int(os.environ.get("ROUNDS", 1))
ONLY = os.environ.get("ONLY", "links,outage,address,first").split(",")
WAYS = os.environ.get("WAYS", "fluxd-up,fluxd-down,scp,http2").split(",")
# name, what the emulator is told, megabits a second, seconds that the file would take on a perfect link, bar
LINKS = [
    ("100 Mbit, 20 ms, 0 %", ["rate=100", "rtt=20", "loss=0"], 100, 10, 0.90),
    ("50 Mbit, 50 ms, 1 %", ["rate=50", "rtt=50", "loss=1"], 50, 12, 0.88),
    ("50 Mbit, 100 ms, 2 %", ["rate=50", "rtt=100", "loss=2"], 50, 12, 0.82),
    ("20 Mbit, 150 ms, 5 %", ["rate=20", "rtt=150", "loss=5"], 20, 15, 0.72),
    ("50 Mbit, 50 ms, bursts of 4 packets, 1 %", ["rate=50", "rtt=50", "burst=0.25,25"], 50, 12, 0.85),
]
CHOSEN = [int(n) - 1 for n in os.environ.get("LINKS", "1,2,3,4,5").split(",")]
CLIENT, SERVER = f"fluxd-a{os.getpid()}", f"fluxd-b{os.getpid()}"
BENCH = "bench/Fluxd.Bench/bin/Release/net10.0/Fluxd.Bench.dll"
HERE = "203.0.113.2"  # documentation addresses: fluxd takes them for the internet, where a private one would be local
LONGEST = int(os.environ.get("LONGEST", 60))  # a way that is slower than this is given up and counted by what arrived

scratch = tempfile.mkdtemp(prefix="fluxd-wan-", dir=os.environ.get("TMPDIR", "/var/tmp"))
started = []


def within(space, *command):
    return ["ip", "netns", "exec", space, *command]


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}")
    return done.stdout


def launch(*command, **options):
    process = subprocess.Popen(command, text=True, **options)
    started.append(process)
    return process


def end(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def route(space):
    """The namespaces' default can't be chosen freely, a route's can: TCP uses CUBIC here unless a program asks for another."""
    run("ip", "-n", space, "route", "replace", "default", "dev", "wan0", "congctl", "cubic")


class Link:
    def __init__(self, *shape):
        self.process = launch("dotnet", BENCH, "wan", CLIENT, SERVER, *shape,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout.readline().strip() != "ready":
            sys.exit("the emulated link did not come up")
        for space in (CLIENT, SERVER):
            route(space)

    def outage(self, seconds):
        self.process.stdin.write(f"outage {seconds}\n")
        self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.counters = self.process.stdout.read().split("\n")
        self.process.wait(30)


def start_fluxd():
    """On all addresses of its namespace: the emulated one comes and goes with the links."""
    log = open(f"{scratch}/fluxd.log", "w")
    launch(*within(SERVER, "out/fluxd/fluxd", "--try", f"{scratch}/data", "--set", "sftp.enabled=false", "--set", "http.listen=127.0.0.1:0",
                   "--set", "http.listen_tls=0.0.0.0:8443", "--set", "quic.listen=0.0.0.0:8443"), stdout=log, stderr=log)
    for _ in range(600):
        said = open(log.name).read()
        if "users passwd" in said:
            return re.search(r"--socket (\S+) ", said)[1], re.search(r"[Pp]assword:? +(\S+)", said)[1]
        time.sleep(0.1)
    sys.exit(f"fluxd did not start: {said}")


def start_sshd():
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{scratch}/host")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{scratch}/user")
    shutil.copy(f"{scratch}/user.pub", f"{scratch}/authorized")
    with open(f"{scratch}/sshd", "w") as config:
        config.write(f"ListenAddress 0.0.0.0:2222\nHostKey {scratch}/host\nAuthorizedKeysFile {scratch}/authorized\nPidFile none\n"
                     "UsePAM no\nStrictModes no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\nLogLevel ERROR\n")
    os.makedirs("/run/sshd", exist_ok=True)
    launch(*within(SERVER, "/usr/sbin/sshd", "-D", "-e", "-f", f"{scratch}/sshd"), stderr=subprocess.DEVNULL)


def fluxctl(*arguments, **options):
    return within(CLIENT, "env", f"XDG_CONFIG_HOME={scratch}/client", f"HOME={scratch}/client", "out/fluxd/fluxctl", *arguments)


def make_file(name, size):
    path = f"{scratch}/{name}"
    with open(path, "wb") as file:
        for _ in range(size >> 20):
            file.write(os.urandom(1 << 20))
    return path


def same(a, b):
    with open(a, "rb") as x, open(b, "rb") as y:
        return hashlib.file_digest(x, "sha256").digest() == hashlib.file_digest(y, "sha256").digest()


def timed(command, arrived, size, expected=None):
    """Seconds that the whole size takes; one that is too slow is stopped and its rate so far counts."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said, _ = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return LONGEST * size / max(1, os.path.getsize(arrived) if arrived and os.path.exists(arrived) else 1)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {said}")
    seconds = time.monotonic() - begin
    if expected and not same(expected, arrived):
        raise RuntimeError(f"{' '.join(command)}: other bytes arrived")
    return seconds


def fluxd_up(source, size, n):
    return timed(fluxctl("put", source, "--to", f"/up-{n}/", "--quic"), None, size)


def fluxd_down(source, size, n):
    back = f"{scratch}/back"
    seconds = timed(fluxctl("get", f"/{os.path.basename(source)}", back, "--quic"), back, size, source)
    if os.path.exists(back):
        os.remove(back)
    return seconds


def scp(source, size, _):
    back = f"{scratch}/scp"
    if os.path.exists(back):
        os.remove(back)
    return timed(within(CLIENT, "scp", "-q", "-F", "none", "-i", f"{scratch}/user", "-P", "2222", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                        "-o", "LogLevel=ERROR", f"root@{HERE}:{source}", back), back, size)


def http2(source, size, _):
    back = f"{scratch}/http2"
    return timed(within(CLIENT, "curl", "-sSfk", "--http2", "-u", f"admin:{password}", "-o", back, f"https://{HERE}:8443/v1/files/{os.path.basename(source)}"), back, size)


RUN = {"fluxd-up": fluxd_up, "fluxd-down": fluxd_down, "scp": scp, "http2": http2}


def upload_on_the_server(source):
    run(*within(SERVER, "curl", "-sSfk", "-u", f"admin:{password}", "-T", source, f"https://127.0.0.1:8443/v1/files/{os.path.basename(source)}"))


def login():
    # Over a link without faults: a login is no part of what is measured.
    with Link("rtt=2"):
        run(*fluxctl("login", f"quic://{HERE}:8443", "--user", "admin", "--password-stdin", "--accept-new"), input=password)


def measure_links(report):
    rows = []
    for number in CHOSEN:
        name, shape, rate, ideal, bar = LINKS[number]
        size = int(rate * ideal / 8 * 1e6) >> 20 << 20
        fractions = {way: [] for way in WAYS}
        for turn in range(ROUNDS):
            for way in WAYS:
                # Fresh bytes for each way up: what the server has is not sent again.
                source = make_file(f"file-{number}-{turn}-{way}", size)
                if way != "fluxd-up":
                    upload_on_the_server(source)
                with Link(*shape):
                    seconds = RUN[way](source, size, f"{number}-{turn}")
                fractions[way].append(size * 8 / 1e6 / rate / seconds)
                os.remove(source)
                print(f"  {name}: {way} {fractions[way][-1]:.2f}", flush=True)
        rows.append([name] + [f"{middle(f):.2f}" + (f" ± {spread(f):.0f} %" if len(f) > 1 else "") for f in fractions.values()]
                    + [f"≥ {bar:.2f}", verdict(all(middle(fractions[w]) >= bar for w in WAYS if w.startswith("fluxd")))])
    report.say()
    report.say("Payload as a fraction of the link's rate, connecting and publishing counted in:")
    report.table(["link (rate, round trip, loss each way)"] + WAYS + ["bar", "holds"], rows)


def during(action, name, bar):
    """What an event in the middle of a download costs, against the same without it."""
    size = 40 << 20
    costs = []
    for turn in range(max(ROUNDS, 1)):
        seconds = []
        for happens in (False, True):
            source = make_file(f"event-{turn}-{happens}", size)
            upload_on_the_server(source)
            with Link("rate=50", "rtt=50", "loss=0.5") as link:
                timer = threading.Timer(3, action, [link])
                if happens:
                    timer.start()
                seconds.append(fluxd_down(source, size, 0))
                timer.cancel()
            os.remove(source)
        costs.append(seconds[1] - seconds[0])
    return [name, f"costs {middle(costs):.1f} s", f"≤ {bar} s", verdict(middle(costs) <= bar)]


def new_address(_):
    # Of a prefix of its own, or it would be the old one's secondary and go with it.
    for word in ("add 198.51.100.3/32", "del 198.51.100.2/24"):
        run("ip", "-n", CLIENT, "addr", *word.split(), "dev", "wan0")
    route(CLIENT)


def first_byte():
    source = make_file("small", 1 << 20)
    os.truncate(source, 4096)
    upload_on_the_server(source)
    with Link("rtt=100"):
        ping = run(*within(CLIENT, "ping", "-q", "-c", "10", "-i", "0.2", HERE))
        said = run(*within(CLIENT, "dotnet", BENCH, "first-byte", f"{HERE}:8443", password, "/small"))
    trip = float(re.search(r"rtt [^=]*= [\d.]+/([\d.]+)/", ping)[1])  # with what the emulator takes itself
    times = [float(line.split()[1]) for line in said.split("\n") if line.startswith("first-byte-ms")]
    trips = middle(times) / trip
    # What the processes take themselves is counted in; a third round trip would be a whole one more.
    return [f"first byte of a file of 4 KiB, {trip:.1f} ms away by ping, on a new connection of a client that was there before", f"{middle(times):.0f} ms, {trips:.2f} round trips",
            "≤ 2.1: two round trips, and a tenth of one for what the processes take", verdict(trips <= 2.1)]


for space in (CLIENT, SERVER):
    run("ip", "netns", "add", space)
try:
    for space in (CLIENT, SERVER):
        run("ip", "-n", space, "link", "set", "lo", "up")
    report = Report("Links that lose", "How much of a lossy link's rate becomes file, by `./build.sh bench wan`.",
                    [output("out/fluxd/fluxd", "--version"), package("libngtcp2-16"), package("openssh-server"), package("curl")],
                    ["TCP's congestion control by the routes: CUBIC (scp); fluxd's TLS listener and fluxd/1 ask for BBR beyond the local network",
                     f"{ROUNDS} round(s), every way in turn over a fresh link with the same seed; queue of one bandwidth-delay product",
                     f"a way that needs more than {LONGEST} s is stopped and counted by what had arrived"])
    socket_path, password = start_fluxd()
    start_sshd()
    login()
    if "links" in ONLY:
        measure_links(report)
    events = []
    if "outage" in ONLY:
        events.append(during(lambda link: link.outage(10), "an outage of 10 s in a download of 40 MiB", 12))
    if "address" in ONLY:
        events.append(during(new_address, "a new address in the middle of a download of 40 MiB", 2))
    if "first" in ONLY:
        events.append(first_byte())
    if events:
        report.table(["event", "measured", "bar", "holds"], events)
    report.write("wan")
finally:
    for process in reversed(started):
        end(process)
    for space in (CLIENT, SERVER):
        subprocess.run(["ip", "netns", "del", space])
    shutil.rmtree(scratch, ignore_errors=True)
