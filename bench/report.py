"""What every bench prints and keeps: the commit, the machine, the versions, a table with medians, spread, ratio, bar and verdict."""
import datetime, os, platform, re, socket, statistics, subprocess, time

BEGAN = time.monotonic()


def output(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def machine():
    cpu = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())
    memory = int(re.search(r"MemTotal:\s*(\d+)", open("/proc/meminfo").read()).group(1)) // (1 << 20)
    return f"{os.cpu_count()} x {cpu.group(1) if cpu else platform.machine()}, {memory} GiB, Linux {platform.release()}"


def package(name):
    return f"{name} {output('dpkg-query', '-W', '-f', '${Version}', name)}"


def congestion():
    """What connections on loopback get, asked of one; in_own_network of bench/lib.sh chose it."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client, listener.accept()[0] as server:
        names = {end.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode() for end in (client, server)}
    return f"congestion control of TCP: {' and '.join(sorted(names))}"


def verdict(holds):
    """In each table the column "holds"; docs/BENCHMARKS.md lists the rows that say no."""
    return "yes" if holds else "**no**"


def middle(values):
    return statistics.median(values)


def spread(values):
    """Half the distance between the extremes, in percent of the median."""
    return 100 * (max(values) - min(values)) / 2 / middle(values) if len(values) > 1 and middle(values) else 0.0


class Report:
    """Lines go to the screen at once and into the file at the end."""

    def __init__(self, title, question, versions, notes=()):
        today = datetime.datetime.now(datetime.timezone.utc).date()
        self.lines = [f"# {title}{os.environ.get('FORM', '')}", "", question, "", f"- {today}, commit {os.environ.get('FLUXD_COMMIT', 'unknown')}, {machine()}", f"- {'; '.join(versions)}"]
        self.lines += [f"- {note}" for note in notes]
        print("\n".join(self.lines[2:]), flush=True)

    def say(self, line=""):
        self.lines.append(line)
        print(line, flush=True)

    def table(self, head, rows):
        self.say()
        self.say("| " + " | ".join(head) + " |")
        self.say("|" + "---|" * len(head))
        for row in rows:
            self.say("| " + " | ".join(str(cell) for cell in row) + " |")

    def write(self, name):
        """As bench/results/NAME.md, or where RESULTS says: a trial must not take a measured table's place."""
        self.say()
        self.say(f"It took {(time.monotonic() - BEGAN) / 60:.1f} minutes. Load of the machine while it ran, last minute: {os.getloadavg()[0]:.1f}.")
        with open(os.environ.get("RESULTS", f"bench/results/{name}.md"), "w") as file:
            file.write("\n".join(self.lines) + "\n")
