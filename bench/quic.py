"""The runner of bench/quic.sh: three servers with the same file, fetched in turns."""
import os, re, shutil, signal, socket, subprocess, sys, tempfile, time
from report import Report, middle, output, package, spread, verdict

ROUNDS, MIB = int(os.environ.get("ROUNDS", 5)), int(os.environ.get("MIB", 1024))
CONGESTION = "cubic"
TICK = os.sysconf("SC_CLK_TCK")
scratch = tempfile.mkdtemp(prefix="fluxd-bench-", dir=os.environ.get("TMPDIR", "/var/tmp"))
memory = tempfile.mkdtemp(prefix="fluxd-bench-", dir="/dev/shm")  # where a client puts what it fetched: no disk in its way
started = []

# libcurl-gnutls speaks HTTP/3 where the curl program doesn't; what it fetches goes to its standard output.
FETCH = """
import ctypes, sys
curl = ctypes.CDLL("libcurl-gnutls.so.4")
curl.curl_easy_init.restype = ctypes.c_void_p
handle = ctypes.c_void_p(curl.curl_easy_init())
for number, value in ((10002, sys.argv[1].encode()), (10005, sys.argv[2].encode())):
    curl.curl_easy_setopt(handle, number, ctypes.c_char_p(value))
for number, value in ((84, 31), (64, 0), (81, 0), (45, 1)):  # HTTP/3 only, any certificate, fail on errors
    curl.curl_easy_setopt(handle, number, ctypes.c_long(value))
sys.exit(curl.curl_easy_perform(handle))
"""


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def launch(name, *command, **environment):
    log = open(f"{scratch}/{name}.log", "w")
    process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | environment)
    started.append(process)
    return process, log.name


def fluxd():
    port = free_port()
    process, log = launch("fluxd", "out/fluxd/fluxd", "--try", f"{scratch}/data", "--set", "sftp.enabled=false", "--set", "http.listen=127.0.0.1:0",
                          "--set", f"http.listen_tls=127.0.0.1:{port}", "--set", f"quic.listen=127.0.0.1:{port}", "--set", f"quic.congestion={CONGESTION}")
    for _ in range(600):
        said = open(log).read()
        if "users passwd" in said:
            return process, port, re.search(r"one-time password: (\S+)", said)[1]
        time.sleep(0.1)
    sys.exit(f"fluxd did not start: {said}")


def gtlsserver(port):
    program = shutil.which("gtlsserver") or "/usr/sbin/gtlsserver"
    return launch("gtlsserver", program, "--quiet", f"--cc={CONGESTION}", "-d", f"{scratch}/www", "127.0.0.1", str(port), f"{scratch}/key", f"{scratch}/cert")[0]


def caddy(port):
    with open(f"{scratch}/Caddyfile", "w") as file:
        file.write(f"{{\n  admin off\n  auto_https off\n}}\nhttps://localhost:{port} {{\n  tls {scratch}/cert {scratch}/key\n  root * {scratch}/www\n  file_server\n}}\n")
    return launch("caddy", "caddy", "run", "--adapter", "caddyfile", "--config", f"{scratch}/Caddyfile", HOME=scratch, XDG_DATA_HOME=scratch)[0]


def cpu(process):
    fields = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def fetch(url, user="-:-"):
    with open(f"{memory}/got", "wb") as out:
        subprocess.run([sys.executable, "-c", FETCH, url, user], stdout=out, check=True, timeout=300)


def ctl(*arguments, **options):
    return subprocess.run(["out/fluxd/fluxctl", *arguments], check=True, capture_output=True, text=True, timeout=300,
                          env=os.environ | {"FLUXCTL_CONFIG": f"{scratch}/ctl"}, **options)


def checked():
    with open(f"{memory}/got", "rb") as got, open(f"{scratch}/www/f", "rb") as sent:
        while piece := sent.read(1 << 20):
            if got.read(1 << 20) != piece:
                sys.exit("other bytes arrived")
    os.remove(f"{memory}/got")


try:
    os.makedirs(f"{scratch}/www")
    with open(f"{scratch}/www/f", "wb") as file:
        for _ in range(MIB):
            file.write(os.urandom(1 << 20))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", f"{scratch}/key", "-out", f"{scratch}/cert"], check=True, capture_output=True)
    ours, port, password = fluxd()
    reference_port, caddy_port = free_port(), free_port()
    reference, other = gtlsserver(reference_port), caddy(caddy_port)
    subprocess.run(["curl", "-sSfk", "-o", "/dev/null", "-u", f"admin:{password}", "-T", f"{scratch}/www/f", f"https://127.0.0.1:{port}/v1/files/f"], check=True)
    ctl("login", f"quic://127.0.0.1:{port}", "--user", "admin", "--password-stdin", "--accept-new", input=password)
    time.sleep(2)
    ways = {
        "fluxd, HTTP/3": (ours, lambda: fetch(f"https://127.0.0.1:{port}/v1/files/f", f"admin:{password}")),
        "gtlsserver": (reference, lambda: fetch(f"https://127.0.0.1:{reference_port}/f")),
        "Caddy": (other, lambda: fetch(f"https://localhost:{caddy_port}/f")),  # by name: it has no site without one
        "fluxd/1 by fluxctl": (ours, lambda: ctl("get", "/f", f"{memory}/got", "--quic")),
    }
    report = Report("QUIC on loopback", f"{MIB} MiB over QUIC, by `./build.sh bench quic`.",
                    [output("out/fluxd/fluxd", "--version"), package("libngtcp2-16"), package("ngtcp2-server"), package("caddy"), package("libcurl3-gnutls")],
                    [f"{ROUNDS} rounds in turns after one that is not counted; HTTP/3 client: libcurl-gnutls, one connection, for all servers",
                     f"congestion control of QUIC: {CONGESTION} at fluxd and gtlsserver, as they were told; Caddy's own, which takes no order",
                     "rates are bounded by client and server sharing the cores; the server's CPU is the steadier figure"])
    rates, used = {name: [] for name in ways}, {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name, (server, get) in ways.items():
            before, begin = cpu(server), time.monotonic()
            get()
            seconds, work = time.monotonic() - begin, cpu(server) - before
            checked()
            if turn:
                rates[name].append(MIB / seconds)
                used[name].append(work * 1024 / MIB)
    report.table(["server", "MiB/s", "spread", "server CPU s/GiB", "spread"],
                 [[name, f"{middle(rates[name]):.0f}", f"± {spread(rates[name]):.0f} %", f"{middle(used[name]):.2f}", f"± {spread(used[name]):.0f} %"] for name in ways])
    h3 = "fluxd, HTTP/3"
    rows = [("rate of HTTP/3 against gtlsserver", middle(rates[h3]) / middle(rates["gtlsserver"]), 1.0, True),
            ("rate of HTTP/3 against Caddy", middle(rates[h3]) / middle(rates["Caddy"]), 2.0, True),
            ("server CPU of fluxd/1 against our HTTP/3", middle(used["fluxd/1 by fluxctl"]) / middle(used[h3]), 0.8, False)]
    report.table(["ratio", "measured", "bar", "holds"],
                 [[name, f"{value:.2f}", f"{'≥' if least else '≤'} {bar}", verdict(value >= bar if least else value <= bar)] for name, value, bar, least in rows])
    report.write("quic")
finally:
    for process in started:
        process.send_signal(signal.SIGTERM)
    for process in started:
        process.wait(30)
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.rmtree(memory, ignore_errors=True)
