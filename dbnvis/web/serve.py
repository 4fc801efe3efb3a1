"""A server of one page, of the standard library: whoever asks for anything else gets an error and nothing more."""

from __future__ import annotations

import io
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from typing import Any

from .document import Document

#: Addresses of this machine alone, and of every network it is on.
LOOPBACK, ANYWHERE = "127.0.0.1", "0.0.0.0"
PATIENCE = 10.0  # seconds that a client has to ask, and then for each part of the page
LONGEST_LINE = 8 * 1024  # bytes of the request's first line
LONGEST = 32 * 1024  # bytes of a request
PART = 64 * 1024  # bytes of the page sent at once
MOST = 400  # clients at a time
METHODS = ("GET", "HEAD")
PATHS = ("/", "/index.html")


class Refused(Exception):
    """A request that is not answered by the page; its argument is the status."""


class _Asking(io.RawIOBase):
    """What a client sends, until the time to ask is over: then TimeoutError, however slowly it goes on sending."""

    def __init__(self, connection: socket.socket, patience: float) -> None:
        self.connection, self.end = connection, time.monotonic() + patience

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.connection.settimeout(left)
        return self.connection.recv_into(buffer)


class _Handler(socketserver.BaseRequestHandler):
    """Answers one request and closes."""

    server: PageServer

    def handle(self) -> None:
        if not self.server.free.acquire(blocking=False):
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, b"too many readers at once; try again\n", head=False)
            return
        try:
            self._answer()
        except OSError:
            pass  # the client has gone
        finally:
            self.server.free.release()

    def _answer(self) -> None:
        head = False
        try:
            head = self._asked() == "HEAD"
        except Refused as refused:
            status = refused.args[0]
            self._send(status, f"{status.value} {status.phrase}\n".encode(), head=False)
            self._drain()
            return
        self._send(HTTPStatus.OK, self.server.content, head=head)

    def _asked(self) -> str:
        """The method of a request for the page; Refused for any other request."""
        with io.BufferedReader(_Asking(self.request, self.server.patience), 4096) as stream:
            try:
                first = stream.readline(LONGEST_LINE + 1)
                if len(first) > LONGEST_LINE:
                    raise Refused(HTTPStatus.REQUEST_URI_TOO_LONG)
                size = len(first)
                while True:
                    line = stream.readline(LONGEST + 1 - size)
                    size += len(line)
                    if size > LONGEST:
                        raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                    if not line.endswith(b"\n"):
                        raise Refused(HTTPStatus.BAD_REQUEST)
                    if line in (b"\r\n", b"\n"):
                        break
                    if b":" not in line:
                        raise Refused(HTTPStatus.BAD_REQUEST)
            except TimeoutError:
                raise Refused(HTTPStatus.REQUEST_TIMEOUT) from None
        words = first.decode("latin-1").split()
        if len(words) != 3 or words[2] not in ("HTTP/1.0", "HTTP/1.1"):
            raise Refused(HTTPStatus.BAD_REQUEST)
        if words[0] not in METHODS:
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED)
        if words[1].partition("?")[0] not in PATHS:
            raise Refused(HTTPStatus.NOT_FOUND)
        return words[0]

    def _send(self, status: HTTPStatus, content: bytes, *, head: bool) -> None:
        kind = "text/html" if status == HTTPStatus.OK else "text/plain"
        lines = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            f"Date: {formatdate(usegmt=True)}",
            f"Content-Type: {kind}; charset=utf-8",
            f"Content-Length: {len(content)}",
            f"Content-Security-Policy: {self.server.policy}",
            "X-Content-Type-Options: nosniff",
            "Referrer-Policy: no-referrer",
            "Cache-Control: no-store",
            "Connection: close",
            *(["Allow: GET, HEAD"] if status == HTTPStatus.METHOD_NOT_ALLOWED else []),
        ]
        self.request.settimeout(self.server.patience)  # for each part anew
        self.request.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        view = memoryview(b"" if head else content)
        for start in range(0, len(view), PART):
            self.request.sendall(view[start : start + PART])

    def _drain(self) -> None:
        """Read on for a moment: a connection closed before all is read loses the answer on its way."""
        self.request.shutdown(socket.SHUT_WR)
        with suppress(TimeoutError):
            stream = _Asking(self.request, 1.0)
            for _ in range(256):
                if not stream.readinto(bytearray(4096)):
                    break


class PageServer(ThreadingHTTPServer):
    """Serves one document, a thread for each client.

    Parameters
    ----------
    page : Document
    host : str
        The address to listen on, `LOOPBACK` or `ANYWHERE`.
    port : int
        0 for any that is free.
    patience : float
        Seconds that a client has.

    Raises
    ------
    ValueError
        If the port is in use, or the system does not allow it; names one that is free.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, page: Document, host: str = LOOPBACK, port: int = 0, patience: float = PATIENCE) -> None:
        self.content, self.patience = page.content, patience
        self.policy = f"{page.policy}; frame-ancestors 'none'"
        self.free = threading.Semaphore(MOST)
        with _explained(host, port):
            super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bind without asking what the machine is called, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, int(self.server_address[1])

    @property
    def address(self) -> str:
        """Where a browser on this machine finds the page."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client's failure is nobody else's."""


def check_port(host: str, port: int) -> None:
    """ValueError, which names a free one, if nothing can listen on this port now."""
    with _explained(host, port), socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        probe.bind((host, port))


@contextmanager
def _explained(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ValueError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}; give another one, such as "
            f"--port {_free_port(host)}"
        ) from None


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
