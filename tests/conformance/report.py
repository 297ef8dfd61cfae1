"""Puts the reports of all languages together: entries by languages.

    report.py LIST LANGUAGE=OUTPUT...

Each output holds the lines that the language's interpreter printed, among others. Prints one line per entry and fails
when an entry is red, when a language did not run one that the list does not let it skip, or when none ran at all.
"""

import json
import sys
from pathlib import Path
from typing import Any

STORES = ("memory", "folder", "http")
MARKS = {"green": "+", "red": "X", "skipped": "-"}


def outcomes(output: Path) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for line in output.read_text(errors="replace").splitlines():
        if line.startswith('{"entry"'):
            report: dict[str, Any] = json.loads(line)
            found[report["entry"], report["store"]] = report["outcome"]
    return found


def main() -> None:
    entries: list[dict[str, Any]] = json.loads(Path(sys.argv[1]).read_text())["entries"]
    languages = dict(argument.split("=", 1) for argument in sys.argv[2:])
    reports = {language: outcomes(Path(output)) for language, output in languages.items()}
    width = max(len(entry["name"]) for entry in entries)
    print(" " * width, *(f"{language:8}" for language in reports))
    failures: list[str] = []
    counts = dict.fromkeys(MARKS, 0)
    for entry in entries:
        cells: list[str] = []
        for language, found in reports.items():
            marks = ""
            for store in entry.get("stores", STORES):
                outcome = found.get((entry["name"], store))
                may_skip = language in entry.get("skip", {})
                if outcome not in MARKS or outcome == "red" or (outcome == "skipped" and not may_skip):
                    failures.append(f"{entry['name']} on {store} in {language}: {outcome or 'did not run'}")
                if outcome in MARKS:
                    counts[outcome] += 1
                marks += MARKS.get(outcome or "", "?")
            cells.append(f"{marks:8}")
        print(f"{entry['name']:{width}}", *cells)
    print(f"\n{len(entries)} entries, {len(reports)} languages: {counts}; + green, X red, - skipped, ? did not run")
    for failure in failures:
        print(failure, file=sys.stderr)
    if failures or not counts["green"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
