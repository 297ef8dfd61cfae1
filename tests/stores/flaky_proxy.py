"""A proxy in front of an object store that fails some requests, and loses the answers of others that took effect."""

import http.client
import http.server
import threading
from collections.abc import Callable

from plain_http import Server


class FlakyProxy:
    """Forwards to a port of this machine; a context manager.

    `fault` is given the method, the target and how many requests came before, and says "503", "lose" (the request takes
    effect and its answer is lost) or nothing."""

    def __init__(self, upstream: int, fault: Callable[[str, str, int], str | None]):
        self.upstream = upstream
        self.fault = fault
        self.faults: list[tuple[str, str, str]] = []
        self.count = 0
        self.lock = threading.Lock()
        self.server = Server(("127.0.0.1", 0), self.handler())
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> "FlakyProxy":
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def log_message(self, *_: object) -> None:
                pass

            def forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                with proxy.lock:
                    number, proxy.count = proxy.count, proxy.count + 1
                    fault = proxy.fault(self.command, self.path, number)
                    if fault:
                        proxy.faults.append((fault, self.command, self.path))
                if fault == "503":
                    return self.reply(503, [], b"<Error><Code>SlowDown</Code></Error>")
                upstream = http.client.HTTPConnection("127.0.0.1", proxy.upstream, timeout=60)
                # The signature covers the name of the host, so all headers go as they came.
                upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    upstream.putheader(name, value)
                upstream.endheaders(body)
                answer = upstream.getresponse()
                content = answer.read()
                upstream.close()
                if fault == "lose":
                    self.close_connection = True
                    return
                self.reply(answer.status, answer.getheaders(), content)

            def reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = forward

        return Handler
