"""A server under test: one process and what it forks. CPU time and memory are read from /proc."""
import mmap, os, re, signal, socket, subprocess, sys, time

TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def touch_memory(mebibytes):
    """
    Takes so much memory and lets it go. Before each large upload, because a virtual machine gives memory that was free for
    some seconds back to its host, and then the first touch of it costs: 3 CPU seconds for each GiB were measured, which the
    page cache paid in one round and not in the next, whoever the server was.
    """
    with mmap.mmap(-1, mebibytes << 20) as memory:
        zeros = bytes(1 << 20)
        for _ in range(mebibytes):
            memory.write(zeros)


class Server:
    def __init__(self, name, command, ports, log, cwd=None):
        self.name, self.log = name, log
        with open(log, "w") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, cwd=cwd)
        for port in ports:
            self.wait_for(lambda: self.answers(port))

    @staticmethod
    def answers(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def said(self):
        with open(self.log) as file:
            return file.read()

    def wait_for(self, what):
        for _ in range(600):
            if found := what():
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        sys.exit(f"{self.name} did not start: {self.said()}")

    def tree(self):
        found, todo = [], [self.process.pid]
        while todo:
            found.append(todo.pop())
            try:
                for task in os.listdir(f"/proc/{found[-1]}/task"):
                    with open(f"/proc/{found[-1]}/task/{task}/children") as file:
                        todo += [int(child) for child in file.read().split()]
            except OSError:
                pass
        return found

    def cpu(self):
        """User and system seconds; of what it forked once that has ended."""
        total = 0
        for pid in self.tree():
            try:
                with open(f"/proc/{pid}/stat") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
                total += sum(int(field) for field in fields[11:15 if pid == self.process.pid else 13])
            except OSError:
                pass
        return total / TICK

    def pss(self):
        """Proportional memory of all its processes, in KiB."""
        total = 0
        for pid in self.tree():
            try:
                with open(f"/proc/{pid}/smaps_rollup") as file:
                    total += int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M)[1])
            except (OSError, TypeError):
                pass
        return total

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
