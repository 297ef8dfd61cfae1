"""The interpreter of `tests/conformance/list.json` in Python: see the page beside that list.

    python conformance.py LIST [--served FOLDER --server serve.mjs] [--falsified]

With `--served` also reads the tables that the reference interpreter wrote there, over HTTP. With `--falsified` every
entry must turn red.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
import math
import shutil
import struct
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import spiral

LANGUAGE = "python"
CHANGES = {"create_table", "write", "delete", "delete_where", "transaction"}
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)

Json = Any


class Red(Exception):
    """What a step did instead of what the list expects."""


def text_of(json: Json, turn: int | None) -> str:
    text = json if isinstance(json, str) else json["repeat"] * json["times"]
    return text if turn is None else text.replace("{n}", str(turn))


def given(json: Json, turn: int | None) -> Any:
    """A value as a Python program has it."""
    if json is None or isinstance(json, bool):
        return json
    ((form, of),) = json.items()
    match form:
        case "int" | "uint":
            return int(text_of(of, turn))
        case "float":
            return float(of)
        case "decimal":
            return Decimal(text_of(of, turn))
        case "text":
            return text_of(of, turn)
        case "bytes":
            return bytes.fromhex(text_of(of, turn))
        case "date":
            days = int(text_of(of, turn))
            try:
                return EPOCH.date() + dt.timedelta(days=days)
            except OverflowError:
                return pa.scalar(days, pa.date32())
        case "time" | "timestamp" | "duration":
            return moment(form, int(text_of(of[0], turn)), of[1])
        case "interval":
            return pa.MonthDayNano([of[0], of[1], int(text_of(of[2], turn))])
        case "list":
            return [given(item, turn) for item in of]
        case "struct":
            return {name: given(member, turn) for name, member in of}
    raise ValueError(f"{form} is no form of a value")


def moment(form: str, number: int, unit: str) -> Any:
    try:
        if unit == "us" and form == "timestamp":
            return EPOCH + dt.timedelta(microseconds=number)
        if unit == "us" and form == "duration":
            return dt.timedelta(microseconds=number)
    except OverflowError:
        pass
    match form:
        case "timestamp":
            return pa.scalar(number, pa.timestamp(unit, "UTC"))
        case "duration":
            return pa.scalar(number, pa.duration(unit))
        case _:
            return pa.scalar(number, pa.time32(unit) if unit in ("s", "ms") else pa.time64(unit))


def float_bits(value: float) -> str:
    return "nan" if math.isnan(value) else struct.pack(">d", value).hex()


def expected(json: Json, turn: int | None) -> Any:
    """A value of the list in the form of `found`."""
    if json is None or isinstance(json, bool):
        return json
    ((form, of),) = json.items()
    match form:
        case "int" | "uint" | "date":
            return (form, int(text_of(of, turn)))
        case "float":
            return (form, float_bits(float(of)))
        case "decimal" | "text":
            return (form, text_of(of, turn))
        case "bytes":
            return (form, bytes.fromhex(text_of(of, turn)))
        case "time" | "timestamp" | "duration":
            return (form, int(text_of(of[0], turn)), of[1])
        case "interval":
            return (form, of[0], of[1], int(text_of(of[2], turn)))
        case "list":
            return (form, [expected(item, turn) for item in of])
        case "struct":
            return (form, [(name, expected(member, turn)) for name, member in of])
        case "map":
            return (form, [(expected(key, turn), expected(item, turn)) for key, item in of])
    raise ValueError(f"{form} is no form of a value")


def found(array: pa.Array) -> list[Any]:
    """The values of an array, so that they are equal when they are the same bit for bit."""
    kind = array.type
    if isinstance(array, pa.DictionaryArray):
        return found(array.dictionary_decode())

    def each(form: str, values: list[Any], *rest: Any) -> list[Any]:
        return [None if value is None else (form, value, *rest) for value in values]

    if pa.types.is_null(kind) or pa.types.is_boolean(kind):
        return array.to_pylist()
    if pa.types.is_integer(kind):
        return each("uint" if pa.types.is_uint64(kind) else "int", array.to_pylist())
    if pa.types.is_floating(kind):
        values = array.to_pylist()
        return each("float", [None if value is None else float_bits(float(value)) for value in values])
    if pa.types.is_decimal(kind):
        return each("decimal", [None if value is None else format(value, "f") for value in array.to_pylist()])
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return each("text", array.to_pylist())
    if pa.types.is_date32(kind):
        return each("date", pc.cast(array, pa.int32()).to_pylist())
    if pa.types.is_date64(kind):
        return each("date", [None if n is None else n // 86_400_000 for n in pc.cast(array, pa.int64()).to_pylist()])
    if pa.types.is_time32(kind):
        return each("time", pc.cast(array, pa.int32()).to_pylist(), kind.unit)
    if pa.types.is_time64(kind):
        return each("time", pc.cast(array, pa.int64()).to_pylist(), kind.unit)
    if pa.types.is_timestamp(kind):
        return each("timestamp", pc.cast(array, pa.int64()).to_pylist(), kind.unit)
    if pa.types.is_duration(kind):
        return each("duration", pc.cast(array, pa.int64()).to_pylist(), kind.unit)
    if pa.types.is_interval(kind):
        return [None if v is None else ("interval", v.months, v.days, v.nanoseconds) for v in array.to_pylist()]
    if pa.types.is_map(kind):
        keys, items = found(array.keys), found(array.items)
        offsets = array.offsets.to_pylist()
        pairs = [list(zip(keys[a:b], items[a:b], strict=True)) for a, b in zip(offsets, offsets[1:], strict=False)]
        return [("map", pair) if valid.as_py() else None for pair, valid in zip(pairs, array.is_valid(), strict=True)]
    if pa.types.is_struct(kind):
        members = [found(array.field(at)) for at in range(kind.num_fields)]
        names = [kind.field(at).name for at in range(kind.num_fields)]
        rows = zip(*members, strict=True) if members else iter([()] * len(array))
        return [
            ("struct", list(zip(names, row, strict=True))) if valid.as_py() else None
            for row, valid in zip(rows, array.is_valid(), strict=True)
        ]
    if hasattr(kind, "value_type"):
        return [("list", found(item.values)) if item.is_valid else None for item in array]
    return each("bytes", array.to_pylist())


class Run:
    """One entry on one store."""

    def __init__(self, root: spiral.Spiral, reads_only: bool) -> None:
        self.root = root
        self.project = root.project()
        self.opened: dict[str, spiral.Table] = {}
        self.versions: dict[str, int] = {}
        self.reads_only = reads_only

    def step(self, step: Json, turn: int | None = None) -> None:
        kind = step["do"]
        if kind == "repeat":
            for number in range(step["times"]):
                for inner in step["steps"]:
                    self.step(inner, number)
            return
        if kind in CHANGES and self.reads_only:
            if kind == "create_table" and "error" not in step:
                self.opened[name_of(step)] = self.project.table(name_of(step))
            self.count(step)
            return
        try:
            result = getattr(self, kind)(step, turn)
        except spiral.SpiralError as error:
            self.judge_error(step, error)
            return
        if kind in CHANGES:
            self.count(step)
        if "error" in step:
            raise Red(f"succeeded instead of failing with {step['error']['code']}")
        if "expect" in step:
            self.judge(step["expect"], result, turn)

    def count(self, step: Json) -> None:
        """Counts the version that a step makes."""
        version = self.versions.setdefault(name_of(step), 0)
        reopened = step["do"] == "create_table" and version > 0
        if "error" not in step and step.get("end") != "abort" and not step.get("no_version") and not reopened:
            self.versions[name_of(step)] += 1

    def create_table(self, step: Json, turn: int | None) -> Json:
        keys = [(key["name"], key["type"]) for key in step["keys"]]
        name = name_of(step)
        self.opened[name] = self.project.create_table(name, key_schema=keys, exist_ok=step.get("exist_ok", False))
        return {}

    def open_table(self, step: Json, turn: int | None) -> Json:
        self.opened[step["name"]] = self.project.table(step["name"])
        return {}

    def tables(self, step: Json, turn: int | None) -> Json:
        pairs = [(project.id, name) for project in self.root.list_projects() for name in project.tables()]
        return {"names": [name if project == "default" else f"{project}/{name}" for project, name in pairs]}

    def rename_table(self, step: Json, turn: int | None) -> Json:
        self.project.rename_table(name_of(step), step["to"])
        return {}

    def drop_table(self, step: Json, turn: int | None) -> Json:
        self.project.drop_table(name_of(step))
        return {}

    def change(self, target: spiral.Table | spiral.Transaction, step: Json, turn: int | None) -> Json:
        match step["do"]:
            case "write":
                rows = [{name: given(value, turn) for name, value in row.items()} for row in step["rows"]]
                commit = target.write(rows, step.get("push_down_nulls", False), types=step.get("types"))
            case "delete":
                commit = target.delete(keys_of(step["keys"], turn))
            case "delete_where":
                commit = target.delete_where(step["where"])
        return {} if commit is None else {"version": commit.version}

    def write(self, step: Json, turn: int | None) -> Json:
        return self.change(self.opened[name_of(step)], step, turn)

    delete = delete_where = write

    def transaction(self, step: Json, turn: int | None) -> Json:
        transaction = self.opened[name_of(step)].txn()
        for inner in step["steps"]:
            self.change(transaction, inner, turn)
        if step["end"] == "abort":
            transaction.abort()
            return {}
        return {"version": transaction.commit().version}

    def asof(self, step: Json) -> int | None:
        return step.get("asof", self.versions.get(name_of(step)) if self.reads_only else None)

    def source(self, step: Json) -> spiral.Table | spiral.Snapshot:
        table, asof = self.opened[name_of(step)], self.asof(step)
        return table if asof is None else table.snapshot(asof)

    def plan(self, step: Json, turn: int | None) -> spiral.Plan:
        bound = {name: [given(part, turn) for part in step[name]] for name in ("begin", "end") if name in step}
        scan = self.root.scan_keys if step.get("keys_only") else self.root.scan
        shard = spiral.KeyRange(**bound) if bound else None
        options = {"where": step.get("where"), "limit": step.get("limit"), "shard": shard}
        columns = dict(step.get("columns", []))
        if "tables" in step:
            tables = {source.get("name", name_of(source)): self.source(source) for source in step["tables"]}
            columns = {**{path: path for path in step.get("select", [])}, **columns}
            return scan(*([columns] if columns else []), tables=tables, **options).plan()
        table = self.opened[name_of(step)]
        is_path = re.compile(r"[\w.]+(\.\*)?").fullmatch
        named = {name: table[value] if is_path(value) else value for name, value in columns.items()}
        selected = [table[step["select"]]] if "select" in step else [] if named else [table]
        return scan(*selected, *([named] if named else []), asof=self.asof(step), **options).plan()

    def scan(self, step: Json, turn: int | None) -> Json:
        plan = self.plan(step, turn)
        with plan.to_record_batches() as reader:
            return rows_of(plan.schema, list(reader))

    def take(self, step: Json, turn: int | None) -> Json:
        plan = self.plan(step, turn)
        keys = keys_of(step["keys"], turn)
        taken = plan.take(keys)
        streamed = plan.to_table(key_table=keys)
        if not streamed.equals(pa.Table.from_batches([taken.rows])) and not has_nan(streamed):
            raise Red("key_table streams other rows than take returns")
        return {**rows_of(plan.schema, [taken.rows]), "positions": taken.positions.to_pylist()}

    def schema(self, step: Json, turn: int | None) -> Json:
        columns = self.opened[name_of(step)].snapshot(self.asof(step)).columns()
        return {"columns": [{"path": c.path, "type": c.type, "key": c.is_key} for c in columns]}

    def history(self, step: Json, turn: int | None) -> Json:
        return {"versions": [entry.version for entry in self.opened[name_of(step)].history(step.get("limit", 100))]}

    def cancelled_scan(self, step: Json, turn: int | None) -> Json:
        token = spiral.CancelToken()
        token.cancel()
        with token:
            return self.scan(step, turn)

    def judge_error(self, step: Json, error: spiral.SpiralError) -> None:
        if "error" not in step:
            raise Red(f"{type(error).__name__}: {error}") from error
        facts = {"code": error.code, "kind": type(error).__name__.removesuffix("Error"), "message": error.message}
        for name, fact in facts.items():
            wanted = step["error"].get(name, fact)
            if fact != wanted:
                raise Red(f"the error's {name} is {fact!r} instead of {wanted!r}")
        if error.kind != facts["kind"]:
            raise Red(f"the error's kind is {error.kind!r}, its class {type(error).__name__}")

    def judge(self, wanted: Json, result: Json, turn: int | None) -> None:
        for name, value in wanted.items():
            if name == "count":
                if len(result["rows"]) != value:
                    raise Red(f"{len(result['rows'])} rows instead of {value}")
            elif name == "rows":
                self.judge_rows(value, result["rows"], turn)
            elif value != result[name]:
                raise Red(f"{name}: expected {value}, found {result[name]}")

    def judge_rows(self, wanted: Json, rows: list[Any], turn: int | None) -> None:
        if len(wanted) != len(rows):
            raise Red(f"{len(rows)} rows instead of {len(wanted)}")
        for at, (row, values) in enumerate(zip(wanted, rows, strict=True)):
            if len(row) != len(values):
                raise Red(f"row {at} has {len(values)} values instead of {len(row)}")
            for column, (json, value) in enumerate(zip(row, values, strict=True)):
                if expected(json, turn) != value:
                    raise Red(f"row {at}, column {column}: expected {json}, found {value}")


def name_of(step: Json) -> str:
    """The table that a step is about."""
    return step.get("table", "t")


def keys_of(keys: Json, turn: int | None) -> list[list[Any]]:
    return [[given(part, turn) for part in key] for key in keys]


def has_nan(table: pa.Table) -> bool:
    return any(pa.types.is_floating(column.type) and pc.any(pc.is_nan(column)).as_py() for column in table.columns)


def rows_of(schema: pa.Schema, batches: list[pa.RecordBatch]) -> Json:
    columns = [{"name": field.name, "type": spiral.type_name(field.type)} for field in schema]
    rows = [list(row) for batch in batches for row in zip(*[found(column) for column in batch.columns], strict=True)]
    return {"columns": columns, "rows": rows}


def run(entry: Json, root: str, reads_only: bool) -> Json:
    """The outcome of an entry, without its names."""
    if reason := entry.get("skip", {}).get(LANGUAGE):
        return {"outcome": "skipped", "detail": reason}
    with spiral.Spiral(root) as opened:
        entry_run = Run(opened, reads_only)
        for at, step in enumerate(entry["steps"]):
            try:
                entry_run.step(step)
            except Red as red:
                return {"outcome": "red", "step": at, "detail": str(red)}
            except Exception as error:
                return {"outcome": "red", "step": at, "detail": f"{type(error).__name__}: {error}"}
    return {"outcome": "green"}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("list", type=Path)
    parser.add_argument("--served", type=Path)
    parser.add_argument("--server", type=Path)
    parser.add_argument("--falsified", action="store_true")
    arguments = parser.parse_args()
    entries = json.loads(arguments.list.read_text())["entries"]
    stores = ["memory"] if arguments.falsified else ["memory", "folder"]
    server = None
    base = ""
    if arguments.served:
        command = ["node", str(arguments.server), str(arguments.served)]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        base = server.stdout.readline().strip()
        stores.append("http")
    outcomes = []
    for entry in entries:
        name = entry["name"]
        for store in stores:
            if store not in entry.get("stores", [store]):
                continue
            folder = tempfile.mkdtemp()
            root = {"memory": "memory:", "folder": folder, "http": f"{base}/{name}"}[store]
            outcome = run(entry, root, reads_only=store == "http")
            shutil.rmtree(folder)
            outcomes.append(outcome["outcome"])
            print(json.dumps({"entry": name, "store": store, **outcome}), flush=True)
    if server:
        server.communicate()
    bad, least = ("green", 10) if arguments.falsified else ("red", 100)
    counts = {outcome: outcomes.count(outcome) for outcome in ("green", "red", "skipped")}
    print(f"conformance of {LANGUAGE}: {counts}", file=sys.stderr)
    return int(bad in outcomes or len(outcomes) - outcomes.count("skipped") < least)


if __name__ == "__main__":
    sys.exit(main())
