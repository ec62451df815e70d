# SPDX-License-Identifier: Apache-2.0
"""What the style checks look at: the repository's own files, and how each C file is compiled."""
import json
import pathlib
import shlex
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("include", "src", "tools", "demo", "tests")
SKIP = 77


def sources(*suffixes):
    """The repository's files with these suffixes ("" for scripts without one), in order."""
    return sorted(path for folder in FOLDERS for path in (TOP / folder).rglob("*")
                  if path.is_file() and path.suffix in suffixes and "__pycache__" not in path.parts)


def compilations(build):
    """How the build compiles the repository's C files: {file: [argument, ...]}."""
    entries = json.loads((pathlib.Path(build) / "compile_commands.json").read_text())
    found = {}
    for entry in entries:
        path = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        if TOP in path.parents and path.suffix == ".c" and pathlib.Path(build).resolve() not in path.parents:
            found.setdefault(path, shlex.split(entry["command"]))
    if not found:
        sys.exit(f"{build} compiles no file of {TOP}")
    return found


def include_folders(arguments, build):
    """The folders of -I arguments, absolute."""
    return [(pathlib.Path(build) / argument[2:]).resolve() for argument in arguments if argument.startswith("-I")]


def verdict(complaints):
    """Ends the program: prints the complaints, if there are any."""
    for complaint in complaints:
        print(complaint)
    sys.exit(1 if complaints else 0)
