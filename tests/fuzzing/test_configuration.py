"""Experiment files, overrides and settings: every mistake is one message that names its place."""

from __future__ import annotations

import copy
import os
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elmo_xlstm.config import (
    ConfigError,
    apply_overrides,
    evaluate_jsonnet,
    jsonnet,
    jsonnet_process,
    load_experiment,
    validate,
)
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.tasks.finetuning import FinetuneSettings
from elmo_xlstm.tasks.registry import register_tasks
from elmo_xlstm.tasks.suite.settings import SuiteSettings
from elmo_xlstm.text.tokenizer_training import TokenizerSettings

register_tasks()

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
VARIABLES = {"corpus": "somewhere", "exclude": "texts.txt"}
KINDS: dict[str, tuple[Any, str]] = {
    "finetune": (FinetuneSettings, "nerp.jsonnet"),
    "classification": (FinetuneSettings, "own_reviews.jsonnet"),
    "pretrain": (PretrainSettings, "pretrain_cpu.jsonnet"),
    "tokenizer": (TokenizerSettings, "tokenizer_cpu.jsonnet"),
    "suite": (SuiteSettings, "ablations.jsonnet"),
}
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 3, 0.5, 1e308, -1e308, 10**15, 2**53, "", "ya", "nan", "1", "x" * 10**5, "\x1b[2J"),
    *("\u202eمرحبا", "../../etc/passwd", "/dev/zero", "a.b[0]", [], {}, [[]], [None], {"type": "tagging"}),
    *({"type": {}}, {"type": []}, {"type": None}, {"type": "x" * 10**5}, {"": 1}, {"a": {"b": [1]}}, ["a", 1, {}]),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _evaluated_here(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Thousands of cases would start thousands of processes."""
    if request.cls is not TestProcess:
        monkeypatch.setattr(jsonnet, "_ask", lambda **request: jsonnet_process.answer(**request))


def values_of(kind: str) -> dict[str, Any]:
    return evaluate_jsonnet(EXPERIMENTS / KINDS[kind][1], VARIABLES)


def mutate(values: Any, chance: random.Random) -> None:
    """Change, remove or add something anywhere in a tree of plain values."""
    here = values
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return
        key = chance.choice(keys)
        if isinstance(here[key], dict | list) and here[key] and chance.random() < 0.8:
            here = here[key]
            continue
        match chance.randrange(5):
            case 0:
                del here[key]
            case 1 if isinstance(here, dict):
                here[chance.choice(["no such key", "typ", str(key) + "s", "x" * 1000, ""])] = chance.choice(ODD)
            case _:
                here[key] = copy.deepcopy(chance.choice(ODD))
        return


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_settings(end_well: Callable[..., str], case_count: int, tmp_path: Path, kind: str) -> None:
    valid, chance = values_of(kind), random.Random(kind)
    settings_class = KINDS[kind][0]
    outcomes = set()
    for number in range(case_count):
        changed = copy.deepcopy(valid)
        for _ in range(chance.choice((1, 1, 2, 5))):
            mutate(changed, chance)
        read = lambda path, changed=changed: validate(settings_class, changed, origin=str(path))  # noqa: E731
        outcomes.add(end_well(read, tmp_path / "x.jsonnet", f"{kind} {number}: {str(changed)[:500]}"))
    assert outcomes == {"result", "error"}


TEXT = """local size = 3;
{
  model: 'x',  // a comment
  task: {
    type: 'tagging',
    name: 'own-' + std.length('abc'),
    dataset: { type: 'conll', train: 'a.conll', valid: 'b.conll', test: 'c.conll' },
    head: { words: { dim: 10 * size }, encoder: { hidden_size: 4 } },
  },
  trainer: { epochs: if size > 2 then 1 else error 'too small', [if size > 5 then 'patience']: 3 },
}
"""


def test_mutated_files(fuzz: Callable[..., Any], tmp_path: Path) -> None:
    """The evaluator in this process; :meth:`TestProcess.test_answers_as_in_this_process` is about its own."""
    fuzz(lambda path: load_experiment(FinetuneSettings, path), tmp_path / "x.jsonnet", TEXT.encode())


KEYS = ["trainer.epochs", "task.head.encoder", "task.dataset.train", "task", "model", "seed", "experiments.0.model"]
PARTS = st.sampled_from(
    ["task", "head", "trainer", "epochs", "0", "-1", "\u0663", "9" * 5000, "", "a b", "\u200b", "..."]
)
ANY_KEY = st.sampled_from(KEYS) | st.lists(PARTS, max_size=4).map(".".join) | st.text(max_size=9)
JSON = st.sampled_from(
    [
        "3",
        "1e999",
        "NaN",
        "9" * 5000,
        "-" * 50,
        "null",
        "[" * 5000,
        '{"a":' * 2000,
        "[" * 150 + "]" * 150,
        '"\\ud800"',
        "'",
        "{}",
    ]
)


@settings(
    max_examples=int(os.environ.get("FUZZ_CASES", "2000")), deadline=None, suppress_health_check=list(HealthCheck)
)
@given(
    st.lists(st.tuples(ANY_KEY, JSON | st.text()).map("=".join) | st.text(max_size=30), min_size=1, max_size=4)
)  # fmt: skip
def test_overrides(overrides: list[str]) -> None:
    values = {"model": "x", "task": {"head": [{"a": 1}], "dataset": {}}, "trainer": {"epochs": 1}, "experiments": [{}]}
    try:
        changed = apply_overrides(values, overrides)
        validate(FinetuneSettings, changed, origin="here")
    except ConfigError as error:
        message = str(error)
        assert message.startswith(("overrides: ", "here: ")) and len(message) < 50_000
    assert values["trainer"] == {"epochs": 1}


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("trainer.epoch=3", "did you mean 'epochs'"),
        ("no.such.key=3", "unknown key"),
        ("task.head.encoder.hidden_size.deep=3", "is a plain value, nothing can be set inside it"),
        (".".join(["a"] * 200) + "=1", "a key of 200 parts"),
        ("trainer.epochs=" + "9" * 5000, "whole number"),
        ("trainer.epochs=" + "9" * 30, "whole number"),
        ("trainer=" + "[" * 3000 + "]" * 3000, "levels deep"),
        ('model="\\ud800"', "half a character"),
        ('model="a\\u0000b"', "NUL"),
    ],
)
def test_single_overrides(override: str, said: str) -> None:
    values = {"trainer": {}, "task": {"head": {"encoder": {"hidden_size": 3}}}}
    with pytest.raises(ConfigError, match=said):
        validate(FinetuneSettings, apply_overrides(values, [override]))


def problem(path: Path, allowed: tuple[Path, ...] = ()) -> str:
    with pytest.raises(ConfigError) as caught:
        evaluate_jsonnet(path, {}, allowed)
    message = str(caught.value)
    assert message.startswith(f"{path}: 1 problem\n")
    return message


class TestProcess:
    """What would end or stop this process ends one of its own."""

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("1" + "+1" * 200_000, "nested too deeply, or an expression in it is too long"),
            ("local f(n) = f(n + 1) tailstrict; { a: f(0) }", "takes more than 1 second"),
            (
                "local f(x) = f(x + x) tailstrict; { a: f('aaaaaaaaaaaaaaaa') }",
                "too much memory|too long|takes more than",
            ),
            (
                "{ a: std.repeat('x', 20 * 1024 * 1024) }",
                "more than the 16777216 that are read|too much memory|takes more than",
            ),
            ("local f(n) = if n == 0 then {} else { a: f(n - 1) }; f(150)", "levels deep"),
            ("{ a: 'x\\u0000' }", "NUL"),
            ("import '/dev/zero'", "leaves the experiment's directory"),
            ("import 'big.jsonnet'", "larger than"),
            ("import 'pipe'", "no such file"),
            ("import 'a\\u0000b'", "import"),
            ("{ a: std.native('os')('ls') }", "native|null"),
        ],
    )
    def test_ends_in_one_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
        with open(tmp_path / "big.jsonnet", "wb") as file:
            file.truncate(jsonnet_process.LARGEST + 1)
        os.mkfifo(tmp_path / "pipe")
        path = tmp_path / "x.jsonnet"
        path.write_text(text)
        process = tmp_path / "jsonnet_process.py"
        source = Path(jsonnet_process.__file__).read_text(encoding="utf-8")
        process.write_text(source.replace("CPU_SECONDS = 20", "CPU_SECONDS = 1").replace("2**31", "2**29"))
        monkeypatch.setattr(jsonnet_process, "__file__", str(process))
        monkeypatch.setitem(jsonnet.LIMITS, "SIGXCPU", "takes more than 1 second")
        started = time.monotonic()
        assert re.search(said, problem(path))
        assert time.monotonic() - started < 600

    def test_answers_as_in_this_process(self, cases: Callable[..., Any], tmp_path: Path) -> None:
        """What thousands of cases show of the evaluator in the tests' process holds where users meet it."""
        path, answered = tmp_path / "x.jsonnet", set()
        for name, content in list(cases(TEXT.encode()))[::40]:
            path.write_bytes(content)
            request = {"path": str(path), "roots": [str(tmp_path)], "shipped": str(tmp_path), "variables": {}}
            here = jsonnet_process.answer(**request)
            assert jsonnet._ask(**request) == here, name
            answered |= here.keys()
        assert answered == {"values", "error"}

    def test_cyclic_imports(self, tmp_path: Path) -> None:
        (tmp_path / "a.jsonnet").write_text("(import 'b.jsonnet') + {}")
        (tmp_path / "b.jsonnet").write_text("(import 'a.jsonnet') + {}")
        assert "max stack frames exceeded" in problem(tmp_path / "a.jsonnet")

    def test_trace_is_shown(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "a.jsonnet").write_text("{ a: std.trace('look here', 1) }")
        assert evaluate_jsonnet(tmp_path / "a.jsonnet") == {"a": 1}
        assert "look here" in capsys.readouterr().err


class TestImports:
    @pytest.fixture
    def tree(self, tmp_path: Path) -> Path:
        for name, text in {"secret": "{ key: 1 }", "shared/part": "{ part: 1 }", "exp/in": "{ inside: 1 }"}.items():
            (tmp_path / f"{name}.jsonnet").parent.mkdir(exist_ok=True)
            (tmp_path / f"{name}.jsonnet").write_text(text)
        (tmp_path / "exp" / "link.jsonnet").symlink_to(tmp_path / "secret.jsonnet")
        (tmp_path / "exp" / "linked").symlink_to(tmp_path / "shared")
        return tmp_path

    @pytest.mark.parametrize(
        "target",
        [
            "../secret.jsonnet",
            "link.jsonnet",
            "linked/part.jsonnet",
            "../shared/part.jsonnet",
            "x/../../secret.jsonnet",
        ],
    )
    def test_leaving_the_tree_is_refused_and_the_way_out_named(self, tree: Path, target: str) -> None:
        path = tree / "exp" / "a.jsonnet"
        path.write_text(f"import '{target}'")
        message = problem(path)
        assert f"leaves the experiment's directory {tree / 'exp'}" in message
        assert f"allow it with --allow-imports {(path.parent / target).resolve().parent}" in message

    def test_allowed_trees_may_be_imported_from_and_no_others(self, tree: Path) -> None:
        path = tree / "exp" / "a.jsonnet"
        path.write_text("(import '../shared/part.jsonnet') + (import 'in.jsonnet') + (import 'linked/part.jsonnet')")
        assert evaluate_jsonnet(path, {}, [tree / "shared"]) == {"part": 1, "inside": 1}
        path.write_text("(import '../shared/part.jsonnet') + (import '../secret.jsonnet')")
        assert "leaves" in problem(path, (tree / "shared",))
        assert "no such directory" in problem(path, (tree / "nowhere",))

    def test_a_similar_name_is_another_directory(self, tree: Path) -> None:
        (tree / "exp-private").mkdir()
        (tree / "exp-private" / "a.jsonnet").write_text("{}")
        path = tree / "exp" / "a.jsonnet"
        path.write_text("import '../exp-private/a.jsonnet'")
        assert "leaves" in problem(path)


def test_suites_of_bad_experiments_name_the_experiment() -> None:
    with pytest.raises(UserError, match=r"experiments\[0\]"):
        validate(SuiteSettings, {"experiments": [{"task": 3}]}, origin="suite.jsonnet")
