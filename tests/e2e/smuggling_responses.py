"""The response side's table: what an origin answers GET /v with, and what the client must get. Collected by test_smuggling.py.

`expected` is 502, the body of a whole answer of status 200 (204 and 304 where the name says so), or CUT: the head may have been
passed on, but what the client got must not be a whole message. `reusable`: may the connection carry another exchange?"""

CUT = object()
VECTORS = []  # (name, bytes, origin closes, request method, expected, reusable)


def add(name, data, expected, close=False, method="GET", reusable=False):
    VECTORS.append((name, data.encode("latin-1"), close, method, expected, reusable))


def ok(fields="Content-Length: 5\r\n", body="hello", status="HTTP/1.1 200 OK"):
    return f"{status}\r\n{fields}\r\n{body}"


CHUNKED = "5\r\nhello\r\n0\r\n\r\n"
NEXT = ok(body="wrong")

add("a good answer", ok(), "hello", reusable=True)
add("a good chunked answer", ok("Transfer-Encoding: chunked\r\n", CHUNKED), "hello", reusable=True)
add("no reason phrase", ok(status="HTTP/1.1 200 "), "hello", reusable=True)

# --- framing in two ways
add("CL.TE", ok("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", CHUNKED), 502)
add("TE.CL", ok("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", CHUNKED), 502)
add("CL.CL equal", ok("Content-Length: 5\r\nContent-Length: 5\r\n"), 502)
add("CL.CL different", ok("Content-Length: 5\r\nContent-Length: 6\r\n"), 502)
add("CL.CL in two cases", ok("Content-Length: 5\r\nX: y\r\ncontent-length: 50\r\n"), 502)
for cl in ["5,5", "5, 6", "+5", "-5", "0x5", "", "5 5", "5h", "\x0b5", "5\x00", "18446744073709551621", "five"]:
    add(f"CL {cl!r}", ok(f"Content-Length: {cl}\r\n"), 502)
for te in ["gzip", "identity", "xchunked", "chunked, identity", "chunked, chunked", "gzip, chunked", '"chunked"', "chunked;q=1", "\x0bchunked", "chunked\x00", "", ",chunked"]:
    add(f"TE {te!r}", ok(f"Transfer-Encoding: {te}\r\n", CHUNKED), 502)
