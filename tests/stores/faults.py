"""Networks and servers that fail: the right answer or a clear error, soon, and no storm of requests."""

import collections
import pathlib
import threading

from command import Outcome, Spiral
from flaky_proxy import FlakyProxy
from lineitem import Source, compare, load
from plain_http import FileServer, Habits
from servers import Store
from static_hosts import few, only_gets

# Attempts of one operation, and repeats of all operations of a process together.
ATTEMPTS_MAX, BUDGET = 6, 100
# Longest wait for an error when the server answers at all. All backoffs of an operation add up to 1.6 s at most.
SECONDS_MAX = 15
# A server that accepts and then says nothing is given two chances of 30 s.
SILENT_SECONDS_MAX = 75


def passing(binary: pathlib.Path, folder: pathlib.Path, table: str) -> int:
    """Faults that pass: right answers, and no more repeats than faults. Returns the faults injected."""
    expected = few(Spiral(binary, str(folder)), table)
    injected = 0
    for kind in ("503", "reset", "truncate"):
        lock, seen = threading.Lock(), collections.Counter[str]()

        def fault(path: str, number: int) -> str | None:
            with lock:
                seen[path] += 1
                return kind if seen[path] in (1, 2) else None

        with FileServer(folder, Habits(fault=fault)) as server:
            assert few(Spiral(binary, server.url), table) == expected, kind
            log = server.taken()
            only_gets(log)
            injected += sum(min(2, count) for count in seen.values())
    return injected


def lasting(binary: pathlib.Path, folder: pathlib.Path, table: str) -> list[str]:
    """Faults that last: an error with a code, soon. Returns what was tried and how long it took."""
    told = []

    def fails(name: str, habits: Habits, code: str = "store_unavailable", vanish_after: int | None = None) -> None:
        with FileServer(folder, habits) as server:
            if vanish_after is not None:

                def vanish(path: str, number: int) -> str | None:
                    if number >= vanish_after:
                        server.vanish()
                        return "reset"
                    return None

                server.habits.fault = vanish
            failed = Spiral(binary, server.url).fails(code, "scan", table, "--output", "csv")
            log = server.taken()
        assert failed.seconds < SECONDS_MAX, f"{name}: {failed.seconds:.1f} s"
        attempts = collections.Counter((request.path, request.headers.get("range")) for request in log)
        assert max(attempts.values()) <= ATTEMPTS_MAX, f"{name}: {attempts.most_common(1)}"
        repeats = sum(count - 1 for count in attempts.values())
        assert repeats <= BUDGET, f"{name}: {repeats} repeats"
        told.append(f"{name} {failed.seconds:.1f} s")

    fails("503 from the start", Habits(fault=lambda path, number: "503"))
    fails("503 for data", Habits(fault=lambda path, number: "503" if "/data/" in path else None))
    fails("connections reset", Habits(fault=lambda path, number: "reset" if "/data/" in path else None))
    fails("bodies cut short", Habits(fault=lambda path, number: "truncate" if "/data/" in path else None))
    fails("bodies compressed on the way", Habits(encoding="gzip"), "unsupported_operation")
    fails("vanished at once", Habits(), vanish_after=0)
    fails("vanished half-way", Habits(), vanish_after=6)
    return told


def damaged_files(binary: pathlib.Path, folder: pathlib.Path, table: str) -> int:
    """Files that are shorter than they were, or other files: never a wrong row. Returns the damages tried."""
    expected = few(Spiral(binary, str(folder)), table)
    home = folder / "tables" / Spiral(binary, str(folder)).table_id(table)
    files = [path for path in sorted(home.glob("*/*")) if path.parent.name in ("data", "keys")]
    tried = 0
    for file in (files[0], files[-1]):
        whole = file.read_bytes()
        for damage, codes in [
            (whole[: len(whole) // 3], ("truncated",)),
            (b"", ("truncated",)),
            (bytes(len(whole)), ("corrupt",)),
            (None, ("object_not_found",)),
        ]:
            if damage is None:
                file.unlink()
            else:
                file.write_bytes(damage)
            try:
                with FileServer(folder) as server:
                    failed = Spiral(binary, server.url).attempt("scan", table, "--output", "csv", seconds_max=60)
                    assert failed.status != 0 and failed.code in codes, f"{file.name}: {failed.code} {failed.errors}"
            finally:
                file.write_bytes(whole)
            tried += 1
    assert few(Spiral(binary, str(folder)), table) == expected
    return tried


class Silent(threading.Thread):
    """A server that accepts requests and never answers, tried while other tests run."""

    def __init__(self, binary: pathlib.Path, folder: pathlib.Path, table: str):
        super().__init__(daemon=True)
        self.server = FileServer(folder, Habits(fault=lambda path, number: "hang" if "/data/" in path else None))
        self.spiral = Spiral(binary, self.server.url)
        self.table = table
        self.outcome: Outcome | Exception | None = None

    def run(self) -> None:
        try:
            self.outcome = self.spiral.attempt("get", self.table, "30001", seconds_max=SILENT_SECONDS_MAX)
        except Exception as error:
            self.outcome = error

    def check(self) -> float:
        self.join()
        self.server.vanish()
        assert isinstance(self.outcome, Outcome), f"it hangs: {self.outcome}"
        assert self.outcome.code == "store_unavailable", self.outcome.errors
        return self.outcome.seconds


def writes_through(store: Store, binary: pathlib.Path, source: Source) -> tuple[int, int]:
    """Imports through a proxy that fails every third request that may be repeated, and loses answers of commits.
    Everything must be there, once. Returns how many requests were failed, and how many answers lost."""
    lost: set[str] = set()

    def fault(method: str, target: str, number: int) -> str | None:
        if method == "PUT" and "/log/0" in target and target not in lost:
            lost.add(target)
            return "lose"
        return "503" if number % 3 == 2 and "/probes/" not in target else None

    with FlakyProxy(store.port, fault) as proxy:
        environment = {
            name: value.replace(f":{store.port}", f":{proxy.port}") for name, value in store.environment.items()
        }
        flaky = Spiral(binary, f"{store.root}-flaky", environment)
        load(flaky, source)
        versions = len(flaky.run("txn", "list", "lineitem").text.splitlines())
        failed = sum(kind == "503" for kind, *_ in proxy.faults)
        parts = sum("partNumber" in target or "blockid" in target for kind, _, target in proxy.faults if kind == "503")
    # Past the proxy: nothing of what is found may be owed to a repeat of the reader.
    calm = Spiral(binary, flaky.root, store.environment)
    compare(calm, source)
    history = calm.run("txn", "list", "lineitem").text
    assert len(lost) == 3 and failed > 5, f"{failed} failures, {len(lost)} lost answers"
    assert history.count('"version"') == 2 and versions > 0, history
    return failed, len(lost)
