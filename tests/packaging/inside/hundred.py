#!/usr/bin/env python3
"""hundred.py ADMIN_SOCKET FOLDER: a hundred users at once, most over HTTP, a quarter over SFTP; each sends files, holds an
upload half sent, reads everything back and compares. Prints the faults, then one line of totals."""
import base64, hashlib, http.client, json, os, socket, subprocess, sys, threading, time

admin, folder = sys.argv[1:3]
USERS, FILES, SIZE, PASSWORD = 100, 3, 1_000_000, "correct-horse-battery"
os.makedirs(folder)
faults, moved, gate = [], [0], threading.Lock()
together = threading.Barrier(USERS)


class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(admin)


def ask_admin(method, path, body=None):
    c = Unix("fluxd")
    c.request(method, "/v1/" + path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
    r = c.getresponse()
    text = r.read()
    assert r.status < 300, (r.status, text)
    return json.loads(text) if text else None


def content(user, number):
    block = b"".join(hashlib.sha256(f"{user} {number} {i}".encode()).digest() for i in range(1024))
    return (block * (SIZE // len(block) + 1))[:SIZE // 2] + os.urandom(SIZE // 2)


def by_http(user, port, address):
    head = {"Authorization": "Basic " + base64.b64encode(f"{user}:{PASSWORD}".encode()).decode(), "Tus-Resumable": "1.0.0"}
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=300, source_address=(address, 0))

    def ask(method, path, body=None, **more):
        for _ in range(100):
            c.request(method, path, body, {**head, **{k.replace("_", "-"): v for k, v in more.items()}})
            r = c.getresponse()
            text = r.read()
            if r.status not in (429, 503):
                return r, text
            time.sleep(float(r.headers.get("Retry-After") or 1))
        raise AssertionError("always busy")

    together.wait(300)
    half = content(user, "half")
    meta = "path " + base64.b64encode(b"/half").decode()
    r, text = ask("POST", "/v1/uploads", b"", Upload_Length=str(len(half)), Upload_Metadata=meta)
    assert r.status == 201, (r.status, text)
    url = r.headers["location"]
    url = url[url.index("/v1/"):]
    r, text = ask("PATCH", url, half[: len(half) // 2], Upload_Offset="0", Content_Type="application/offset+octet-stream")
    assert r.status == 204, (r.status, text)
    sent = [content(user, i) for i in range(FILES)]
    for i, data in enumerate(sent):
        r, text = ask("PUT", f"/v1/files/f{i}", data)
        assert r.status in (201, 204), (r.status, text)
    r, text = ask("PATCH", url, half[len(half) // 2:], Upload_Offset=str(len(half) // 2), Content_Type="application/offset+octet-stream")
    assert r.status == 204, (r.status, text)
    for name, data in [*((f"f{i}", d) for i, d in enumerate(sent)), ("half", half)]:
        r, text = ask("GET", f"/v1/files/{name}")
        assert r.status == 200 and text == data, (name, r.status, len(text))
    return 2 * (FILES + 1) * SIZE


def by_sftp(user, port, address):
    mine = os.path.join(folder, user)
    os.makedirs(mine)
    lines = []
    for i in range(FILES):
        open(f"{mine}/f{i}", "wb").write(content(user, i))
        lines += [f"put {mine}/f{i} f{i}", f"get f{i} {mine}/b{i}"]
    open(f"{mine}/batch", "w").write("\n".join(lines) + "\n")
    together.wait(300)
    r = subprocess.run(
        ["sshpass", "-p", PASSWORD, "sftp", "-q", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
         "-o", "LogLevel=ERROR", "-o", "BatchMode=no", "-o", f"BindAddress={address}", "-P", str(port), "-b", f"{mine}/batch", f"{user}@127.0.0.1"],
        capture_output=True, text=True, timeout=380)
    assert r.returncode == 0, r.stderr[-300:]
    for i in range(FILES):
        assert open(f"{mine}/f{i}", "rb").read() == open(f"{mine}/b{i}", "rb").read(), i
    return 2 * FILES * SIZE


def user(number, ports):
    name, way = f"user{number}", by_sftp if number % 4 == 0 else by_http
    try:
        # From addresses of their own, as people come: one address may have only a few logins checked at a time.
        bytes_moved = way(name, ports[way.__name__], f"127.0.1.{number + 1}")
        with gate:
            moved[0] += bytes_moved
    except Exception as e:  # noqa: BLE001 every fault is one
        together.abort()  # who still waits for everybody must not wait for ever
        with gate:
            faults.append(f"{name} {way.__name__}: {type(e).__name__} {e}")


for _ in range(300):
    try:
        status = ask_admin("GET", "status")
        break
    except OSError:
        time.sleep(0.2)
frontends = {f["name"]: f["endpoints"] for f in status["frontends"]}
port_of = lambda name: int(str(frontends[name][0]).rsplit(":", 1)[1].strip("/]"))  # noqa: E731
ports = {"by_http": port_of("http"), "by_sftp": port_of("sftp")}
for n in range(USERS):  # one by one: the daemon checks and makes only a few passwords at once, on purpose
    ask_admin("POST", "users", {"name": f"user{n}", "password": PASSWORD})
threads = [threading.Thread(target=user, args=(n, ports)) for n in range(USERS)]
for t in threads:
    t.start()
for t in threads:
    t.join()
for fault in faults[:5]:
    print(fault)
print(f"{USERS} users, {len(faults)} faults, {moved[0] >> 20} MB moved and compared")
