"""HTTP/3 by the system's libcurl-gnutls.

h3curl.py URL [BODY_BYTES|-] [LIMIT]   one request; prints "rv version status bytes sha256"
h3curl.py --each                       a GET for each URL on standard input, over one connection; a line for each
h3curl.py --put URL FILE               a PUT of the file's bytes, read as they are sent; a line as for one request
H3CURL_AUTHORIZATION is sent as that header.
"""
import ctypes
import hashlib
import os
import sys

curl = ctypes.CDLL("libcurl-gnutls.so.4")
curl.curl_easy_init.restype = ctypes.c_void_p
curl.curl_slist_append.restype = ctypes.c_void_p
curl.curl_slist_append.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
curl.curl_version.restype = ctypes.c_char_p
if sys.argv[1] == "--version":
    print(curl.curl_version().decode())
    sys.exit(0)

TRANSFER = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p)
is_put = sys.argv[1] == "--put"
count = 0
digest = hashlib.sha256()
limit = int(sys.argv[3]) if len(sys.argv) > 3 and not is_put else 0


@TRANSFER
def on_data(data, size, number, _):
    global count
    count += size * number
    digest.update(ctypes.string_at(data, size * number))
    return 0 if limit and count > limit else size * number


@TRANSFER
def on_wanted(data, size, number, _):
    piece = content.read(size * number)
    ctypes.memmove(data, piece, len(piece))
    return len(piece)


handle = ctypes.c_void_p(curl.curl_easy_init())


def option(number, value):
    curl.curl_easy_setopt(handle, number, value)


def perform(url):
    global count, digest
    count, digest = 0, hashlib.sha256()
    option(10002, ctypes.c_char_p(url.encode()))  # URL
    result = curl.curl_easy_perform(handle)
    status = ctypes.c_long()
    version = ctypes.c_long()
    curl.curl_easy_getinfo(handle, 0x200002, ctypes.byref(status))
    curl.curl_easy_getinfo(handle, 0x20002E, ctypes.byref(version))
    return f"{result} {version.value} {status.value} {count} {digest.hexdigest()}"


option(84, ctypes.c_long(31))  # HTTP_VERSION: 3 only
option(64, ctypes.c_long(0))  # SSL_VERIFYPEER
option(81, ctypes.c_long(0))  # SSL_VERIFYHOST
option(20011, on_data)  # WRITEFUNCTION
option(13, ctypes.c_long(60))  # TIMEOUT
if "H3CURL_AUTHORIZATION" in os.environ:
    headers = curl.curl_slist_append(None, b"Authorization: " + os.environ["H3CURL_AUTHORIZATION"].encode())
    option(10023, ctypes.c_void_p(headers))  # HTTPHEADER
if is_put:
    content = open(sys.argv[3], "rb")
    option(46, ctypes.c_long(1))  # UPLOAD
    option(20012, on_wanted)  # READFUNCTION
    option(30115, ctypes.c_longlong(os.path.getsize(sys.argv[3])))  # INFILESIZE_LARGE
elif len(sys.argv) > 2 and sys.argv[2] != "-":
    body = bytes((i * 7 + 3) & 255 for i in range(1 << 16)) * (int(sys.argv[2]) >> 16)
    option(30120, ctypes.c_longlong(len(body)))  # POSTFIELDSIZE_LARGE
    option(10015, ctypes.c_char_p(body))  # POSTFIELDS
# All URLs are read before the first answer is written: neither side waits for the other with a full pipe.
urls = sys.stdin.read().split() if sys.argv[1] == "--each" else sys.argv[2:3] if is_put else sys.argv[1:2]
answers = [perform(url) for url in urls]
curl.curl_easy_cleanup(handle)  # says goodbye: a server that drains would wait for a client that just vanished
print("\n".join(answers))
