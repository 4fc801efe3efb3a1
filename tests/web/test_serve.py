"""The server gives the page and nothing else, to many at once, whatever is sent to it."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from dbnvis.web.document import Document
from dbnvis.web.serve import LOOPBACK, PageServer

PAGE = Document("<!doctype html>" + "x" * 3_000_000, "default-src 'none'")


@contextmanager
def serving(patience=10.0):
    with PageServer(PAGE, patience=patience) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def port():
    with serving() as port:
        yield port


def ask(port, request, *, parts=1, pause=0.0):
    """What the server answers to the bytes of a request: status, head, body."""
    with socket.create_connection((LOOPBACK, port), timeout=20) as client:
        size = -(-len(request) // parts) or 1
        try:
            for start in range(0, len(request), size):
                client.sendall(request[start : start + size])
                time.sleep(pause)
        except OSError:
            pass  # it had heard enough
        answer = b""
        while block := client.recv(1 << 16):
            answer += block
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), body


def get(port, path, method="GET", headers="Host: localhost\r\n"):
    return ask(port, f"{method} {path} HTTP/1.1\r\n{headers}\r\n".encode("latin-1"))


@pytest.mark.parametrize("path", ["/", "/index.html", "/?lan=1", "/index.html?a=../b"])
def test_the_page_is_served_with_its_policy(port, path):
    status, head, body = get(port, path)
    assert status == 200 and body == PAGE.content
    assert "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'" in head
    assert "X-Content-Type-Options: nosniff" in head and "Content-Type: text/html; charset=utf-8" in head


def test_head_gives_the_length_alone(port):
    status, head, body = get(port, "/", "HEAD")
    assert status == 200 and f"Content-Length: {len(PAGE.content)}" in head and body == b""


def test_a_hundred_clients_at_once_get_the_page(port):
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: get(port, "/"), range(100)))
    assert [status for status, _, _ in answers] == [200] * 100
    assert all(body == PAGE.content for _, _, body in answers)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/index.html/../../setup.cfg",
        "//etc/passwd",
        "\\..\\x",
        "/static/",
        "/favicon.ico",
        "http://example.org/",
        "*",
        "/\x00",
    ],
)
def test_nothing_but_the_page_is_found(port, path):
    status, _, body = get(port, path)
    assert status == 404 and body == b"404 Not Found\n"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", "X"])
def test_other_methods_are_refused(port, method):
    status, head, _ = get(port, "/", method)
    assert status == 405 and "Allow: GET, HEAD" in head


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET / HTTP/1.1 x\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 5_000_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 100_000 + b"\r\n", 431),
    ],
)
def test_hostile_requests_are_refused(port, request_, status):
    assert ask(port, request_)[0] == status


def test_slow_clients_are_cut_off_however_they_drip():
    with serving(patience=0.5) as port:
        start = time.monotonic()
        assert ask(port, b"GET / HTTP/1.1\r\n")[0] == 408  # and then nothing
        assert ask(port, b"GET / HTTP/1.1\r\nX: abc", parts=20, pause=0.1)[0] == 408
        assert time.monotonic() - start < 8
        assert get(port, "/")[0] == 200


def test_a_client_that_leaves_harms_nobody(port, capfd):
    for _ in range(20):
        with socket.create_connection((LOOPBACK, port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert get(port, "/")[0] == 200
    assert capfd.readouterr().err == ""


def test_it_listens_on_this_machine_alone_and_names_a_free_port():
    with PageServer(PAGE) as server:
        assert server.server_address[0] == LOOPBACK and server.address == f"http://127.0.0.1:{server.server_port}/"
        with pytest.raises(ValueError, match=rf"port {server.server_port}: .*; give another one, such as --port \d+"):
            PageServer(PAGE, port=server.server_port)
