#!/usr/bin/env python3
"""A resumable upload over HTTP in two halves: `begin` sends the first and prints where it stands, `finish` goes on there."""
import base64, hashlib, http.client, sys

step, port, user, password, path, state = sys.argv[1:7]
DATA = b"".join(hashlib.sha256(str(i).encode()).digest() for i in range(200_000))  # 6.4 MB, no two parts alike
HEAD = {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode(), "Tus-Resumable": "1.0.0"}


def ask(method, url, body=None, **headers):
    c = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
    c.request(method, url, body, {**HEAD, **{k.replace("_", "-"): v for k, v in headers.items()}})
    r = c.getresponse()
    return r.status, dict((k.lower(), v) for k, v in r.getheaders()), r.read()


if step == "begin":
    meta = "path " + base64.b64encode(path.encode()).decode()
    status, headers, body = ask("POST", "/v1/uploads", b"", Upload_Length=str(len(DATA)), Upload_Metadata=meta)
    assert status == 201, (status, body)
    url = headers["location"]
    url = url[url.index("/v1/"):]
    half = DATA[: len(DATA) // 2]
    status, headers, body = ask("PATCH", url, half, Upload_Offset="0", Content_Type="application/offset+octet-stream")
    assert status == 204 and int(headers["upload-offset"]) == len(half), (status, headers, body)
    open(state, "w").write(url)
else:
    url = open(state).read()
    status, headers, body = ask("HEAD", url)
    at = int(headers["upload-offset"])
    assert status in (200, 204) and at == len(DATA) // 2, (status, headers)
    status, headers, body = ask("PATCH", url, DATA[at:], Upload_Offset=str(at), Content_Type="application/offset+octet-stream")
    assert status == 204, (status, body)
    status, headers, body = ask("GET", "/v1/files" + path)
    assert status == 200 and hashlib.sha256(body).digest() == hashlib.sha256(DATA).digest(), (status, len(body))
print("ok")
