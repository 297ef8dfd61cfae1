"""Reading over plain HTTP: what is sent, how much, and on hosts with habits of their own."""

import pathlib

from command import SECRET, Spiral
from plain_http import FileServer, Habits, Request, rounds

# What reading one whole row may cost a far client where one run holds its key: hint, probe, index and stripe of keys,
# which a row at its end reads with the next one, index and stripe of values.
ROUNDS_MAX, REQUESTS_MAX, BYTES_MAX = 5, 7, 500_000
# What finding the table by its name adds: the catalog's hint and probe, the second beside the table's hint.
BY_NAME_ROUNDS, BY_NAME_REQUESTS = 1, 2
# Where upserts have left runs over all keys, all of them are asked.
ROUNDS_AFTER_UPSERTS_MAX = 5
ROUND_TRIP = 0.1


def cold_read(
    binary: pathlib.Path, folder: pathlib.Path, table: str, key: str, asof: str | None
) -> tuple[int, int, int]:
    """Rounds, requests and bytes of one row for a process that knows nothing but the address."""
    with FileServer(folder, Habits(delay=ROUND_TRIP)) as server:
        arguments = ["get", table, key, *(["--asof", asof] if asof else [])]
        got = Spiral(binary, server.url).run(*arguments)
        assert got.text.count("\n") == 1 and f'"id":{key},' in got.text, got.text
        log = server.taken()
    only_gets(log)
    chain = rounds(log)
    # The clock agrees with the chain, on a busy machine too.
    waited = (max(request.end for request in log) - min(request.start for request in log)) / ROUND_TRIP
    assert chain <= waited < 2 * chain, f"{chain} rounds took {waited:.1f} round trips"
    return chain, len(log), sum(request.bytes for request in log)


def only_gets(log: list[Request]) -> None:
    """No listing, no HEAD, no folder asked for."""
    assert log, "nothing was asked"
    for request in log:
        assert request.method == "GET" and not request.path.endswith("/"), request
        assert request.status != 501, request


def few(spiral: Spiral, table: str) -> str:
    """What a reader asks of a table, as text."""
    questions = [
        ["scan", table, "--where", "n0 < 5 and x0 > 0.5", "--output", "jsonl"],
        ["scan", table, "--where", "id >= 30000 and id < 30300", "--output", "jsonl"],
        ["get", table, "30001"],
        ["schema", table],
        ["txn", "list", table],
    ]
    return "".join(spiral.run(*question).text for question in questions)


def habits_of_hosts(binary: pathlib.Path, folder: pathlib.Path, table: str) -> list[str]:
    """The same answers from every kind of host as from the folder itself. Returns the kinds."""
    expected = few(Spiral(binary, str(folder)), table)
    assert expected.count("\n") > 100
    page = b"<!DOCTYPE html><html><body>Welcome</body></html>"
    kinds = {
        "plain": Habits(),
        "without ranges": Habits(ranges=False),
        "without lengths": Habits(chunked=True),
        "without ranges and lengths": Habits(ranges=False, chunked=True),
        "403 for what is missing": Habits(missing=(403, b"<Error><Code>AccessDenied</Code></Error>")),
        "a page for what is missing": Habits(missing=(200, page)),
        "410 for what is missing": Habits(missing=(410, b"")),
        "slow line": Habits(trickle=(16 << 10, 0.002)),
    }
    for kind, habits in kinds.items():
        with FileServer(folder, habits) as server:
            assert few(Spiral(binary, server.url), table) == expected, kind
            only_gets(server.taken())

    with FileServer(folder) as target, FileServer(folder, Habits(forward=target.url)) as server:
        spiral = Spiral(binary, f"{server.url}?sig={SECRET}")
        assert few(spiral, table) == expected, "redirects"
        only_gets(server.taken())
        log = target.taken()
        only_gets(log)
        for request in log:
            assert SECRET not in f"{request.query} {request.headers}", f"the other host is told the query: {request}"
    return [*kinds, "redirects to another host"]


def signed_addresses(binary: pathlib.Path, folder: pathlib.Path, table: str) -> int:
    """The query of the root goes with every request, and shows nowhere, whatever fails. Returns the failures tried."""
    expected = few(Spiral(binary, str(folder)), table)
    signature = f"sv=2024-01-01&sig={SECRET}%2Fx%3D"
    failures = [
        ("permission_denied", Habits(query="another")),
        ("table_not_found", Habits(query=signature, missing=(404, b""))),
        ("store_unavailable", Habits(fault=lambda path, number: "503")),
        ("store_unavailable", Habits(fault=lambda path, number: "reset")),
        ("store_unavailable", Habits(fault=lambda path, number: "truncate")),
        ("store_unavailable", Habits(forward="http://127.0.0.1:1")),
    ]
    with FileServer(folder, Habits(query=signature)) as server:
        # Also below a folder of the server, and with a slash at its end.
        for root in (server.url, f"{server.url}/", f"{server.url}/."):
            assert few(Spiral(binary, f"{root}?{signature}"), table) == expected
        assert all(request.query == signature for request in server.taken())
        for code, habits in failures:
            server.habits = habits
            name = "absent" if code == "table_not_found" else table
            Spiral(binary, f"{server.url}?{signature}").fails(code, "scan", name)
            Spiral(binary, f"{server.url}?{signature}").fails(code, "scan", name, "--output", "csv")
            assert all(request.query == signature for request in server.taken())
        gone = f"http://user:{SECRET}@{server.url.removeprefix('http://')}?{signature}"
    Spiral(binary, gone).fails("store_unavailable", "scan", table)
    for root in (f"http://[::1?{signature}", f"ftp://user:{SECRET}@host/x?{signature}"):
        Spiral(binary, root).fails("invalid_store_url", "scan", table)
    return len(failures) + 3


def writing_is_refused(binary: pathlib.Path, folder: pathlib.Path, table: str, rows: pathlib.Path) -> None:
    with FileServer(folder) as server:
        spiral = Spiral(binary, server.url)
        spiral.fails("read_only", "import", table, str(rows))
        spiral.fails("read_only", "import", "fresh", str(rows), "--key", "id")
        spiral.fails("read_only", "rename", table, "another")
        spiral.fails("read_only", "drop", table)
        assert f'"default.{table}"' in spiral.run("tables").text
        only_gets(server.taken())
