"""The package as a whole."""

from __future__ import annotations

import importlib.metadata
import inspect
from pathlib import Path

import spiral


def test_everything_public_is_documented() -> None:
    missing = []
    for name in spiral.__all__:
        item = getattr(spiral, name)
        if name.startswith("__"):
            continue
        missing += [] if inspect.getdoc(item) else [name]
        if inspect.isclass(item):
            members = {member: value for member, value in vars(item).items() if not member.startswith("_")}
            missing += [f"{name}.{member}" for member, value in members.items() if callable(value) and not value.__doc__]
            properties = {member: value for member, value in members.items() if isinstance(value, property)}
            missing += [f"{name}.{member}" for member, value in properties.items() if not value.__doc__]
    assert missing == []


def test_names_are_sorted_and_versions_agree() -> None:
    assert sorted(spiral.__all__) == spiral.__all__
    assert spiral.__version__ == importlib.metadata.version("spiral")


def test_the_package_is_typed() -> None:
    folder = Path(spiral.__file__).parent
    assert (folder / "py.typed").exists() and (folder / "_spiral.pyi").exists()