add("TE.TE", ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", CHUNKED), 502)
add("TE in HTTP/1.0", ok("Transfer-Encoding: chunked\r\n", CHUNKED, "HTTP/1.0 200 OK"), 502)

# --- lines
add("LF ends the status line", "HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nhello", 502)
add("LF ends a field", "HTTP/1.1 200 OK\r\nContent-Length: 5\n\r\nhello", 502)
add("LF ends the head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\nhello", 502)
add("LF everywhere", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", 502)
add("CR in a value", ok("X: a\rContent-Length: 50\r\nContent-Length: 5\r\n"), 502)
add("LF in a value", ok("X: a\nSet-Cookie: evil=1\r\nContent-Length: 5\r\n"), 502)
add("CR ends the status line", "HTTP/1.1 200 OK\rContent-Length: 5\r\n\r\nhello", 502)
add("CR CR LF", ok("X: a\r\r\nContent-Length: 5\r\n"), 502)
for char in "\x00\x01\x0b\x7f":
    add(f"{char!r} in a value", ok(f"X: a{char}b\r\nContent-Length: 5\r\n"), 502)
    add(f"{char!r} in the reason", ok(status=f"HTTP/1.1 200 O{char}K"), 502)
for line in ["X : 1", "X\t: 1", ": 1", "X", "X Y: 1", "X\x00: 1", "\xe9: 1", " X: 1", "X: 1\r\n folded", "Content-Length : 50", "Transfer-Encoding : chunked"]:
    add(f"line {line!r}", ok(f"Content-Length: 5\r\n{line}\r\n"), 502)
add("a folded Content-Length", ok("Content-Length:\r\n 5\r\n"), 502)
add("space before the first field", "HTTP/1.1 200 OK\r\n X: 1\r\nContent-Length: 5\r\n\r\nhello", 502)

# --- status lines
for status in ["HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 abc OK", "HTTP/1.1 099 OK", "HTTP/1.1 000 OK", "HTTP/1.1 +20 OK", "HTTP/1.1 -20 OK", "HTTP/1.1 2 0 OK", "HTTP/1.1  200 OK", "HTTP/1.1200 OK",
               "HTTP/1.1\t200 OK", "HTTP/1.1 200\tOK", "HTTP/2.0 200 OK", "HTTP/0.9 200 OK", "HTTP/1.10 200 OK", "http/1.1 200 OK", "ICY 200 OK", " HTTP/1.1 200 OK", "HTTP/1.1", "200 OK", "HTTP/1.1 600 Beyond",
               "HTTP/1.1 999 Beyond", "\x00HTTP/1.1 200 OK", "HTTP/1.1 200OK", "HTTPS/1.1 200 OK"]:
    add(f"status line {status!r}", ok(status=status), 502)
add("an empty line before the status line", "\r\n" + ok(), 502)
add("a request instead of a response", "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", 502)
add("nothing but a body", "hello\r\n\r\n", 502, close=True)

# --- too much
add("a head without end", "HTTP/1.1 200 OK\r\nX: " + "x" * 100_000, 502)
add("fields without number", ok("X: y\r\n" * 300 + "Content-Length: 5\r\n"), 502)
add("a status line without end", "HTTP/1.1 200 " + "O" * 100_000, 502)

# --- chunks
for size in ["x", "", " 5", "5 ", "+5", "-5", "0x5", "5h", "fffffffffffffffff", "10000000000000005", "5\x00", "5,5"]:
    add(f"chunk size {size!r}", ok("Transfer-Encoding: chunked\r\n", f"{size}\r\nhello\r\n0\r\n\r\n"), CUT)
for body, why in [("5\nhello\r\n0\r\n\r\n", "LF ends the size"), ("5\r\nhello\n0\r\n\r\n", "LF ends the data"), ("5\r\nhelloX\r\n0\r\n\r\n", "longer than its size"), ("3\r\nhello\r\n0\r\n\r\n", "shorter than the data"),
                  ("5;a\nb\r\nhello\r\n0\r\n\r\n", "LF in an extension"), ("5\r\nhello\r\n0\r\nX : 1\r\n\r\n", "a malformed trailer"), ("5\r\nhello\r\n0\r\nX: 1\n\r\n", "LF ends a trailer"),
                  ("5\r\nhello\r\n0\r\n X: 1\r\n\r\n", "a folded trailer"), (f"5;{'x' * 5000}\r\nhello\r\n0\r\n\r\n", "an endless extension")]:
    add(f"chunk: {why}", ok("Transfer-Encoding: chunked\r\n", body), CUT)
add("chunks that end early", ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n"), CUT, close=True)
add("chunks that end inside the last", ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n"), CUT, close=True)
add("a body shorter than its length", ok("Content-Length: 6\r\n"), CUT, close=True)

# --- more bytes than the answer: the client gets the answer alone, and the connection is never used again
add("another answer behind one with a length", ok() + NEXT, "hello")
add("another answer behind a chunked one", ok("Transfer-Encoding: chunked\r\n", CHUNKED) + NEXT, "hello")
add("one byte too many", ok() + "X", "hello")
add("an empty line too many", ok() + "\r\n", "hello")
add("a body behind 204", "HTTP/1.1 204 No Content\r\n\r\n" + NEXT, "")
add("a body behind 304", "HTTP/1.1 304 Not Modified\r\n\r\n" + NEXT, "")
add("204 with a length and a body", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", "")
add("204 with chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED, "")
add("a body behind the answer to HEAD", ok(), "", method="HEAD")
add("chunks behind the answer to HEAD", ok("Transfer-Encoding: chunked\r\n", CHUNKED), "", method="HEAD")
add("another answer behind one to HEAD", ok(body="") + NEXT, "", method="HEAD")
add("Content-Length 0 and a body", ok("Content-Length: 0\r\n"), "")

# --- interim responses
add("100 that nobody asked for", "HTTP/1.1 100 Continue\r\n\r\n" + ok(), "hello", reusable=True)
add("a malformed 103", "HTTP/1.1 103 Early Hints\r\nX : 1\r\n\r\n" + ok(), 502)
add("103 that ends in LF", "HTTP/1.1 103 Early Hints\n\n" + ok(), 502)
add("101 that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" + ok(), 502)
add("101 without Upgrade", "HTTP/1.1 101 Switching Protocols\r\n\r\n" + ok(), 502)
add("103 and then nothing", "HTTP/1.1 103 Early Hints\r\n\r\n", 502, close=True)
