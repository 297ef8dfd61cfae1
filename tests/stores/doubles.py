"""In-memory object stores that speak just enough of a protocol: Amazon's, with put-if-absent honoured, ignored or
checked without a lock, and Google's XML interface. Signatures are not checked; every request is noted."""

import dataclasses
import enum
import http.server
import re
import threading
import time
import urllib.parse
import uuid

from plain_http import Server


class Conditions(enum.Enum):
    """What becomes of the condition of a put."""

    HONOURED = "honoured"
    IGNORED = "ignored"
    # Looked at, but another put may come between the look and the write.
    RACY = "racy"


@dataclasses.dataclass
class Request:
    method: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    status: int = 0


class ObjectServer:
    """Objects below `/bucket/key`, until closed; a context manager."""

    def __init__(self, condition: tuple[str, str], conditions: Conditions = Conditions.HONOURED):
        self.condition = condition
        self.conditions = conditions
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.log: list[Request] = []
        self.lock = threading.Lock()
        self.server = Server(("127.0.0.1", 0), self.handler())
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> "ObjectServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def put(self, key: str, body: bytes, headers: dict[str, str]) -> int:
        name, value = self.condition
        conditional = headers.get(name) == value and self.conditions is not Conditions.IGNORED
        if conditional and self.conditions is Conditions.RACY:
            if key in self.objects:
                return 412
            time.sleep(0.01)
            conditional = False
        with self.lock:
            if conditional and key in self.objects:
                return 412
            self.objects[key] = body
            return 200

    def handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        store = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def log_message(self, *_: object) -> None:
                pass

            def begin(self) -> tuple[Request, bytes]:
                split = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, urllib.parse.unquote(split.path).lstrip("/"), query, headers)
                with store.lock:
                    store.log.append(request)
                return request, self.rfile.read(int(headers.get("content-length", "0")))

            def reply(self, request: Request, status: int, body: bytes = b"", **extra: str) -> None:
                request.status = status
                self.send_response_only(status)
                headers = {"ETag": '"e"', "x-goog-generation": "1", "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
                for name, value in (headers | {name.replace("_", "-"): value for name, value in extra.items()}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                request, _ = self.begin()
                body = store.objects.get(request.key)
                if body is None:
                    return self.reply(request, 404, b"<Error><Code>NoSuchKey</Code></Error>")
                wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
                if not wanted:
                    return self.reply(request, 200, body)
                begin, end = int(wanted[1]), min(len(body), int(wanted[2]) + 1)
                if begin >= len(body):
                    return self.reply(request, 416)
                self.reply(request, 206, body[begin:end], Content_Range=f"bytes {begin}-{end - 1}/{len(body)}")

            def do_PUT(self) -> None:
                request, body = self.begin()
                if "partNumber" in request.query:
                    store.uploads[request.query["uploadId"]][int(request.query["partNumber"])] = body
                    return self.reply(request, 200)
                self.reply(request, store.put(request.key, body, request.headers))

            def do_POST(self) -> None:
                request, body = self.begin()
                if "delete" in request.query:
                    bucket = request.key.split("/")[0]
                    with store.lock:
                        for key in re.findall(r"<Key>(.*?)</Key>", body.decode()):
                            store.objects.pop(f"{bucket}/{key}", None)
                    return self.reply(request, 200, b"<DeleteResult></DeleteResult>")
                if "uploads" in request.query:
                    upload = uuid.uuid4().hex
                    store.uploads[upload] = {}
                    answer = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
                    return self.reply(request, 200, answer.encode())
                parts = store.uploads.pop(request.query["uploadId"])
                body = b"".join(parts[number] for number in sorted(parts))
                store.put(request.key, body, {})
                answer = "<CompleteMultipartUploadResult><ETag>&quot;e&quot;</ETag></CompleteMultipartUploadResult>"
                self.reply(request, 200, answer.encode())

            def do_DELETE(self) -> None:
                request, _ = self.begin()
                with store.lock:
                    found = store.objects.pop(request.key, None)
                self.reply(request, 404 if found is None else 204)

        return Handler


def amazon(conditions: Conditions) -> ObjectServer:
    return ObjectServer(("if-none-match", "*"), conditions)


def google() -> ObjectServer:
    return ObjectServer(("x-goog-if-generation-match", "0"))
