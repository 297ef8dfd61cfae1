"""The command under test, as a fresh process each time."""

import dataclasses
import json
import os
import pathlib
import subprocess
import time

# What no output may show: the tests put it into queries and passwords.
SECRET = "hunter2"


@dataclasses.dataclass
class Outcome:
    status: int
    output: bytes
    errors: str
    seconds: float

    @property
    def text(self) -> str:
        return self.output.decode()

    @property
    def code(self) -> str | None:
        """The stable code of the error, if there was one."""
        for line in self.errors.splitlines():
            if line.startswith('{"error"'):
                code: str = json.loads(line)["error"]["code"]
                return code
            if line.startswith("error: ") and line.endswith("]"):
                return line[line.rindex("[") + 1 : -1]
        return None


@dataclasses.dataclass
class Spiral:
    """A root and how to reach it."""

    binary: pathlib.Path
    root: str
    environment: dict[str, str] = dataclasses.field(default_factory=dict)

    def attempt(self, *arguments: str, seconds_max: float = 900) -> Outcome:
        """Runs a command that may fail; one that hangs raises."""
        start = time.monotonic()
        # The form of rows is named, or it is that of programs, like everything else.
        form = [] if "--output" in arguments else ["--json"]
        command = [str(self.binary), *form, "--root", self.root, *arguments]
        environment = os.environ | {"RUST_BACKTRACE": "1"} | self.environment
        done = subprocess.run(command, env=environment, capture_output=True, timeout=seconds_max)
        outcome = Outcome(done.returncode, done.stdout, done.stderr.decode(), time.monotonic() - start)
        assert "panicked" not in outcome.errors, outcome.errors
        assert SECRET not in outcome.errors and SECRET.encode() not in outcome.output, outcome
        return outcome

    def run(self, *arguments: str, seconds_max: float = 900) -> Outcome:
        """Runs a command that must succeed."""
        outcome = self.attempt(*arguments, seconds_max=seconds_max)
        assert outcome.status == 0, f"{arguments}: {outcome.errors}"
        return outcome

    def table_id(self, table: str) -> str:
        """The name of a table's folder below `tables`."""
        listed = json.loads(self.run("tables").text)["tables"]
        found: str = next(entry["id"] for entry in listed if entry["name"] == f"default.{table}")
        return found

    def fails(self, code: str, *arguments: str, seconds_max: float = 60) -> Outcome:
        """Runs a command that must fail with a code."""
        outcome = self.attempt(*arguments, seconds_max=seconds_max)
        assert outcome.status != 0 and outcome.code == code, f"{arguments}: {outcome.status} {outcome.errors}"
        return outcome
