"""Exceptions: one class for each kind, the same facts in all."""

from __future__ import annotations

import pickle

import pytest

import spiral
from spiral import _spiral


def test_every_code_has_its_class_and_facts() -> None:
    examples = _spiral.examples()
    assert len({error.code for error in examples}) == len(examples) > 30
    for error in examples:
        assert isinstance(error, spiral.SpiralError)
        assert type(error) is getattr(spiral, f"{error.kind}Error")
        assert (error.message, str(error)) == ("an example", f"an example [{error.code}]")
        assert error.table is error.path is error.version is None
        assert error.retryable == (error.code in ("store_unavailable", "commit_contention"))
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.__dict__) == (type(error), str(error), error.__dict__)
    kinds = {type(error) for error in examples}
    exported = {getattr(spiral, name) for name in spiral.__all__ if name.endswith("Error")}
    assert kinds == exported - {spiral.SpiralError}


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (spiral.InvalidArgumentError, ValueError),
        (spiral.NotFoundError, LookupError),
        (spiral.UnsupportedError, NotImplementedError),
        (spiral.PermissionDeniedError, PermissionError),
    ],
)
def test_kinds_are_builtin_exceptions_too(kind: type, base: type) -> None:
    assert issubclass(kind, base) and issubclass(kind, spiral.SpiralError)


def test_facts_name_the_table(root: spiral.Spiral, table: spiral.Table) -> None:
    with pytest.raises(ValueError) as failure:
        root.scan(table["nam"]).plan()
    error = failure.value
    assert (error.code, error.kind, error.table) == ("unknown_column", "InvalidArgument", "t")
    assert error.message == "there is no column 'nam'; did you mean 'name'?"
    assert str(error) == "there is no column 'nam'; did you mean 'name'? (table t) [unknown_column]"


@pytest.mark.parametrize("rows", [5, None, "text", b"bytes", 1.5, object()])
def test_what_is_no_table_is_refused(table: spiral.Table, rows: object) -> None:
    with pytest.raises(spiral.InvalidArgumentError, match="cannot be written"):
        table.write(rows)


@pytest.mark.parametrize("value", [object(), print, 1j, Ellipsis])
def test_what_is_no_value_is_refused(table: spiral.Table, value: object) -> None:
    with pytest.raises(spiral.InvalidArgumentError, match="cannot be stored"):
        table.write([{"id": 1, "new": value}])
    assert table.snapshot().version == 2


def test_endless_nesting_is_refused(table: spiral.Table) -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(spiral.LimitExceededError):
        table.write([{"id": 1, "new": endless}])


def test_bad_arguments_have_the_codes_of_every_language(root: spiral.Spiral, table: spiral.Table) -> None:
    bad = {
        "invalid_argument": lambda: root.scan(table, limit=-1).plan(),
        "type_mismatch": lambda: table.write([{"id": 2**70}]),
        "invalid_expression": lambda: table.delete_where("name >"),
        "invalid_name": lambda: root.project().table("a.b.c"),
        "null_key": lambda: table.delete([None]),
        "table_not_found": lambda: root.project().table("absent"),
        "asof_in_future": lambda: table.snapshot(99),
    }
    for code, call in bad.items():
        with pytest.raises(spiral.SpiralError) as failure:
            call()
        assert failure.value.code == code
    with pytest.raises(spiral.InvalidArgumentError, match="different lengths"):
        table.write({"id": [1, 2], "name": ["a"]})
    with pytest.raises(spiral.InvalidArgumentError, match="name a table"):
        root.scan()
