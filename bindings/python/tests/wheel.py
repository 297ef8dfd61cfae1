"""Packs a wheel around a native library that Cargo has built already: `python wheel.py LIBRARY FOLDER`.

The same files as a release has, without compiling everything again as maturin would: it asks Cargo for one package and
so for other features of the dependencies. Prints the wheel's path.
"""

import base64
import hashlib
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import zipfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def metadata(project: dict, version: str) -> str:
    lines = ["Metadata-Version: 2.4", f"Name: {project['name']}", f"Version: {version}"]
    lines += [f"Summary: {project['description']}", f"License-Expression: {project['license']}"]
    lines += [f"Requires-Python: {project['requires-python']}"]
    lines += [f"Classifier: {classifier}" for classifier in project["classifiers"]]
    lines += [f"Requires-Dist: {need}" for need in project["dependencies"]]
    for extra, needs in project["optional-dependencies"].items():
        lines += [f"Provides-Extra: {extra}", *(f'Requires-Dist: {need}; extra == "{extra}"' for need in needs)]
    lines += ["Description-Content-Type: text/markdown", "", (PACKAGE / project["readme"]).read_text()]
    return "\n".join(lines)


def main(library: str, folder: str) -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    workspace = tomllib.loads((PACKAGE.parent.parent / "Cargo.toml").read_text())["workspace"]
    version = workspace["package"]["version"]
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    tag = f"cp311-abi3-{platform}"
    about = f"{project['name']}-{version}.dist-info"
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.run(["strip", "-S", "-o", stripped.name, library], check=True)
        native = Path(stripped.name).read_bytes()
    files = {
        str(path.relative_to(PACKAGE)): path.read_bytes()
        for path in sorted((PACKAGE / "spiral").iterdir())
        if path.suffix in (".py", ".pyi", ".typed") or path.name == "py.typed"
    }
    files["spiral/_spiral.abi3.so"] = native
    files[f"{about}/METADATA"] = metadata(project, version).encode()
    files[f"{about}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: spiral\nRoot-Is-Purelib: false\nTag: {tag}\n".encode()
    digest = {name: base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=") for name, data in files.items()}
    record = [f"{name},sha256={digest[name].decode()},{len(data)}" for name, data in files.items()]
    files[f"{about}/RECORD"] = "\n".join([*record, f"{about}/RECORD,,", ""]).encode()
    wheel = Path(folder) / f"{project['name']}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    print(wheel)


if __name__ == "__main__":
    main(*sys.argv[1:])
