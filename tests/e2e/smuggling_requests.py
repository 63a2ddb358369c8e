"""The request side's table: what is sent on one connection, and what must come of it. Collected by test_smuggling.py.

An expectation is a list. A tuple (method, target, body) is a request the origin must see exactly so, answered 200. A number is
the status that refuses the connection's next request: the connection is then closed, and of that request the origin has seen
nothing. Cut(status) is the same for a fault inside a body: its head may have been sent on, never a whole request."""

HOST = "Host: a.example\r\n"
BODY = "hello"
CHUNKED = "5\r\nhello\r\n0\r\n\r\n"
INNER = "GET /inner HTTP/1.1\r\nHost: a.example\r\n\r\n"
SAME = ("POST", "/v", BODY)


class Cut(int):
    pass


VECTORS = []  # (name, bytes, expectation)


def add(name, data, *expected):
    VECTORS.append((name, data.encode("latin-1"), list(expected)))


def post(fields, body="", start="POST /v HTTP/1.1"):
    return f"{start}\r\n{HOST}{fields}\r\n{body}"


def get(fields="", start="GET /v HTTP/1.1", host=HOST):
    return f"{start}\r\n{host}{fields}\r\n"


# --- Content-Length against Transfer-Encoding: both in one request are refused, whatever either says (RFC 9112 6.3)
for te in ["chunked", "Chunked", "chunked, chunked", "identity", "xchunked", "chunked, identity", '"chunked"', "\tchunked", "chunked;a=b"]:
    add(f"CL.TE with {te!r}", post(f"Content-Length: 5\r\nTransfer-Encoding: {te}\r\n", CHUNKED), 400)
    add(f"TE.CL with {te!r}", post(f"Transfer-Encoding: {te}\r\nContent-Length: 5\r\n", CHUNKED), 400)
