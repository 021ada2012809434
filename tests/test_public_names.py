from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import elmo_xlstm

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for top in ("elmo_xlstm", "tasks") for path in (ROOT / top).rglob("*.py"))
# A room imports from those before it; what is in no room is for all.
ROOMS = [
    "text",
    "runtime",
    "lm",
    "synthetic",
    "embedding",
    "modules",
    "training",
    "evaluation",
    "export",
    "tasks",
    "integrations",
    "options",
    "workbench",
    "cli",
]
ABOVE = {"hugging_face"}  # for users: no room imports it
FOR_ALL = {
    "command",
    "config",
    "device",
    "environment",
    "errors",
    "machine",
    "optional",
    "pretrained",
    "progress",
    "runs",
    "sharding",
    "terminal",
}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where a name comes from"
            yield node.module or ""


def test_every_name_resolves() -> None:
    assert {"BiXLSTM", "BiXLSTMConfig", "ElmoEmbedder", "ScalarMix"} <= set(elmo_xlstm.__all__)
    for name in elmo_xlstm.__all__:
        assert getattr(elmo_xlstm, name).__name__ == name
    assert sorted(elmo_xlstm.__all__) == sorted(elmo_xlstm._HOMES)


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="'elmo_xlstm' has no attribute 'Missing'"):
        _ = elmo_xlstm.Missing
    with pytest.raises(ImportError):
        from elmo_xlstm import Missing  # noqa: F401


def test_importing_is_quick() -> None:
    code = "import sys, elmo_xlstm, elmo_xlstm.config, elmo_xlstm.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    slow = {"torch", "transformers", "datasets", "sklearn", "matplotlib", "accelerate", "xlstm"}
    assert slow.isdisjoint(done.stdout.split())


def room_of(path: Path) -> str:
    top, *below = path.relative_to(ROOT).parts
    return "tasks" if top == "tasks" else below[0].removesuffix(".py")


def test_nothing_is_imported_beside_the_package() -> None:
    assert len(SOURCES) > 100
    for path in SOURCES:
        assert not [name for name in imports(path) if name.split(".")[0] in ("tasks", "cli", "benchmarks")], path


def test_rooms_are_all_known() -> None:
    found = {room_of(path) for path in SOURCES}
    assert found - {"__init__"} == {*ROOMS, *FOR_ALL, *ABOVE}


def test_the_figure_shows_the_imports() -> None:
    figure = (ROOT / "docs" / "figures" / "rooms.svg").read_text(encoding="utf-8")
    arrows = set(re.findall(r'data-arrow="(\w+) (\w+)"', figure))
    names = {
        (name.split(".")[1], room_of(path))
        for path in SOURCES
        for name in imports(path)
        if name.startswith("elmo_xlstm.")
    }
    imported = {(source, room) for source, room in names if {source, room} <= set(ROOMS) and source != room}
    assert arrows <= imported
    reached = arrows
    while reached != (further := reached | {(a, d) for a, b in reached for c, d in reached if b == c}):
        reached = further
    assert imported <= reached


@pytest.mark.parametrize("room", [*ROOMS, *sorted(FOR_ALL)])
def test_imports_go_one_way(room) -> None:
    allowed = FOR_ALL | set(ROOMS[: ROOMS.index(room) + 1] if room in ROOMS else ())
    files = [path for path in SOURCES if room_of(path) == room]
    assert files
    for path in files:
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "elmo_xlstm":
                assert len(parts) > 1, f"{path} imports the public names"
                assert parts[1] in allowed, f"{path} imports {name}"
