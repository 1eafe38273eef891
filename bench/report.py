"""What every bench prints and keeps: the machine, the versions, a table with medians, spread, ratio and bar."""
import datetime, os, platform, re, statistics, subprocess


def output(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def machine():
    cpu = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())
    memory = int(re.search(r"MemTotal:\s*(\d+)", open("/proc/meminfo").read()).group(1)) // (1 << 20)
    return f"{os.cpu_count()} x {cpu.group(1) if cpu else platform.machine()}, {memory} GiB, Linux {platform.release()}"


def package(name):
    return f"{name} {output('dpkg-query', '-W', '-f', '${Version}', name)}"


def middle(values):
    return statistics.median(values)


def spread(values):
    """Half the distance between the extremes, in percent of the median."""
    return 100 * (max(values) - min(values)) / 2 / middle(values) if len(values) > 1 and middle(values) else 0.0


class Report:
    """Lines go to the screen at once and into the file at the end."""

    def __init__(self, title, question, versions, notes=()):
        today = datetime.datetime.now(datetime.timezone.utc).date()
        self.lines = [f"# {title}", "", question, "", f"- {today}, {machine()}", f"- {'; '.join(versions)}"]
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

    def write(self, path):
        self.say()
        self.say(f"Load of the machine while it ran, last minute: {os.getloadavg()[0]:.1f}.")
        with open(path, "w") as file:
            file.write("\n".join(self.lines) + "\n")
