#!/usr/bin/env python3
"""Four clients, a new TCP connection for each request, until the file STOP appears. Prints what they met as JSON:
refused and reset by the kernel's word, "empty" for a connection closed without an answer, "cut" for half an answer."""
import errno, json, os, socket, sys, threading, time

port, stop = int(sys.argv[1]), sys.argv[2]
met = {"ok": 0, "refused": 0, "reset": 0, "empty": 0, "cut": 0, "other": 0, "longest_ms": 0, "first": ""}
gate = threading.Lock()


def note(what, began, detail=""):
    with gate:
        met[what] += 1
        if what != "ok" and not met["first"]:
            met["first"] = f"{what}: {detail}"
        met["longest_ms"] = max(met["longest_ms"], int((time.monotonic() - began) * 1000))


def once():
    began, step = time.monotonic(), "connect"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
            step = "send"
            s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer, step = b"", "receive"
            while part := s.recv(4096):
                answer += part
        whole = answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 503")) and b"\r\n\r\n" in answer
        note("ok" if whole else "cut" if answer else "empty", began, answer[:80].decode("latin-1"))
    except ConnectionRefusedError:
        note("refused", began, step)
    except OSError as e:
        note("reset" if e.errno in (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED) else "other", began, f"{step}: {e}")


def client():
    while not os.path.exists(stop):
        once()
        time.sleep(0.005)


threads = [threading.Thread(target=client) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(json.dumps(met))
