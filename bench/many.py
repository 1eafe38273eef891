"""The runner of bench/many.sh: many clients at once, and many files in one folder, beside what people would run instead."""
import asyncio, io, os, re, resource, shutil, subprocess, sys, tarfile, tempfile, time, urllib.parse, urllib.request
from report import Report, congestion, middle, output, package, spread, verdict
from server import Server, free_port

ROUNDS, SECS = int(os.environ.get("ROUNDS", 3)), int(os.environ.get("SECS", 3))
CROWDS = [int(count) for count in os.environ.get("CROWDS", "100,1000").split(",")]
SFTP_SESSIONS, FILES = int(os.environ.get("SFTP_SESSIONS", 100)), int(os.environ.get("FILES", 100_000))
HTTP_KIB, SFTP_KIB = 64, 1024
scratch = tempfile.mkdtemp(prefix="fluxd-bench-", dir=os.environ.get("TMPDIR", "/var/tmp"))
os.chmod(scratch, 0o755)
KEY, WEB = f"{scratch}/user", f"{scratch}/web"
SSH = ["-q", "-F", "none", "-i", KEY, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
       "-o", "UserKnownHostsFile=/dev/null", "-o", "GlobalKnownHostsFile=/dev/null"]
started = []


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=600, **options).stdout


def start(name, command, ports):
    started.append(Server(name, command, ports, f"{scratch}/{name}.log"))
    return started[-1]


# -- the servers; each says where its files are and what a client must send along

def fluxd():
    http, sftp = free_port(), free_port()
    server = start("fluxd", [
        "out/fluxd/fluxd", "--try", f"{scratch}/data", "--set", f"http.listen=127.0.0.1:{http}", "--set", f"sftp.listen=127.0.0.1:{sftp}",
        "--set", "quic.enabled=false", "--set", f"admin.socket={scratch}/admin", "--set", "log.requests=errors",
        "--set", "limits.requests_per_second=100000", "--set", "limits.requests_burst=100000", "--set", "limits.sessions_per_user=10000"], (http, sftp))
    server.wait_for(lambda: "users passwd" in server.said())
    fluxctl = ["out/fluxd/fluxctl", "--socket", f"{scratch}/admin"]
    token = run(*fluxctl, "tokens", "create", "admin", "--scope", "write").split("\n")[0].strip()
    run(*fluxctl, "keys", "add", "admin", KEY + ".pub")
    server.http, server.sftp, server.user, server.root = http, sftp, "admin", ""
    server.path, server.header = "/v1/files/", f"Authorization: Bearer {token}"
    for name in ("http.bin", "sftp.bin"):
        with open(f"{WEB}/{name}", "rb") as file:
            ask(server, "PUT", name, file.read())
    fill_fluxd(server)
    return server


def fill_fluxd(server):
    """By batch: one tar stream for each 10,000 files."""
    ask(server, "POST", "", b'{"path": "/many"}', "/v1/folders", "application/json")
    for first in range(0, FILES, 10_000):
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as archive:
            for number in range(first, min(FILES, first + 10_000)):
                entry = tarfile.TarInfo(f"file-{number:06}")
                entry.size = 1
                archive.addfile(entry, io.BytesIO(b"x"))
        ask(server, "POST", "", tar.getvalue(), "/v1/batch?path=/many", "application/x-tar")


def nginx():
    http = free_port()
    with open(f"{scratch}/nginx.conf", "w") as conf:
        conf.write(f"""worker_processes auto; daemon off; pid {scratch}/nginx.pid; error_log {scratch}/nginx.err; {"user root;" if os.getuid() == 0 else ""}
events {{ worker_connections 4096; }}
http {{ access_log off; sendfile on; keepalive_requests 100000000; open_file_cache max=1000; root {WEB};
  server {{ listen 127.0.0.1:{http}; autoindex on; autoindex_format json; }} }}""")
    server = start("nginx", ["nginx", "-c", f"{scratch}/nginx.conf"], (http,))
    server.http, server.path, server.header = http, "/", "Accept: */*"
    return server


def rclone_http():
    http = free_port()
    server = start("rclone serve http", ["rclone", "--config", "/dev/null", "serve", "http", WEB, "--addr", f"127.0.0.1:{http}", "--log-level", "ERROR"], (http,))
    server.http, server.path, server.header = http, "/", "Accept: */*"
    return server


def sshd():
    port = free_port()
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{scratch}/host")
    shutil.copy(KEY + ".pub", f"{scratch}/authorized")
    with open(f"{scratch}/sshd.conf", "w") as conf:
        conf.write(f"ListenAddress 127.0.0.1:{port}\nHostKey {scratch}/host\nAuthorizedKeysFile {scratch}/authorized\nPidFile none\nUsePAM no\nStrictModes no\n"
                   "PermitRootLogin yes\nMaxStartups 1000:30:2000\nLogLevel ERROR\nSubsystem sftp internal-sftp\n")
    server = start("sshd", ["/usr/sbin/sshd", "-D", "-e", "-f", f"{scratch}/sshd.conf"], (port,))
    server.sftp, server.user, server.root = port, "root", WEB
    return server