add("CL.TE with the prefix of another request", post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG"), 400)
add("TE.CL with a request inside a chunk", post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", f"{len(INNER):x}\r\n{INNER}\r\n0\r\n\r\n"), 400)
add("CL.TE with Content-Length 0", post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", CHUNKED), 400)
add("CL.TE in lower case", post("content-length: 5\r\ntransfer-encoding: chunked\r\n", CHUNKED), 400)
add("CL.TE on GET", get("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + CHUNKED, 400)
add("CL.TE hidden by Connection", post("Connection: content-length\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", CHUNKED), 400)
add("TE.CL hidden by Connection", post("Connection: transfer-encoding\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", CHUNKED), 400)

# --- Transfer-Encoding alone
for te in ["chunked", "Chunked", "CHUNKED", "  chunked", "\tchunked", "chunked  ", "chunked\t"]:
    add(f"TE {te!r} is chunked", post(f"Transfer-Encoding:{te if te[0] in ' 	' else ' ' + te}\r\n", CHUNKED), SAME)
add("TE without a space after the colon", post("Transfer-Encoding:chunked\r\n", CHUNKED), SAME)
for te in ["xchunked", "chunkedx", "chunked-x", "x-chunked", "identity", "gzip", "gzip, chunked", "identity, chunked", "'chunked'", "c", "chunke"]:
    add(f"TE {te!r} is a coding nobody knows", post(f"Transfer-Encoding: {te}\r\n", CHUNKED), 501)
for te in ["chunked, identity", "chunked, gzip", "chunked, chunked", "chunked,", ", chunked", ",chunked,", "chunked,,", '"chunked"', "chunked;q=1",
           "chunked; a", "chunked ;", "chun ked", "chunked x", "chunked\t,", "ch\xfcnked", "\xa0chunked", "chunked\x85", "", "=", "chunked/1",
           "\x0bchunked", "chunked\x0b", "\x0cchunked", "chunked\x0c", "\x00chunked", "chunked\x00", "chunked\x7f", "\x1fchunked", "\x08chunked"]:
    add(f"TE {te!r} is malformed or not final", post(f"Transfer-Encoding: {te}\r\n", CHUNKED), 400)
for first, second, status in [("chunked", "chunked", 400), ("chunked", "identity", 400), ("identity", "chunked", 501), ("", "chunked", 400),
                              ("gzip", "chunked", 501), ("chunked", "x", 400)]:
    add(f"TE.TE {first!r} and {second!r}", post(f"Transfer-Encoding: {first}\r\nTransfer-Encoding: {second}\r\n", CHUNKED), status)
add("TE.TE apart, in two cases", post("Transfer-Encoding: chunked\r\nX: y\r\ntransfer-encoding: chunked\r\n", CHUNKED), 400)
add("TE in HTTP/1.0", post("Transfer-Encoding: chunked\r\n", CHUNKED, "POST /v HTTP/1.0"), 400)
add("TE in HTTP/1.0 with keep-alive", post("Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n", CHUNKED, "POST /v HTTP/1.0"), 400)

# --- names that are nearly Transfer-Encoding or Content-Length: refused where malformed, another field where well-formed
for line in ["Transfer-Encoding : chunked", "Transfer-Encoding\t: chunked", "Transfer-Encoding\x0b: chunked", "Transfer-Encoding\x00: chunked",
             "\x00Transfer-Encoding: chunked", "\x0bTransfer-Encoding: chunked", "Transfer\x00-Encoding: chunked", "Transfer Encoding: chunked",
             "\xffTransfer-Encoding: chunked", "Transfer-Encoding\xa0: chunked", "Transfer-Encoding", "Transfer-Encoding;chunked", "[Transfer-Encoding]: chunked",
             "\"Transfer-Encoding\": chunked", "Transfer-Encoding,: chunked", ": chunked", ":Transfer-Encoding: chunked", " : chunked",
             "Content-Length : 6", "Content-Length\t: 6", "Content Length: 6", "Content-Length\x00: 6", "(Content-Length): 6", "Content/Length: 6"]:
    add(f"name in {line!r}", post(f"Content-Length: 5\r\n{line}\r\n", BODY), 400)
for line in ["Transfer_Encoding: chunked", "Content_Length: 6", "X-Transfer-Encoding: chunked", "Transfer-Encoding-: chunked", "TransferEncoding: chunked"]:
    add(f"name in {line!r} is another field's", post(f"Content-Length: 5\r\n{line}\r\n", BODY), SAME)

# --- line folding (RFC 9112 5.2) and lines that begin with space
for fields in ["Transfer-Encoding:\r\n chunked\r\n", "Transfer-Encoding:\r\n\tchunked\r\n", "X: a\r\n Transfer-Encoding: chunked\r\n", "X: a\r\n\tb\r\n",
               "Content-Length:\r\n 5\r\n", "X: a\r\n \r\n", "Content-Length: 5\r\n 0\r\n"]:
    add(f"folded {fields!r}", post(fields, BODY), 400)
add("space before the first field", "POST /v HTTP/1.1\r\n Host: a.example\r\nContent-Length: 5\r\n\r\nhello", 400)
add("tab before the first field", "POST /v HTTP/1.1\r\n\tHost: a.example\r\nContent-Length: 5\r\n\r\nhello", 400)
add("a line of space before the first field", "GET /v HTTP/1.1\r\n \r\nHost: a.example\r\n\r\n", 400)

# --- bare CR, bare LF, NUL and other control characters, in each position
add("LF ends the request line", "GET /v HTTP/1.1\nHost: a.example\r\n\r\n", 400)
add("LF ends a field", "GET /v HTTP/1.1\r\nHost: a.example\n\r\n", 400)
add("LF ends the head", "GET /v HTTP/1.1\r\nHost: a.example\r\n\n", 400)
add("LF everywhere", "GET /v HTTP/1.1\nHost: a.example\n\n", 400)
add("LF LF inside", "GET /v HTTP/1.1\r\nHost: a.example\r\nX: a\n\nGET /inner HTTP/1.1\r\n\r\n", 400)
add("LF hides a field", post("X: a\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", BODY), 400)
add("LF before the request line", "\nGET /v HTTP/1.1\r\nHost: a.example\r\n\r\n", 400)
add("CR ends the request line", "GET /v HTTP/1.1\rHost: a.example\r\n\r\n", 400)
add("CR ends a field", "GET /v HTTP/1.1\r\nHost: a.example\r\r\n\r\n", 400)
add("CR ends the head", "GET /v HTTP/1.1\r\nHost: a.example\r\n\rGET /inner HTTP/1.1\r\n\r\n", 400)
add("CR CR LF", "GET /v HTTP/1.1\r\r\nHost: a.example\r\n\r\n", 400)
add("CR hides a field", post("X: a\rTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", BODY), 400)
add("CR in a name", post("X\rY: a\r\nContent-Length: 5\r\n", BODY), 400)
add("CR before the request line", "\rGET /v HTTP/1.1\r\nHost: a.example\r\n\r\n", 400)
add("CR in a Content-Length", post("Content-Length: 5\r \r\n", BODY), 400)
add("LF CR", "GET /v HTTP/1.1\n\rHost: a.example\r\n\r\n", 400)
for char in "\x00\x01\x08\x0b\x0c\x0e\x1b\x1f\x7f":
    add(f"{char!r} in a value", get(f"X: a{char}b\r\n"), 400)
    add(f"{char!r} in a target", get(start=f"GET /v{char} HTTP/1.1"), 400)
add("NUL in a method", get(start="G\x00T /v HTTP/1.1"), 400)
add("NUL before the request line", "\x00" + get(), 400)
add("one empty line before a request is skipped", "\r\n" + get(), ("GET", "/v", ""))
add("two empty lines before a request", "\r\n\r\n" + get(), 400)
add("a line of space before a request", " \r\n" + get(), 400)
add("a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "x" * 100, 400)

# --- Content-Length
for cl in ["+5", "-5", "0x5", "5 5", "5,5", "5, 5", "5,6", "5,", ",5", "", "5;", "5.0", "5e0", "0b101", "5h", "five", "\x0b5", "5\x00", "\xef\xbc\x95", "5\xa0", "'5'",
           "18446744073709551616", "18446744073709551621", "9223372036854775808", "99999999999999999999", "-0", "+0", "0x0", "1_0", "\"5\""]:
    add(f"CL {cl!r}", post(f"Content-Length: {cl}\r\n", BODY), 400)
for cl in ["5", " 5", "5 ", "\t5", "0005"]:
    add(f"CL {cl!r} is 5", post(f"Content-Length:{cl}\r\n", BODY), SAME)
# RFC 9110 5.5 lets a tab stand after a value; llhttp does not, and for a length stricter is safe.
add("CL with a tab after it", post("Content-Length: 5\t\r\n", BODY), 400)
for first, second in [("5", "5"), ("5", "6"), ("6", "5"), ("5", "0"), ("0", "5"), ("5", ""), ("5", "05"), ("5", "x")]:
    add(f"CL.CL {first!r} and {second!r}", post(f"Content-Length: {first}\r\nContent-Length: {second}\r\n", BODY), 400)
add("CL.CL apart, in two cases", post("Content-Length: 5\r\nX: y\r\ncontent-length: 5\r\n", BODY), 400)
add("CL.CL three times", post("Content-Length: 5\r\n" * 3, BODY), 400)
add("CL hidden by Connection is kept", post("Connection: content-length\r\nContent-Length: 5\r\n", BODY), SAME)
add("TE hidden by Connection is kept", post("Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n", CHUNKED), SAME)

# --- bodies that look like requests (CL.0 and the like): exactly one request with exactly that body
for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"]:
    add(f"{method} with a body that is a request", post(f"Content-Length: {len(INNER)}\r\n", INNER, f"{method} /v HTTP/1.1"), (method, "/v", INNER))
add("a request in a chunk", post("Transfer-Encoding: chunked\r\n", f"{len(INNER):x}\r\n{INNER}\r\n0\r\n\r\n"), ("POST", "/v", INNER))
add("a last chunk in a chunk", post("Transfer-Encoding: chunked\r\n", "7\r\n0\r\n\r\nGE\r\n0\r\n\r\n"), ("POST", "/v", "0\r\n\r\nGE"))
add("a GET with a chunked body", get("Transfer-Encoding: chunked\r\n") + CHUNKED, ("GET", "/v", BODY))
add("POST without a length has no body", post("") + INNER, ("POST", "/v", ""), ("GET", "/inner", ""))
add("POST with length 0, then a request", post("Content-Length: 0\r\n") + INNER, ("POST", "/v", ""), ("GET", "/inner", ""))
add("an empty chunked body, then a request", post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n") + INNER, ("POST", "/v", ""), ("GET", "/inner", ""))
add("a body, then a request", post("Content-Length: 5\r\n", BODY) + INNER, SAME, ("GET", "/inner", ""))
add("a body, then a broken request", post("Content-Length: 5\r\n", BODY) + "X" + "\r\n\r\n", SAME, 400)
add("a body longer than its length", post("Content-Length: 4\r\n", BODY + "\r\n\r\n"), ("POST", "/v", "hell"), 400)
add("a good request, then a smuggling one, then another", get() + post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", CHUNKED) + INNER, ("GET", "/v", ""), 400)
add("GET with Expect and a body that is a request", post(f"Expect: 100-continue\r\nContent-Length: {len(INNER)}\r\n", INNER, "GET /v HTTP/1.1"), ("GET", "/v", INNER))

# --- chunk tricks: the head was good, the body is not
for size in ["", " 5", "5 ", "5\t", "+5", "-5", "0x5", "5_0", "g", "5h", "5\x00", "\x005", "5\x0b", "5,5", "5.", "\"5\"", "\xef\xbc\x95", "-0", "0x0", "5 ;a=b", "5\t;a",
             "10000000000000005", "00000000000000005", "fffffffffffffffff", "ffffffffffffffff", "8000000000000000", "FFFFFFFF00000005 "]:
    add(f"chunk size {size!r}", post("Transfer-Encoding: chunked\r\n", f"{size}\r\nhello\r\n0\r\n\r\n"), Cut(400))
for size in ["05", "0005", "5;", "5;a", "5;a=b", '5;a="b;c"', "5;\tx", "5;\xe9"]:
    add(f"chunk size {size!r} is 5", post("Transfer-Encoding: chunked\r\n", f"{size}\r\nhello\r\n0\r\n\r\n"), SAME)
add("chunk size in upper case", post("Transfer-Encoding: chunked\r\n", "A\r\n0123456789\r\n0\r\n\r\n"), ("POST", "/v", "0123456789"))
add("last chunk 000", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n000\r\n\r\n"), SAME)
for line, why in [("5\n", "LF ends the size"), ("5\r", "CR ends the size"), ("5;a\n", "LF ends an extension"), ("5;a\r", "CR ends an extension"), ("5;a\nb\r\n", "LF in an extension"),
                  ("5;a\rb\r\n", "CR in an extension"), ("5;a=\"\r\n\"\r\n", "CRLF in a quoted extension"), ("5;a\x00\r\n", "NUL in an extension"),
                  ("5\r\n\r\n", "an empty line before the data"), ("5\r\r\n", "CR CR LF ends the size"), (f"5;{'x' * 5000}\r\n", "an endless extension")]:
    add(f"chunk: {why}", post("Transfer-Encoding: chunked\r\n", f"{line}hello\r\n0\r\n\r\n"), Cut(400))
for data, why in [("5\r\nhelloX\r\n0\r\n\r\n", "longer than its size"), ("5\r\nhello\n0\r\n\r\n", "LF ends the data"), ("5\r\nhello\r0\r\n\r\n", "CR ends the data"),
                  ("5\r\nhello0\r\n\r\n", "nothing ends the data"), ("3\r\nhello\r\n0\r\n\r\n", "shorter than the data"), ("6\r\nhello\r\n0\r\n\r\n", "takes the CR for data"),
                  ("5\r\nhello\r\n\r\n0\r\n\r\n", "an empty line after the data"), ("5\r\nhello\r\n0\r\n\n", "LF ends the body"), ("5\r\nhello\r\n0\n\r\n", "LF ends the last size"),
                  ("5\r\nhello\r\n0\r\n\rG", "CR ends the body"), ("5\r\nhello\r\n0 \r\n\r\n", "space behind the last size"),
                  ("\r\n5\r\nhello\r\n0\r\n\r\n", "an empty line before the first size"), ("GET /inner HTTP/1.1\r\n\r\n", "a request where a size should be")]:
    add(f"chunk: {why}", post("Transfer-Encoding: chunked\r\n", data), Cut(400))
for line in ["X : 1\r\n", "X\r\n", ": 1\r\n", " X: 1\r\n", "\tX: 1\r\n", "X: 1\r\n Y: 2\r\n", "X: 1\nY: 2\r\n", "X: 1\rY: 2\r\n", "X: a\x00b\r\n", "X Y: 1\r\n", "GET /inner HTTP/1.1\r\n"]:
    add(f"trailer {line!r}", post("Transfer-Encoding: chunked\r\n", f"5\r\nhello\r\n0\r\n{line}\r\n"), Cut(400))
add("trailers without end", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n" + "X: " + "x" * 10000 + "\r\n\r\n"), Cut(400))
add("trailer Content-Length is dropped", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nContent-Length: 50\r\n\r\n"), SAME)
add("trailer Transfer-Encoding is dropped", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"), SAME)

# --- Host (RFC 9112 3.2)
add("no Host", get(host=""), 400)
add("two equal Hosts", get(host=HOST * 2), 400)
add("two Hosts", get(host=HOST + "Host: b.example\r\n"), 400)
add("two Hosts apart, in two cases", get(host=HOST + "X: y\r\nhost: b.example\r\n"), 400)
add("two Hosts in HTTP/1.0", get(host=HOST * 2, start="GET /v HTTP/1.0"), 400)
for host in ["", " ", "a b", "a,b", "a.example, b.example", "a/b", "a/", "a?b", "a#b", "u@a.example", "u:p@a.example", "a.example@b.example", "[::1", "::1", "[::1]x", "[v1.x]",
             "a:b", "a:99999", "a:65536", "a:0", "a:80:80", "a:-1", "a:+80", "a: 80", "a :80", ":80", "a\x00", "a%00", "a%2eb", "http://a.example", "a\\b", "\xe9.example", "a;b",
             "a\"b", "a<b", "*", "a.example\t b", "a" * 300, "a{b}", "a|b", "a^b", "a:80/", "a:"]:
    add(f"Host {host[:40]!r}", get(host=f"Host: {host}\r\n"), 400)
add("Host with a space before the colon", get(host="Host : a.example\r\n"), 400)
add("Host in a folded line", get(host="Host:\r\n a.example\r\n"), 400)
for host in ["a.example:80", "A.EXAMPLE", "a.example.", "127.0.0.1", "[::1]:8080", "a_b.example", "a-b.example"]:
    add(f"Host {host!r} is good", get(host=f"Host: {host}\r\n"), ("GET", "/v", ""))
for target, host in [("http://b.example/v", "a.example"), ("http://a.example:81/v", "a.example"), ("http://a.example/v", "a.example:81"), ("http://a.example.b.example/v", "a.example"),
                     ("http://a.example@b.example/v", "a.example"), ("http://u@a.example/v", "a.example"), ("http:///v", "a.example"), ("http://a.example:x/v", "a.example"),
                     ("http://a.example:/v", "a.example"), ("http://a.example\\@b.example/v", "a.example"), ("http://[::1/v", "a.example"), ("http://a.example/v", "")]:
    add(f"absolute-form {target} with Host {host!r}", get(start=f"GET {target} HTTP/1.1", host=f"Host: {host}\r\n"), 400)
add("absolute-form without Host", get(start="GET http://a.example/v HTTP/1.1", host=""), 400)
add("absolute-form agrees in another case", get(start="GET HTTP://A.example/v HTTP/1.1"), ("GET", "/v", ""))
add("absolute-form agrees with the port written once", get(start="GET http://a.example:80/v HTTP/1.1"), ("GET", "/v", ""))

# --- the request line
for start in ["GET  /v HTTP/1.1", "GET /v  HTTP/1.1", "GET\t/v HTTP/1.1", "GET /v\tHTTP/1.1", " GET /v HTTP/1.1", "\tGET /v HTTP/1.1", "GET /v HTTP/1.1 ", "GET /v HTTP/1.1\t", "GET /v HTTP/1.1 x",
              "GET /v http/1.1", "GET /v HTTP/1.1x", "GET /v HTTP/1.10", "GET /v HTTP/01.1", "GET /v HTTP/1,1", "GET /v HTTP /1.1", "GET /v HTTP/1.", "GET /v HTTP/.1", "GET /v HTTP/1",
              "GET /v HTTP/", "GET /v HTTP", "GET /v XTTP/1.1", "GET /v HTTP/1.1HTTP/1.1", "GET /v HTTP/+1.1", "GET /v HTTP/A.B", "GET /v ICY/1.1", "GET /v", "GET", "/v HTTP/1.1", "GET /a b HTTP/1.1",
              "GET HTTP/1.1", "", "GET,POST /v HTTP/1.1", "G(ET /v HTTP/1.1", "G\xc9T /v HTTP/1.1", "\"GET\" /v HTTP/1.1", "GET: /v HTTP/1.1"]:
    if start:
        add(f"request line {start!r}", get(start=start), 400)
for start in ["GET /v HTTP/2.0", "GET /v HTTP/3.0", "GET /v HTTP/0.9", "GET /v HTTP/0.0", "GET /v HTTP/9.9", "PRI * HTTP/2.0"]:
    add(f"version of {start!r}", get(start=start), 505)
add("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)
add("a later minor version is 1.1 to us", get(start="GET /v HTTP/1.2"), ("GET", "/v", ""))
for method in ["get", "Get", "FROB", "GETX", "GE", "POST_", "X" * 20]:
    add(f"method {method!r}", get(start=f"{method} /v HTTP/1.1"), 501)
for target in ["v", "*", "?a", "#a", "/v#a", "/v?a#b", "/v\\a", "/\\evil", "/\"", "/<a>", "/a^b", "/a`b", "/a{b}", "/\xe9", "/v?\xe9", "/v?a b", "a.example", "a.example/v", "a.example:80", "//", "ftp://a.example/v", "file:///v",
               "javascript:x", "http:/a.example/v", "http:a.example/v", "http//a.example", "://a.example/v", "gopher://a.example", "ws://a.example/v", "/%", "/%4", "/%zz", "/%00", "/v?%zz", "/../v", "/..", "/%2e%2e/v",
               "/v/../../x", "/..;/v", "/v/..;a/x", "/v/..%2f..%2fx", "/v/%2e%2e%2fx", "/v/..%5cx"]:
    if target != "//":
        add(f"target {target!r}", get(start=f"GET {target} HTTP/1.1"), 400)
add("target * with POST", get(start="POST * HTTP/1.1"), 400)
add("target with two slashes", get(start="GET //v HTTP/1.1"), ("GET", "/v", ""))
add("target that looks like an authority", get(start="GET //b.example/v HTTP/1.1"), ("GET", "/b.example/v", ""))
add("dot segments are gone before the origin sees them", get(start="GET /x/../v/./ HTTP/1.1"), ("GET", "/v/", ""))
add("target too long", get(start=f"GET /{'x' * 9000} HTTP/1.1"), 414)
add("target without end", "GET /" + "x" * 100_000, 414)
add("method without end", "G" * 100_000, 414)

# --- Expect (RFC 9110 10.1.1)
for expect in ["x", "", "100", "100-continue, x", "x, 100-continue", "200-ok", "100-continue;a", "100-continue=1", "100 continue"]:
    add(f"Expect {expect!r}", post(f"Expect: {expect}\r\nContent-Length: 5\r\n", BODY), 417)
add("Expect twice, one unknown", post("Expect: 100-continue\r\nExpect: x\r\nContent-Length: 5\r\n", BODY), 417)
add("Expect in another case", post("Expect: 100-CONTINUE\r\nContent-Length: 5\r\n", BODY), SAME)
add("Expect without a body", get("Expect: 100-continue\r\n"), ("GET", "/v", ""))
add("Expect with a chunked body sent at once", post("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", CHUNKED), SAME)
add("Expect with CL.TE", post("Expect: 100-continue\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", CHUNKED), 400)

# --- CONNECT and TRACE
for target in ["/v", "a.example", "*", "http://a.example/", "a.example:", "a.example:x", "a.example:0", "a.example:99999", ":80", "u@a.example:80", "a.example:80/"]:
    add(f"CONNECT {target}", get(start=f"CONNECT {target} HTTP/1.1"), 400)
add("CONNECT to another than Host says", get(start="CONNECT b.example:443 HTTP/1.1"), 400)
add("CONNECT where no route allows it", get(start="CONNECT a.example:443 HTTP/1.1") + INNER, 405)
add("CONNECT with a length", get("Content-Length: 5\r\n", "CONNECT a.example:443 HTTP/1.1") + BODY, 400)
add("CONNECT with chunks", get("Transfer-Encoding: chunked\r\n", "CONNECT a.example:443 HTTP/1.1") + CHUNKED, 400)
add("TRACE with a body", get("Content-Length: 5\r\n", "TRACE /v HTTP/1.1") + BODY, 400)

# --- Connection and Upgrade
for value in ["\x0bclose", "close\x00", "(x)", "a b", "\"close\"", "close;x", "\xe9"]:
    add(f"Connection {value!r}", get(f"Connection: {value}\r\n"), 400)
add("Connection with more options than anyone needs", get("Connection: " + ", ".join(f"x{n}" for n in range(1000)) + "\r\n"), 400)
add("Connection with empty members", get("Connection: , ,keep-alive,, \r\n"), ("GET", "/v", ""))
add("Connection: host does not take Host away", get("Connection: host\r\n"), ("GET", "/v", ""))
add("an Upgrade with a body that is a request", post(f"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: {len(INNER)}\r\n", INNER), ("POST", "/v", INNER))
add("an Upgrade to HTTP/2", get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"), ("GET", "/v", ""))

# --- too much (RFC 6585 5)
add("a field without end", get(f"X: {'x' * 70000}\r\n"), 431)
add("a name without end", "GET /v HTTP/1.1\r\n" + HOST + "X" * 70000, 431)
add("fields without number", get("X: y\r\n" * 200), 431)
add("small fields without end", "GET /v HTTP/1.1\r\n" + HOST + "X: y\r\n" * 20000, 431)
