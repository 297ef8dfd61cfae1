"""Object stores that run on this machine: MinIO and Azurite. Each is a root URL and the environment a client needs."""

import base64
import contextlib
import dataclasses
import datetime
import hashlib
import hmac
import http.client
import os
import pathlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator

CACHE = pathlib.Path(os.environ["SPIRAL_CACHE"])
USER, PASSWORD = "spiral-test", "spiral-test-password"
# The account that every Azurite has.
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclasses.dataclass
class Store:
    """A place for tables."""

    name: str
    root: str
    environment: dict[str, str]
    port: int = 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def process(command: list[str], environment: dict[str, str], log: pathlib.Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block, its output in a file."""
    with log.open("wb") as output:
        running = subprocess.Popen(command, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()


def request(port: int, method: str, target: str, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, target, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def until_created(running: subprocess.Popen[bytes], log: pathlib.Path, create: Callable[[], int]) -> None:
    """Creates the bucket, again and again while the server starts."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and running.poll() is None:
        try:
            status = create()
        except OSError:
            status = 0
        if status in (200, 201, 409):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{running.args!r} did not start:\n{log.read_text(errors='replace')[-2000:]}")


def s3_environment(port: int) -> dict[str, str]:
    return {
        "AWS_ENDPOINT": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": USER,
        "AWS_SECRET_ACCESS_KEY": PASSWORD,
    }


@contextlib.contextmanager
def minio(folder: pathlib.Path) -> Iterator[Store]:
    port = free_port()
    log = folder / "minio.log"
    command = [str(CACHE / "bin/minio"), "server", "--address", f"127.0.0.1:{port}"]
    command += ["--console-address", f"127.0.0.1:{free_port()}", str(folder / "minio")]
    environment = {"MINIO_ROOT_USER": USER, "MINIO_ROOT_PASSWORD": PASSWORD, "MINIO_UPDATE": "off", "HOME": str(folder)}
    with process(command, environment, log) as running:
        until_created(running, log, lambda: request(port, "PUT", "/spiral", s3_signature("PUT", "/spiral", port)))
        yield Store("MinIO", "s3://spiral/tables", s3_environment(port), port)


def s3_signature(method: str, path: str, port: int) -> dict[str, str]:
    """Headers of a request without a body, signed by version 4 of Amazon's scheme."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    nothing = hashlib.sha256(b"").hexdigest()
    headers = {"host": f"127.0.0.1:{port}", "x-amz-content-sha256": nothing, "x-amz-date": now}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{nothing}"
    scope = f"{now[:8]}/us-east-1/s3/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{PASSWORD}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    authorization = f"AWS4-HMAC-SHA256 Credential={USER}/{scope}, SignedHeaders={names}, Signature={signature}"
    return headers | {"authorization": authorization}


@contextlib.contextmanager
def azurite(folder: pathlib.Path) -> Iterator[Store]:
    port = free_port()
    log = folder / "azurite.log"
    command = ["node", str(CACHE / "azurite/node_modules/azurite/dist/src/blob/main.js"), "--silent"]
    command += ["--blobPort", str(port), "--location", str(folder / "azurite"), "--skipApiVersionCheck"]
    command += ["--disableTelemetry"]
    environment = {
        "AZURE_STORAGE_ACCOUNT_NAME": AZURE_ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": AZURE_KEY,
        "AZURE_ENDPOINT": f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}",
        "AZURE_ALLOW_HTTP": "true",
    }
    with process(command, {}, log) as running:
        until_created(running, log, lambda: create_container(port, "spiral"))
        yield Store("Azurite", "az://spiral/tables", environment, port)


def create_container(port: int, name: str) -> int:
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
    version = "2021-12-02"
    resource = f"/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{name}\nrestype:container"
    to_sign = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{version}\n{resource}"
    signature = base64.b64encode(hmac.digest(base64.b64decode(AZURE_KEY), to_sign.encode(), "sha256")).decode()
    headers = {
        "x-ms-date": date,
        "x-ms-version": version,
        "Authorization": f"SharedKey {AZURE_ACCOUNT}:{signature}",
    }
    return request(port, "PUT", f"/{AZURE_ACCOUNT}/{name}?restype=container", headers)