def rclone_sftp():
    port = free_port()
    server = start("rclone serve sftp", ["rclone", "--config", "/dev/null", "serve", "sftp", WEB, "--addr", f"127.0.0.1:{port}", "--user", "bench",
                                        "--authorized-keys", KEY + ".pub", "--vfs-cache-mode", "off", "--log-level", "ERROR"], (port,))
    server.sftp, server.user, server.root = port, "bench", ""
    return server


# -- HTTP

def ask(server, method, name, body=None, path=None, kind="application/octet-stream"):
    request = urllib.request.Request(f"http://127.0.0.1:{server.http}{path or server.path + name}", method=method, data=body)
    key, value = server.header.split(": ", 1)
    request.add_header(key, value)
    request.add_header("Content-Type", kind)
    with urllib.request.urlopen(request, timeout=600) as answer:
        return answer.read()


class Visitor(asyncio.Protocol):
    """Asks for the same file again and again over one connection, and counts."""

    def __init__(self, request, first):
        self.request, self.first, self.served, self.left, self.head, self.runs = request, first, 0, 0, b"", False

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data):
        if self.left == 0:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            length = int(re.search(rb"(?i)content-length: *(\d+)", self.head[:end])[1])
            assert self.head.startswith(b"HTTP/1.1 200"), self.head[:end]
            data, self.head, self.left = self.head[end + 4:], b"", length
        self.left -= len(data)
        if self.left == 0:
            self.served += 1
            if not self.first.done():
                self.first.set_result(None)
            if self.runs:
                self.transport.write(self.request)

    def connection_lost(self, error):
        if not self.first.done():
            self.first.set_exception(error or ConnectionError("closed"))


async def crowd(server, count):
    """Memory of a connection that has been served and waits; then how evenly all are served at once."""
    loop, visitors = asyncio.get_running_loop(), []
    request = f"GET {server.path}http.bin HTTP/1.1\r\nHost: localhost\r\n{server.header}\r\n\r\n".encode()
    before = server.pss()
    for _ in range(count):
        visitor = Visitor(request, loop.create_future())
        await loop.create_connection(lambda: visitor, "127.0.0.1", server.http)
        await visitor.first
        visitors.append(visitor)
    await asyncio.sleep(1)
    each = max(0, server.pss() - before) / count
    for visitor in visitors:
        visitor.runs, visitor.served = True, 0
        visitor.transport.write(request)
    await asyncio.sleep(SECS)
    served = sorted(visitor.served for visitor in visitors)
    for visitor in visitors:
        visitor.transport.abort()
    return each, served[0] / max(1, middle(served))


def wrk(server, count):
    before = server.cpu()
    said = run("wrk", "-t2", f"-c{count}", f"-d{SECS}s", "--timeout", "60s", "-H", server.header, f"http://127.0.0.1:{server.http}{server.path}http.bin")
    if "Non-2xx" in said or "Socket errors" in said:
        sys.exit(f"{server.name}: {said}")
    requests = int(re.search(r"(\d+) requests in", said)[1])
    return float(re.search(r"Requests/sec: *([\d.]+)", said)[1]), (server.cpu() - before) * 10_000 / requests


def names(listing):
    return len(set(re.findall(r"file-\d{6}", listing)))


def list_http(server):
    if server.name != "fluxd":
        return names(ask(server, "GET", "many/").decode())
    found, cursor = 0, ""
    while cursor is not None:
        page = ask(server, "GET", "many/?list=1&limit=1000" + cursor).decode()
        found += names(page)
        more = re.search(r'"next":"([^"]+)"', page)
        cursor = "&cursor=" + urllib.parse.quote(more[1], safe="") if more else None
    return found


# -- SFTP

def sftp(server):
    return ["sftp", *SSH, "-P", str(server.sftp), "-b", "-", f"{server.user}@127.0.0.1"]


