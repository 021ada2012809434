from __future__ import annotations

import re
from pathlib import Path

import pytest

from elmo_xlstm.config import ConfigError, evaluate_jsonnet, find_experiment
from elmo_xlstm.errors import printable


def write(directory: Path, **files: str) -> Path:
    """Write files, whose names have ``__`` for ``/``; returns the first one's path."""
    paths = [directory / f"{name.replace('__', '/')}.jsonnet" for name in files]
    for path, text in zip(paths, files.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return paths[0]


def problem(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        evaluate_jsonnet(path)
    assert len(caught.value.problems) == 1 and str(caught.value).startswith(f"{path}: 1 problem\n")
    return caught.value.problems[0]


def test_values_variables_and_arithmetic(tmp_path: Path) -> None:
    path = write(tmp_path, a="local n = 3; { a: n * 2, b: [std.extVar('name')], c: null, d: 0.5 }")
    assert evaluate_jsonnet(path, {"name": "x"}) == {"a": 6, "b": ["x"], "c": None, "d": 0.5}


def test_imports_are_relative_to_the_importing_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        a="(import 'parts/b.jsonnet') + { text: importstr 'parts/deep/c.jsonnet' }",
        parts__b="{ inner: import 'deep/c.jsonnet', back: import '../d.jsonnet' }",
        parts__deep__c="{ c: 1 }",
        d="[2]",
    )
    assert evaluate_jsonnet(path) == {"inner": {"c": 1}, "back": [2], "text": "{ c: 1 }"}


def test_works_from_any_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, run__a="{ b: import 'b.jsonnet' }", run__b="1")
    monkeypatch.chdir(tmp_path)
    assert evaluate_jsonnet(Path("run/a.jsonnet")) == {"b": 1}


def test_shipped_experiments_are_imported_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, a="(import 'elmo-xlstm/own_ner.jsonnet') + { model: 'mine' }")
    values = evaluate_jsonnet(path)
    assert values["model"] == "mine" and values["task"]["type"] == "tagging"
    own = write(tmp_path, **{"elmo-xlstm__own_ner": "{ own: true }"})
    assert evaluate_jsonnet(path) == {"own": True, "model": "mine"} and own.is_file()
    assert "no such file" in problem(write(tmp_path, b="import 'elmo-xlstm/none.jsonnet'"))
    assert "leaves" in problem(write(tmp_path, c="import 'elmo-xlstm/../../cli.py'"))


def test_experiments_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = find_experiment(Path("nerp"))
    assert shipped.name == "nerp.jsonnet" and shipped.is_file()
    assert find_experiment(Path("recipes/base")).is_file()
    own = write(tmp_path, nerp="{}").relative_to(tmp_path)
    assert find_experiment(own) == own
    for name in ("none", "../nerp", "/nerp", "nerp\0"):
        assert find_experiment(Path(name)) == Path(name)


def test_files_may_import_each_other_as_long_as_values_end(tmp_path: Path) -> None:
    path = write(tmp_path, a="{ x: 1, y: (import 'b.jsonnet').z }", b="{ z: (import 'a.jsonnet').x + 1 }")
    assert evaluate_jsonnet(path) == {"x": 1, "y": 2}


def test_endless_import_cycle(tmp_path: Path) -> None:
    path = write(tmp_path, a="{ b: import 'b.jsonnet' }", b="{ a: import 'a.jsonnet' }")
    assert "max stack frames exceeded" in problem(path)


@pytest.mark.parametrize("target", ["../secret.jsonnet", "parts/../../secret.jsonnet", "{outside}/secret.jsonnet"])
def test_import_that_leaves_the_tree_is_refused(tmp_path: Path, target: str) -> None:
    write(tmp_path, secret="{ key: 1 }")
    target = target.format(outside=tmp_path)
    message = problem(write(tmp_path, experiments__a=f"{{ b: import '{target}' }}"))
    assert f"import '{target}' leaves the experiment's directory {tmp_path / 'experiments'}" in message


def test_link_that_leaves_the_tree_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, experiments__a="import 'link.jsonnet'", secret="{ key: 1 }")
    (path.parent / "link.jsonnet").symlink_to(tmp_path / "secret.jsonnet")
    assert "leaves the experiment's directory" in problem(path)


def test_missing_import_names_both_files(tmp_path: Path) -> None:
    path = write(tmp_path, a="{\n  b: import 'nope.jsonnet' }")
    message = problem(path)
    assert f"no such file {tmp_path / 'nope.jsonnet'}" in message and f"{path}:2:6" in message


def test_undefined_external_variable_is_named_with_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, a="{\n\n  b: std.extVar('corpus') }")
    message = problem(path)
    assert "undefined external variable: corpus" in message and f"{path}:3:6" in message


@pytest.mark.parametrize(("text", "place"), [("{\n  a: 1,\n  b: ,\n}", "3:6"), ("{ a: 1 +", "1:9"), ("", "1:1")])
def test_syntax_error_names_file_and_line(tmp_path: Path, text: str, place: str) -> None:
    path = write(tmp_path, a=text)
    assert f"{path}:{place}" in problem(path)


def test_syntax_error_in_an_import_names_the_import(tmp_path: Path) -> None:
    path = write(tmp_path, a="import 'parts/b.jsonnet'", parts__b="{\n  c: }")
    assert f"{tmp_path / 'parts/b.jsonnet'}:2" in problem(path)


def test_failed_assertion_of_the_experiment_is_shown(tmp_path: Path) -> None:
    assert "width must be even" in problem(write(tmp_path, a="assert false : 'width must be even'; {}"))


@pytest.mark.parametrize(("text", "kind"), [("[1]", "list"), ("'a'", "str"), ("3", "int"), ("null", "NoneType")])
def test_experiment_must_be_an_object(tmp_path: Path, text: str, kind: str) -> None:
    assert re.fullmatch(rf"an experiment is an object \{{...\}}, this is a {kind}", problem(write(tmp_path, a=text)))


@pytest.mark.parametrize("name", ["none.jsonnet", "."])
def test_missing_file(tmp_path: Path, name: str) -> None:
    assert "no such file" in problem(tmp_path / name)


def test_what_a_file_says_cannot_command_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, a="std.trace('\\u001b[2J\\u009b1m seen', { a: 1 })")
    assert evaluate_jsonnet(path) == {"a": 1}
    said = capsys.readouterr().err
    assert "\\x1b[2J\\x9b1m seen" in said and printable(said) == said


def test_a_file_that_says_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(
        tmp_path,
        a="local x = std.repeat('y', 2000000); { a: std.foldl(function(n, i) std.trace(x, n), std.range(1, 30), 0) }",
    )
    assert "by std.trace" in problem(path)
