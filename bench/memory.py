"""The runner of bench/memory.sh: three starts with all frontends on, and what the help costs."""
import json, re, resource, signal, subprocess, sys, tempfile, time
from report import Report, middle, output, verdict

RSS_MIB_MAX, HELP_MS_MAX = 120, 150
LISTEN = [word for part in ("http", "sftp", "quic") for word in ("--set", f"{part}.listen=127.0.0.1:0")]


def idle(folder):
    """KiB of one daemon five seconds after its start, and the frontends that ran."""
    with open(f"{folder}/out", "w") as log:
        daemon = subprocess.Popen(["out/fluxd/fluxd", "--try", f"{folder}/var", *LISTEN], stdout=log, stderr=log)
    try:
        for _ in range(600):
            if "users passwd" in open(log.name).read():
                break
            if daemon.poll() is not None:
                sys.exit(open(log.name).read())
            time.sleep(0.1)
        time.sleep(5)  # what the start allocated has been collected or stays
        status = json.loads(output("out/fluxd/fluxctl", "--socket", f"{folder}/var/fluxd.sock", "status", "--json"))
        rss = int(re.search(r"^VmRSS:\s+(\d+)", open(f"/proc/{daemon.pid}/status").read(), re.M)[1])
        return rss, [frontend["name"] for frontend in status["frontends"]]
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(60)


def help_ms():
    """User and system time of one call."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output("out/fluxd/fluxctl", "--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


starts = []
for _ in range(3):
    with tempfile.TemporaryDirectory(prefix="fluxd-bench-") as scratch:
        starts.append(idle(scratch))
calls = [help_ms() for _ in range(7)]
memory = [rss / 1024 for rss, _ in starts]


def row(what, values, unit, bar):
    return [what, f"{middle(values):.0f} {unit}", f"{min(values):.0f}–{max(values):.0f}", f"under {bar} {unit}", verdict(middle(values) < bar)]


text = Report(
    "Memory of an idle daemon, CPU of the help", "What does fluxd cost while it does nothing, and fluxctl to say how it is used?",
    [output("out/fluxd/fluxd", "--version")],
    [f"frontends that ran: {' '.join(starts[-1][1])}; five seconds after the start, nothing stored; `./build.sh bench memory`"])
text.table(
    ["figure", "median", "spread", "bar", "holds"],
    [row("fluxd idle RSS, 3 starts", memory, "MB", RSS_MIB_MAX), row("fluxctl --help, user + system, 7 runs", calls, "ms", HELP_MS_MAX)])
text.write("memory")