async def sessions(server):
    """Logs all in, lets each fetch one file at the same moment: from the moment to the last one's end, and how far apart the ends are."""
    before, processes = server.cpu(), []
    idle = server.pss()
    for _ in range(SFTP_SESSIONS):
        process = await asyncio.create_subprocess_exec(*sftp(server), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process.stdin.write(f"ls {server.root}/sftp.bin\n".encode())
        processes.append(process)
        if len(processes) % 10 == 0:  # ten logins at once, as bench sftp measures those
            await asyncio.gather(*(waiting.stdout.readuntil(b"sftp.bin\n") for waiting in processes[-10:]))
            await asyncio.gather(*(waiting.stdout.readline() for waiting in processes[-10:]))
    each = max(0, server.pss() - idle) / SFTP_SESSIONS
    began, ends = time.monotonic(), []

    async def fetch(process):
        process.stdin.write(f"get {server.root}/sftp.bin /dev/null\nbye\n".encode())
        if await process.wait() != 0:
            sys.exit(f"{server.name}: a session failed: {server.said()}")
        ends.append(time.monotonic() - began)

    await asyncio.gather(*(fetch(process) for process in processes))
    await asyncio.sleep(1)
    return each, SFTP_SESSIONS * SFTP_KIB / 1024 / max(ends), middle(ends) / max(ends), server.cpu() - before


def list_sftp(server):
    return names(run(*sftp(server), input=f"ls -1f {server.root}/many\n"))


def timed(server, work):
    before, began = server.cpu(), time.monotonic()
    found = work(server)
    if found < FILES:
        sys.exit(f"{server.name} listed {found} of {FILES}")
    return time.monotonic() - began, server.cpu() - before


# -- all of it

def rounds(servers, work):
    """Each server in each round, first in another one each time."""
    results = {server.name: [] for server in servers}
    for number in range(ROUNDS):
        for server in servers[number % len(servers):] + servers[:number % len(servers)]:
            results[server.name].append(work(server))
    return results


def row(what, results, column, form, more_is_better, of=middle):
    values = {name: [result[column] for result in found] for name, found in results.items()}
    ours, peers = of(values["fluxd"]), {name: of(value) for name, value in values.items() if name != "fluxd"}
    best = (max if more_is_better else min)(peers, key=peers.get)
    ratio = ours / peers[best] if more_is_better else peers[best] / ours if ours else 1  # none: less than one tick of the clock
    cells = [form(of(value)) + (f" ± {spread(value):.0f} %" if of is middle else "") for value in values.values()]
    return [what, *cells, f"{ratio:.2f} ({best})", "≥ 1.0", verdict(ratio >= 1)]


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    os.makedirs(f"{WEB}/many")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", KEY)
    for name, kib in (("http.bin", HTTP_KIB), ("sftp.bin", SFTP_KIB)):
        with open(f"{WEB}/{name}", "wb") as file:
            file.write(os.urandom(kib << 10))
    for number in range(FILES):
        with open(f"{WEB}/many/file-{number:06}", "w") as file:
            file.write("x")
    report = Report("Many at once", f"Many clients, and a folder of {FILES:,} files, by `./build.sh bench many`.", [
        output("out/fluxd/fluxd", "--version"), package("nginx"), package("rclone"), package("openssh-server"), package("wrk")], [
        f"{ROUNDS} rounds in turns; servers and clients share the processors; files in the page cache; medians",
        f"loopback of a network namespace, {congestion()}",
        "memory: the largest of the rounds, since later ones find what the first one took",
        "ratio: how much better than the best of the others (above 1: better; memory and time the other way round); that one is the bar",
        "fluxd asks each request for its credential and each chunk for its checksum; nginx and rclone serve http let everybody read",
        "QUIC has no peer here whose clients could come by the hundred: its sessions are in the load scenarios (`./build.sh test long load`)"])
    web, ssh = [fluxd(), nginx(), rclone_http()], None

    def tell(head, servers, lines):
        report.table([head, *(server.name for server in servers), "ratio (beside)", "bar", "holds"], lines)

    lines = []
    for count in CROWDS:
        crowds, rates = rounds(web, lambda server: asyncio.run(crowd(server, count))), rounds(web, lambda server: wrk(server, count))
        lines += [
            row(f"GET of {HTTP_KIB} KiB, {count} connections, per second", rates, 0, lambda value: f"{value:,.0f}", True),
            row(f"CPU of these GETs, {count} connections, s for 10,000", rates, 1, lambda value: f"{value:.2f}", False),
            row(f"fairness, {count} connections: least served / median", crowds, 1, lambda value: f"{value:.2f}", True),
            row(f"memory of a served connection, {count}, KiB", crowds, 0, lambda value: f"{value:.0f}", False, max)]
    tell("HTTP", web, lines)
    listed = rounds(web, lambda server: timed(server, list_http))
    tell("HTTP, the folder", web, [
        row(f"list {FILES:,} files over HTTP, s", listed, 0, lambda value: f"{value:.2f}", False),
        row("CPU of listing over HTTP, s", listed, 1, lambda value: f"{value:.2f}", False)])
    ssh = [web[0], sshd(), rclone_sftp()]
    fetched, listed = rounds(ssh, lambda server: asyncio.run(sessions(server))), rounds(ssh, lambda server: timed(server, list_sftp))
    tell("SFTP", ssh, [
        row(f"{SFTP_SESSIONS} sessions fetch {SFTP_KIB} KiB each, MiB/s", fetched, 1, lambda value: f"{value:.0f}", True),
        row("fairness of these sessions: median end / last end", fetched, 2, lambda value: f"{value:.2f}", True),
        row("CPU of these sessions with their logins, s", fetched, 3, lambda value: f"{value:.2f}", False),
        row(f"memory of an SFTP session, {SFTP_SESSIONS}, KiB", fetched, 0, lambda value: f"{value:.0f}", False, max),
        row(f"list {FILES:,} files over SFTP, s", listed, 0, lambda value: f"{value:.2f}", False),
        row("CPU of listing over SFTP, s", listed, 1, lambda value: f"{value:.2f}", False)])
    report.write("many")


try:
    main()
finally:
    for one in started:
        one.stop()
    shutil.rmtree(scratch, ignore_errors=True)
