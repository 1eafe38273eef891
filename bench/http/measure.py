"""Runs the rounds of bench/http.sh and writes the table. One server works at a time; the others are idle."""
import argparse
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from report import Report, congestion, middle, output, package, spread, verdict
from server import Server as Process, touch_memory

MIB = 1 << 20

# What a daemon that was just started is given of each kind of upload before any is measured.
WARM_MIB, WARM_TIMES = 32, 8
TUS = ["Tus-Resumable: 1.0.0"]


class Server(Process):
    """Answers plainly and by TLS; the peak of its memory is read from /proc, too."""

    def __init__(self, name, command, ports, log, cwd=None):
        self.plain, self.tls = ports
        super().__init__(name, command, ports, log, cwd)

    def forget_peak(self):
        for pid in self.tree():
            pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peak(self):
        return sum(int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) for pid in self.tree()) / 1024


class Figures:
    def __init__(self, quiet=False):
        self.quiet = quiet
        self.values, self.cpu, self.peaks = {}, {}, {}

    def add(self, key, who, value, cpu, peak):
        self.values.setdefault((key, who), []).append(value)
        self.cpu.setdefault((key, who), []).append(cpu)
        self.peaks[key, who] = max(peak, self.peaks.get((key, who), 0))
        if not self.quiet:
            print(f"  {key:28} {who:6} {value:10.1f}   {cpu:.2f} CPU s per unit   {peak:.0f} MB", flush=True)


