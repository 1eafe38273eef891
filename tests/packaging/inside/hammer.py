#!/usr/bin/env python3
"""Four clients, a new TCP connection for each request, until the file STOP appears. Prints what they met as JSON."""
import errno, json, os, socket, sys, threading, time

port, stop = int(sys.argv[1]), sys.argv[2]
met = {"ok": 0, "refused": 0, "reset": 0, "other": 0, "longest_ms": 0}
gate = threading.Lock()


def note(what, began):
    with gate:
        met[what] += 1
        met["longest_ms"] = max(met["longest_ms"], int((time.monotonic() - began) * 1000))


def once():
    began = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
            s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b""
            while part := s.recv(4096):
                answer += part
        note("ok" if answer.startswith(b"HTTP/1.1 200") or answer.startswith(b"HTTP/1.1 503") else "reset", began)
    except ConnectionRefusedError:
        note("refused", began)
    except ConnectionResetError:
        note("reset", began)
    except OSError as e:
        note("reset" if e.errno in (errno.EPIPE, errno.ECONNABORTED) else "other", began)


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
