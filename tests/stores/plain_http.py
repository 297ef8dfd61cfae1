"""A plain HTTP server over a folder: GET and ranges, no listing, no HEAD. It notes every request, and misbehaves on
demand in the ways of static hosts and of broken networks."""

import dataclasses
import http.server
import pathlib
import re
import socket
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass
class Request:
    """One line of the log."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    start: float
    end: float = 0.0
    status: int = 0
    bytes: int = 0


@dataclasses.dataclass
class Habits:
    """What kind of server it is."""

    # Every request is answered this many seconds late: the round trip of a far client.
    delay: float = 0.0
    # Without them a range is answered with the whole file and status 200.
    ranges: bool = True
    # The answer for a file that does not exist.
    missing: tuple[int, bytes] = (404, b"no such file")
    # The body without its length, in chunks.
    chunked: bool = False
    # What it says of the form of a body, without being asked for it.
    encoding: str | None = None
    # Only requests with this query are answered, others with 403.
    query: str | None = None
    # Where requests are forwarded: the origin of another server.
    forward: str | None = None
    # Bytes in one piece and seconds between two of them.
    trickle: tuple[int, float] | None = None
    # What goes wrong with a request, given its path and how many requests came before it: "503", "truncate", "reset",
    # "hang" or nothing.
    fault: Callable[[str, int], str | None] = lambda path, number: None


class Server(http.server.ThreadingHTTPServer):
    """Clients that go away are no news."""

    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class FileServer:
    """Serves a folder until closed; a context manager."""

    def __init__(self, folder: pathlib.Path, habits: Habits | None = None):
        self.folder = folder
        self.habits = habits or Habits()
        self.log: list[Request] = []
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.connections: set[socket.socket] = set()
        self.server = Server(("127.0.0.1", 0), self.handler())
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> "FileServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.vanish()

    def vanish(self) -> None:
        """Stops listening and breaks all connections."""
        if self.closing.is_set():
            return
        self.closing.set()
        self.server.socket.close()
        with self.lock:
            open_connections = list(self.connections)
        for connection in open_connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        threading.Thread(target=self.server.shutdown, daemon=True).start()

    def taken(self) -> list[Request]:
        """The log so far, which starts anew."""
        with self.lock:
            log, self.log = self.log, []
        return log

    def handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        files = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def setup(self) -> None:
                super().setup()
                with files.lock:
                    files.connections.add(self.connection)

            def finish(self) -> None:
                with files.lock:
                    files.connections.discard(self.connection)
                try:
                    super().finish()
                except OSError:
                    pass

            def log_message(self, *_: object) -> None:
                pass

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def __getattr__(self, name: str) -> Callable[[], None]:
                if name.startswith("do_"):
                    return self.answer_any
                raise AttributeError(name)

            def answer_any(self) -> None:
                split = urllib.parse.urlsplit(self.path)
                path = urllib.parse.unquote(split.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, path, split.query, headers, time.monotonic())
                with files.lock:
                    number = len(files.log)
                    files.log.append(request)
                try:
                    self.answer(request, number)
                    self.wfile.flush()
                finally:
                    request.end = time.monotonic()

            def answer(self, request: Request, number: int) -> None:
                habits = files.habits
                if habits.delay:
                    time.sleep(habits.delay)
                fault = habits.fault(request.path, number)
                if fault == "hang":
                    files.closing.wait()
                if fault in ("hang", "reset"):
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if fault == "503":
                    return self.reply(request, 503, b"slow down")
                if request.method != "GET":
                    return self.reply(request, 501, b"only GET")
                if habits.query is not None and request.query != habits.query:
                    return self.reply(request, 403, b"a signature is needed")
                if habits.forward is not None:
                    return self.reply(request, 302, b"", {"Location": habits.forward + split_path(self.path)})
                file = (files.folder / request.path.lstrip("/")).resolve()
                if not file.is_relative_to(files.folder.resolve()) or not file.is_file():
                    return self.reply(request, *habits.missing)
                self.send_file(request, file, fault == "truncate")

            def send_file(self, request: Request, file: pathlib.Path, truncate: bool) -> None:
                size = file.stat().st_size
                begin, end, status, extra = 0, size, 200, {}
                wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
                if wanted and files.habits.ranges:
                    begin = int(wanted[1])
                    end = min(size, int(wanted[2]) + 1) if wanted[2] else size
                    if begin >= size:
                        return self.reply(request, 416, b"", {"Content-Range": f"bytes */{size}"})
                    status, extra = 206, {"Content-Range": f"bytes {begin}-{end - 1}/{size}"}
                with file.open("rb") as opened:
                    opened.seek(begin)
                    body = opened.read(end - begin)
                self.reply(request, status, body, extra, truncate)

            def reply(
                self,
                request: Request,
                status: int,
                body: bytes,
                extra: dict[str, str] | None = None,
                truncate: bool = False,
            ) -> None:
                habits = files.habits
                request.status = status
                self.send_response_only(status)
                for name, value in (extra or {}).items():
                    self.send_header(name, value)
                if habits.encoding is not None:
                    self.send_header("Content-Encoding", habits.encoding)
                chunked = habits.chunked and status < 300
                if chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                else:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if truncate:
                    body = body[: len(body) // 2]
                    self.close_connection = True
                size, pause = habits.trickle or (1 << 20, 0.0)
                for at in range(0, len(body), size):
                    piece = body[at : at + size]
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                    request.bytes += len(piece)
                    if pause:
                        self.wfile.flush()
                        time.sleep(pause)
                if chunked and not truncate:
                    self.wfile.write(b"0\r\n\r\n")

        return Handler


def split_path(target: str) -> str:
    """The path of a request's target, without its query."""
    return urllib.parse.urlsplit(target).path


def rounds(log: list[Request]) -> int:
    """The longest chain of requests of which each began after the one before it had been answered."""
    longest: dict[int, int] = {}
    ordered = sorted(log, key=lambda request: request.start)
    for position, request in enumerate(ordered):
        before = (longest[other] for other in range(position) if ordered[other].end <= request.start)
        longest[position] = 1 + max(before, default=0)
    return max(longest.values(), default=0)