class Bench:
    def __init__(self, options):
        self.o = options
        self.scratch = pathlib.Path(options.scratch)
        self.figures = Figures()
        self.port = 21000 + os.getpid() % 5000
        self.bytes = options.mib * MIB
        self.notes = []

    # -- set-up

    def ports(self):
        found = []
        while len(found) < 2:
            self.port += 1
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) != 0:
                    found.append(self.port)
        return found

    def prepare(self):
        web = self.scratch / "web"
        (web / "small").mkdir(parents=True)
        self.random(web / "large.bin", self.bytes)
        for i in range(1, 201):
            self.random(web / "small" / f"{i}.bin", 4096)
        self.cert, self.key = self.scratch / "cert.pem", self.scratch / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self.key, "-out", self.cert], check=True, capture_output=True)
        self.key.chmod(0o600)

    @staticmethod
    def random(path, size):
        key, left = os.urandom(32).hex(), size
        with open(path, "wb") as out:
            subprocess.run(f"head -c {left} /dev/zero | openssl enc -aes-256-ctr -K {key} -iv {'0' * 32}", shell=True, check=True, stdout=out)

    def start_fluxd(self):
        folder = self.scratch / "fluxd"
        plain, tls = self.ports()
        server = Server("fluxd", [
            f"{self.o.fluxd}/fluxd", "--try", folder, "--set", f"http.listen=127.0.0.1:{plain}", "--set", f"http.listen_tls=127.0.0.1:{tls}",
            "--set", "sftp.enabled=false", "--set", "quic.enabled=false", "--set", f"tls.cert={self.cert}", "--set", f"tls.key={self.key}",
            "--set", "limits.requests_per_second=100000", "--set", "limits.requests_burst=100000", "--set", f"admin.socket={self.scratch}/admin",
            "--set", "log.requests=errors"],  # the others write no line for each request either
            (plain, tls), self.scratch / "fluxd.log")
        for _ in range(600):
            self.password = re.search(r"one-time password: (\S+)", (self.scratch / "fluxd.log").read_text())
            if self.password:
                break
            time.sleep(0.1)
        self.password = self.password[1]
        made = subprocess.run([f"{self.o.fluxd}/fluxctl", "--socket", f"{self.scratch}/admin", "tokens", "create", "admin", "--scope", "write"],
                              check=True, capture_output=True, text=True)
        self.auth = "Bearer " + made.stdout.strip()
        return server

    def renew_fluxd(self):
        """A new store, so that what an earlier round stored neither helps nor fills the disk."""
        self.fluxd.stop()
        shutil.rmtree(self.scratch / "fluxd")
        (self.scratch / "fluxd.log").unlink()
        self.fluxd = self.start_fluxd()

    def start_nginx(self):
        plain, tls = self.ports()
        conf = self.scratch / "nginx.conf"
        conf.write_text(f"""
worker_processes auto; daemon off; pid {self.scratch}/nginx.pid; error_log {self.scratch}/nginx.log;
{"user root;" if os.getuid() == 0 else ""}
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; default_type application/octet-stream; open_file_cache max=1000;
  ssl_certificate {self.cert}; ssl_certificate_key {self.key}; ssl_protocols TLSv1.2 TLSv1.3; root {self.scratch}/web;
  server {{ listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl http2; }}
}}""")
        return Server("nginx", ["nginx", "-c", conf], (plain, tls), self.scratch / "nginx.out")

    def start_caddy(self):
        plain, tls = self.ports()
        conf = self.scratch / "Caddyfile"
        conf.write_text(f"""
{{
  admin off
  auto_https off
  skip_install_trust
}}
http://:{plain} {{
  bind 127.0.0.1
  root * {self.scratch}/web
  file_server
}}
https://localhost:{tls} {{
  bind 127.0.0.1
  tls {self.cert} {self.key}
  root * {self.scratch}/web
  file_server
}}""")
        os.environ["XDG_DATA_HOME"] = os.environ["XDG_CONFIG_HOME"] = str(self.scratch / "caddy")
        return Server("caddy", ["caddy", "run", "--adapter", "caddyfile", "--config", conf], (plain, tls), self.scratch / "caddy.log")

    def start_tus(self):
        plain, tls = self.ports()
        (self.scratch / "tus").mkdir(exist_ok=True)
        return Server("tus", ["node", "tus.mjs", self.scratch / "tus", str(plain), str(tls), self.cert, self.key], (plain, tls), self.scratch / "tus.log", cwd=self.o.peers)

    # -- one measurement

    def url(self, server, tls, path=""):
        base = f"https://localhost:{server.tls}" if tls else f"http://127.0.0.1:{server.plain}"
        return base + ("/v1/files/bench/" if server is self.fluxd else "/") + path

    def headers(self, server):
        return ["-H", f"Authorization: {self.auth}"] if server is self.fluxd else []

    def curl(self, *arguments):
        done = subprocess.run(["curl", "-sS", "--http1.1", "--cacert", self.cert, "--fail", *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"curl {arguments} ended with {done.returncode}: {done.stderr}{done.stdout[-500:]}")
        return done.stdout

    def measure(self, key, server, units, work):
        """work returns the seconds it took, or None to take the wall clock; the figure is units per second."""
        server.forget_peak()
        cpu, began = server.cpu(), time.monotonic()
        count = work() or units
        took = time.monotonic() - began
        self.figures.add(key, server.name, count / took, (server.cpu() - cpu) / count * (1024 if units else 10_000), server.peak())

    def get_large(self, server, tls):
        self.measure(f"get-large-{kind(tls)}", server, self.o.mib, lambda: self.curl("-o", "/dev/null", *self.headers(server), self.url(server, tls, "large.bin")) and None)

    def wrk(self, key, server, tls, connections, ranges_of=""):
        env = dict(os.environ, PREFIX=re.sub(r"^https?://[^/]*", "", self.url(server, tls)), BYTES=str(ranges_of))
        if server is self.fluxd:
            env["AUTH"] = self.auth

        def work():
            done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{self.o.seconds}s", "-s", "bench/http/wrk.lua", self.url(server, tls)],
                                  env=env, capture_output=True, text=True, check=True)
            requests, _, bad, broken = map(int, re.search(r"RESULT (\d+) (\d+) (\d+) (\d+)", done.stdout).groups())
            if bad or broken or not requests:
                raise SystemExit(f"{server.name} {key}: {bad} refusals, {broken} broken of {requests}: {done.stdout}")
            return requests

        self.measure(key, server, 0, work)

    def h2load(self, server):
        """The same small files over HTTP/2: four connections with 16 requests under way on each."""
        uris = self.scratch / "uris"
        uris.write_text("".join(self.url(server, True, f"small/{i}.bin") + "\n" for i in range(1, 201)))

        def work():
            told = output("h2load", "-t1", "-c4", "-m16", "-D", str(self.o.seconds), "-i", uris, *self.headers(server))
            good = int(re.search(r"status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", told)[1])
            if not good or "Application protocol: h2" not in told:
                raise SystemExit(f"{server.name} by h2load: {told}")
            return good

        self.measure("h2-get", server, 0, work)

    def put(self, server, tls, source):
        self.measure(f"put-{kind(tls)}", server, self.o.mib, lambda: self.curl("-T", source, *self.headers(server), self.url(server, tls, "put.bin")) and None)

    def tus_create(self, server, tls, name):
        base = f"https://localhost:{server.tls}" if tls else f"http://127.0.0.1:{server.plain}"
        meta = "path " + base64.b64encode(f"/bench/{name}".encode()).decode()
        told = self.curl("-D", "-", "-o", "/dev/null", "-X", "POST", *self.headers(server), "-H", TUS[0], "-H", f"Upload-Length: {self.bytes}",
                         "-H", f"Upload-Metadata: {meta}", base + ("/v1/uploads" if server is self.fluxd else "/files"))
        location = re.search(r"(?im)^location: *(\S+)", told)[1]
        return location if location.startswith("http") else base + location

    def tus(self, server, tls, parts, label):
        def work():
            url, offset, lines = self.tus_create(server, tls, "tus.bin"), 0, []
            for part in parts:
                lines += [f'url = "{url}"', "request = PATCH", f'upload-file = "{part}"', 'header = "Tus-Resumable: 1.0.0"', f'header = "Upload-Offset: {offset}"',
                          'header = "Content-Type: application/offset+octet-stream"', 'header = "Expect:"', f'cacert = "{self.cert}"', "http1.1", "fail", "silent", "show-error"]
                if server is self.fluxd:
                    lines.append(f'header = "Authorization: {self.auth}"')
                lines.append("next")
                offset += part.stat().st_size
            config = self.scratch / "curl.conf"
            config.write_text("\n".join(lines[:-1]) + "\n")
            done = subprocess.run(["curl", "-q", "-K", config], capture_output=True, text=True)
            if done.returncode != 0:
                raise SystemExit(f"{server.name} tus {label}: {done.stderr[-500:]}")

        self.measure(f"tus-{label}-{kind(tls)}", server, self.o.mib, work)

    # -- the rounds

    WRITES = ("put", "tus-whole", "tus-4", "tus-8", "tus-16")

    def wants(self, name):
        return any(name.startswith(only) for only in self.o.only.split(","))

    def run(self):
        self.prepare()
        self.fluxd, self.nginx, self.caddy, self.tusd = self.start_fluxd(), self.start_nginx(), self.start_caddy(), self.start_tus()
        try:
            self.rounds()
        finally:
            for server in (self.fluxd, self.nginx, self.caddy, self.tusd):
                server.stop()
            self.report()

    def upload_web(self):
        web = self.scratch / "web"
        self.curl("-T", web / "large.bin", *self.headers(self.fluxd), self.url(self.fluxd, False, "large.bin"))
        for i in range(1, 201):
            self.curl("-T", web / "small" / f"{i}.bin", *self.headers(self.fluxd), self.url(self.fluxd, False, f"small/{i}.bin"))

    def rounds(self):
        web = (self.fluxd, self.nginx, self.caddy)
        if any(self.wants(name) for name in ("get", "small", "range", "h2")):
            self.upload_web()
            for round_number in range(self.o.rounds + 1):
                print(f"reading, round {round_number}" + (" (warming up, not counted)" if round_number == 0 else ""), flush=True)
                for tls in (True, False):
                    for server in turn(web, round_number):
                        if self.wants("get"):
                            self.get_large(server, tls)
                        if self.wants("small"):
                            self.wrk(f"small-get-{kind(tls)}", server, tls, 16)
                        if self.wants("range"):
                            self.wrk(f"range-{kind(tls)}", server, tls, 4, ranges_of=self.bytes)
                        if tls and self.wants("h2"):
                            self.h2load(server)
                if round_number == 0:
                    self.figures = Figures()
        if any(self.wants(name) for name in self.WRITES):
            for round_number in range(self.o.rounds):
                print(f"writing, round {round_number + 1}", flush=True)
                self.write_round(round_number)
        if self.wants("batch"):
            for round_number in range(self.o.rounds):
                print(f"batch, round {round_number + 1}", flush=True)
                self.batch_round(round_number)
        if self.wants("delta"):
            self.delta()

    def write_round(self, round_number):
        for tls in (True, False):
            self.renew_fluxd()
            self.warm_up(tls)
            pair = turn((self.fluxd, self.tusd), round_number)
            for server in pair:
                for name in self.WRITES:
                    if self.wants(name):
                        self.write(server, tls, name)
                    if server is self.tusd:
                        shutil.rmtree(self.scratch / "tus")
                        (self.scratch / "tus").mkdir()

    def write(self, server, tls, name):
        if name == "put" and server is self.tusd:
            return  # tus has no plain PUT: its one-request upload is the nearest.
        source = self.scratch / "up.bin"
        self.random(source, self.bytes)
        parts = self.split(source, int(name[4:]) * MIB) if name[4:].isdigit() else [source]
        os.sync()
        touch_memory(3 * self.bytes // MIB)
        if name == "put":
            self.put(server, tls, source)
        else:
            self.tus(server, tls, parts, name[4:])
        shutil.rmtree(self.scratch / "parts", ignore_errors=True)
        source.unlink()

    def warm_up(self, tls):
        """A daemon that was just started still compiles what its first uploads need; the other server has run all the while."""
        counted, self.figures = self.figures, Figures(quiet=True)
        whole, self.bytes = self.bytes, WARM_MIB * MIB
        for _ in range(WARM_TIMES):
            for name in self.WRITES:
                if self.wants(name):
                    self.write(self.fluxd, tls, name)
        self.figures, self.bytes = counted, whole

    def split(self, source, size):
        folder = self.scratch / "parts"
        folder.mkdir()
        subprocess.run(["split", "-b", str(size), "-a", "4", source, folder / "p"], check=True)
        return sorted(folder.iterdir())

    def batch_round(self, round_number):
        folder = self.scratch / "many"
        count = self.o.files
        for way in turn(("batch", "single"), round_number):
            folder.mkdir()
            bulk = os.urandom(4096 * count)
            for i in range(count):
                (folder / f"{i:05}.bin").write_bytes(bulk[i * 4096:(i + 1) * 4096])
            if way == "batch":
                tar = self.scratch / "many.tar"
                subprocess.run(["tar", "-C", folder, "-cf", tar, "."], check=True)
                base = f"https://localhost:{self.fluxd.tls}/v1/batch?path=/bench/batch-{round_number}"

                def work():
                    told = self.curl("-X", "POST", "-T", tar, *self.headers(self.fluxd), base)
                    done = sum(1 for line in told.splitlines() if '"status":20' in line or '"status": 20' in line)
                    if done < count:
                        raise SystemExit(f"only {done} of {count} files of the batch arrived: {told[:300]} … {told[-300:]}")
                    return count

                self.measure("batch-files", self.fluxd, 0, work)
                tar.unlink()
            else:
                lines = []
                for i in range(count):
                    lines += [f'upload-file = "{folder}/{i:05}.bin"', f'url = "{self.url(self.fluxd, True, f"single-{round_number}/{i:05}.bin")}"',
                              f'header = "Authorization: {self.auth}"', f'cacert = "{self.cert}"', "http1.1", "fail", "silent", "show-error", "output = /dev/null", "next"]
                config = self.scratch / "curl.conf"
                config.write_text("\n".join(lines[:-1]) + "\n")

                def work():
                    done = subprocess.run(["curl", "-q", "-K", config], capture_output=True, text=True)
                    if done.returncode != 0:
                        raise SystemExit("one by one: " + done.stderr[-500:])
                    return count

                self.measure("batch-one-by-one", self.fluxd, 0, work)
            shutil.rmtree(folder)

    def delta(self):
        image, size = self.scratch / "image.raw", 2048 * MIB
        self.random(image, size)
        env = dict(os.environ, FLUXCTL_CONFIG=str(self.scratch / "fluxctl"))
        ctl = f"{self.o.fluxd}/fluxctl"
        subprocess.run([ctl, "login", f"https://localhost:{self.fluxd.tls}", "--user", "admin", "--password-stdin", "--accept-new"], env=env, input=self.password + "\n",
                       text=True, check=True, capture_output=True)
        subprocess.run([ctl, "put", image, "--to", "/bench/"], env=env, check=True, capture_output=True)
        places, each = 1000, size // 100 // 1000
        with open(image, "r+b") as out:
            for i in range(places):
                out.seek(i * (size // places) + int.from_bytes(os.urandom(4), "big") % (size // places - each))
                out.write(os.urandom(each))
        told = subprocess.run([ctl, "put", image, "--to", "/bench/", "--json"], env=env, check=True, capture_output=True, text=True).stdout
        moved = json.loads(told.strip().splitlines()[-1])["moved"]
        self.notes.append(("re-upload of a 2 GiB image by fluxctl, 1 % changed in 1,000 places: bytes sent", moved / size, 0.05))
        print(f"  delta: {moved} of {size} bytes sent: {moved / size:.2%}", flush=True)

    # -- the table

    ROWS = [
        ("GET of the large file, TLS", "get-large-tls", "MiB/s", [("nginx", 1.0), ("caddy", 1.0)]),
        ("GET of the large file, plain", "get-large-plain", "MiB/s", [("nginx", 0.9), ("caddy", None)]),
        ("GET of 4 KiB, TLS", "small-get-tls", "per s", [("nginx", 0.8), ("caddy", 1.5)]),
        ("GET of 4 KiB, plain", "small-get-plain", "per s", [("nginx", 0.8), ("caddy", 1.5)]),
        ("GET of 4 KiB, HTTP/2 by h2load", "h2-get", "per s", [("nginx", None), ("caddy", None)]),
        ("1 MiB ranges, TLS", "range-tls", "per s", [("nginx", 0.9), ("caddy", None)]),
        ("1 MiB ranges, plain", "range-plain", "per s", [("nginx", 0.9), ("caddy", None)]),
    ]

    def report(self):
        lines = []
        for title, key, unit, peers in self.ROWS:
            for peer, bar in peers:
                self.line(lines, title, unit, (key, "fluxd"), (key, peer), bar)
        for tls in (True, False):
            self.line(lines, f"durable PUT, {kind(tls)}", "MiB/s", (f"put-{kind(tls)}", "fluxd"), (f"tus-whole-{kind(tls)}", "tus"), 1.5)
            for label, words in (("whole", "one request"), ("4", "parts of 4 MiB"), ("8", "parts of 8 MiB"), ("16", "parts of 16 MiB")):
                key = f"tus-{label}-{kind(tls)}"
                self.line(lines, f"resumable upload, {words}, {kind(tls)}", "MiB/s", (key, "fluxd"), (key, "tus"), 1.5)
        self.line(lines, "files of 4 KiB, batch beside one request each", "per s", ("batch-files", "fluxd"), ("batch-one-by-one", "fluxd"), 10)
        for words, value, bar in self.notes:
            lines.append((words, f"{value:.2%}", "", "", "", f"< {bar:.0%}", verdict(value < bar), "", ""))
        report = Report(
            "HTTP beside nginx, Caddy and @tus/server", "By `./build.sh bench http`: medians; every server had its turn in each round, first in another one each time.",
            [output(f"{self.o.fluxd}/fluxd", "--version"), *map(package, ("nginx-light", "caddy", "curl", "wrk", "nghttp2-client")),
             f"@tus/server 2.4.5 with its file store on node {output('node', '--version')}"],
            [f"{self.o.rounds} round{'s' * (self.o.rounds > 1)}, large file of {self.o.mib} MiB of random bytes, {self.o.files} small files, {self.o.seconds} s for each run of wrk and h2load",
             f"loopback of a network namespace, {congestion()}",
             "client and servers share the cores; @tus/server and nginx sync nothing"])
        report.table(["what", "fluxd", "beside", "spread fluxd; beside", "ratio", "bar", "holds", "CPU s per GiB (or 10,000 requests) fluxd; beside", "peak MB fluxd; beside"], lines)
        report.write("http")

    def line(self, lines, title, unit, ours, theirs, bar):
        f = self.figures
        if ours not in f.values or theirs not in f.values:
            return
        a, b = f.values[ours], f.values[theirs]
        ratio = middle(a) / middle(b)
        lines.append((
            title, f"{middle(a):,.0f} {unit}", f"{theirs[1] if theirs[1] != 'fluxd' else 'one by one'} {middle(b):,.0f}", f"±{spread(a):.0f}%; ±{spread(b):.0f}%", f"{ratio:.2f}",
            "" if bar is None else f"≥ {bar}", "" if bar is None else verdict(ratio >= bar),
            f"{middle(f.cpu[ours]):.2f}; {middle(f.cpu[theirs]):.2f}", f"{f.peaks[ours]:.0f}; {f.peaks[theirs]:.0f}"))


def kind(tls):
    return "tls" if tls else "plain"


def turn(servers, by):
    by %= len(servers)
    return servers[by:] + servers[:by]


parser = argparse.ArgumentParser()
for name in ("--scratch", "--peers", "--fluxd"):
    parser.add_argument(name, required=True)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--mib", type=int, default=1024)
parser.add_argument("--seconds", type=int, default=3)
parser.add_argument("--files", type=int, default=10_000)
parser.add_argument("--only", default="")
# Told to stop, it stops its servers and still shows what it has.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped before the end"))
Bench(parser.parse_args()).run()
