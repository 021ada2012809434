"""What SECURITY.md promises."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import safetensors.torch
import torch
from typer.testing import CliRunner

from elmo_xlstm import cli, terminal
from elmo_xlstm.errors import UserError, printable
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.tasks.data.repository import DataFile, Repository
from elmo_xlstm.tasks.registry import register_tasks
from elmo_xlstm.terminal import EXIT_STATUS, report_crash

ROOT = Path(__file__).parents[1]
SOURCES = [ROOT / "cli.py", *(p for part in ("elmo_xlstm", "tasks", "benchmarks") for p in (ROOT / part).rglob("*.py"))]
FORBIDDEN_MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "yaml",
    "tarfile",
}
FORBIDDEN_MODULES |= {"zipfile", "telnetlib", "ftplib"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call with its dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def option(call: ast.Call, name: str) -> object:
    """The constant that a call is given by this name; None if it is not given."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value.value if isinstance(keyword.value, ast.Constant) else "something"
    return None


def problems(source: str) -> list[str]:
    """What must not be in a file of the project."""
    tree, found = ast.parse(source), []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        found += [f"imports {name}" for name in names if name.partition(".")[0] in FORBIDDEN_MODULES]
    for name, call in calls(tree):
        last = name.rpartition(".")[2]
        if name in FORBIDDEN_CALLS:
            found.append(f"calls {name}")
        if name == "torch.load" and option(call, "weights_only") is not True:
            found.append("torch.load without weights_only=True")
        if name in ("torch.save", "os.system", "os.popen", "numpy.fromfile", "pandas.read_pickle"):
            found.append(f"calls {name}")
        if name in ("np.load", "numpy.load") and option(call, "allow_pickle") is not False:
            found.append("numpy.load without allow_pickle=False")
        if option(call, "shell") not in (None, False):
            found.append(f"{name} with shell")
        if option(call, "trust_remote_code") not in (None, False):
            found.append(f"{name} with trust_remote_code")
        if option(call, "verify") is False:
            found.append(f"{name} without checking certificates")
        if name.startswith("Auto") and last == "from_pretrained" and option(call, "trust_remote_code") is not False:
            found.append(f"{name} may ask to run code of others")
        if last == "load_dataset" and "no_foreign_code" not in ast.unparse(call):
            found.append(f"{name} may run code of others")
        if last in ("unpack_archive", "extractall"):
            found.append(f"calls {name}")
    return found


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from yaml import load",
        "import torch\ntorch.load('x')",
        "torch.load('x', weights_only=False)",
        "np.load('x')",
        "np.load('x', allow_pickle=True)",
        "eval('1')",
        "subprocess.run('ls', shell=True)",
        "AutoTokenizer.from_pretrained('x')",
        "datasets.load_dataset('x', trust_remote_code=True)",
        "tar.extractall('.')",
    ],
)
def test_the_search_finds(source: str) -> None:
    assert problems(source)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_loads_pickles_or_runs_what_it_reads(path: Path) -> None:
    assert problems(path.read_text(encoding="utf-8")) == []


def test_only_safetensors_are_loaded_from_a_model_directory(tmp_path: Path, model_directory: Path) -> None:
    """A pickled weight file beside config.json is not opened."""

    class Dangerous:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    (tmp_path / "config.json").write_bytes((model_directory / "config.json").read_bytes())
    torch.save({"x": Dangerous()}, tmp_path / "pytorch_model.bin")
    with pytest.raises((UserError, OSError, ValueError)):
        BiXLSTM.from_pretrained(tmp_path)
    assert not (tmp_path / "ran").exists()
    assert safetensors.torch.load_file(model_directory / "model.safetensors")


class TestDownloads:
    FILE = DataFile("folder/file.txt", 1, hashlib.sha256(b"right").hexdigest())
    REPOSITORY = Repository("data", "owner/name", "c" * 40, "data", "ELMO_XLSTM_NOTHING", "cached")

    @pytest.fixture
    def served(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
        """What the network gives."""
        import pooch

        content = [b"right"]

        class Downloader:
            def __init__(self, **_: object) -> None: ...

            def __call__(self, url: str, output_file: str, _: object) -> None:
                Path(output_file).write_bytes(content[0])

        monkeypatch.setattr(pooch, "HTTPDownloader", Downloader)
        monkeypatch.setenv("ELMO_XLSTM_CACHE", str(tmp_path / "cache"))
        monkeypatch.delenv("ELMO_XLSTM_NOTHING", raising=False)
        return content

    def test_a_download_needs_its_checksum(self, served: list[bytes], tmp_path: Path) -> None:
        served[0] = b"wrong"
        with pytest.raises(UserError, match="cannot fetch .*hash"):
            self.REPOSITORY.locate(self.FILE)
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
        served[0] = b"right"
        assert self.REPOSITORY.locate(self.FILE).read_bytes() == b"right"

    def test_a_changed_file_of_the_cache_is_fetched_again(self, served: list[bytes]) -> None:
        path = self.REPOSITORY.locate(self.FILE)
        path.write_bytes(b"changed")
        assert self.REPOSITORY.locate(self.FILE).read_bytes() == b"right"

    def test_files_come_over_https_and_stay_in_the_cache(self, served: list[bytes], tmp_path: Path) -> None:
        assert self.REPOSITORY.url(self.FILE).startswith("https://")
        assert self.REPOSITORY.locate(self.FILE).is_relative_to(tmp_path / "cache")

    def test_declared_files_cannot_leave_the_cache(self) -> None:
        from elmo_xlstm.tasks.data.absa_e2e import FILES
        from elmo_xlstm.tasks.data.indonlu import DATASETS

        files = [file for chosen in DATASETS.values() for file in chosen.files.values()] + list(FILES.values())
        assert files and all(re.fullmatch(r"[0-9a-f]{64}", file.sha256) for file in files)
        assert not [file for file in files if ".." in file.path or file.path.startswith("/")]


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/x", "..", "a\\b", ".hidden", "a\nb", ""])
def test_names_of_results_cannot_leave_their_directory(name: str) -> None:
    from pydantic import TypeAdapter, ValidationError

    from elmo_xlstm.evaluation.results import Name

    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(name)


class TestIncludedPackages:
    def test_help_says_that_it_runs_code(self) -> None:
        for command in ("pretrain", "finetune", "suite", "evaluate", "predict"):
            shown = " ".join(CliRunner().invoke(cli.app, [command, "--help"], env={"COLUMNS": "200"}).output.split())
            assert "no other code of others is ever run" in shown.replace("- ", "-"), shown

    @pytest.mark.parametrize(
        ("code", "said"),
        [("1 / 0", "ZeroDivisionError"), ("def", "SyntaxError"), ("import nothing_there", "nothing_there")],
    )
    def test_mistakes_in_them_are_one_message(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str
    ) -> None:
        name = f"own_{said.lower()}"
        (tmp_path / f"{name}.py").write_text(code + "\n")
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(UserError, match=rf"--include-package {name}: .*{said}"):
            register_tasks([name])

    def test_an_experiment_cannot_name_code(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "own.py").write_text("raise SystemExit('ran')\n")
        monkeypatch.syspath_prepend(tmp_path)
        register_tasks()
        assert "own" not in sys.modules


def test_imports_from_elsewhere_are_an_option(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "exp").mkdir()
    (tmp_path / "shared" / "size.libsonnet").write_text("{ vocab_size: 300, lower_case: true }")
    (tmp_path / "text.txt").write_text("kata\n")
    experiment = tmp_path / "exp" / "tokenizer.jsonnet"
    experiment.write_text(
        f"{{ sources: [{{ type: 'local', paths: ['{tmp_path}/text.txt'] }}], output: 'x', "
        "wordpiece: import '../shared/size.libsonnet' }"
    )
    command = ["tokenizer", str(experiment), "--dry-run"]
    refused = CliRunner().invoke(cli.app, command)
    assert isinstance(refused.exception, UserError) and "--allow-imports" in str(refused.exception)
    allowed = CliRunner().invoke(cli.app, [*command, "--allow-imports", str(tmp_path / "shared")])
    assert allowed.exit_code == 0 and '"vocab_size": 300' in allowed.output


class TestLastResort:
    """Errors that nobody foresaw."""

    def run(self, monkeypatch: pytest.MonkeyPatch, error: BaseException, *options: str) -> tuple[int, str]:
        def fail(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr("elmo_xlstm.lm.scoring.score_files", fail)
        monkeypatch.setattr(sys, "argv", ["cli.py", *options, "perplexity", "model", "text.txt"])
        said: list[str] = []
        monkeypatch.setattr(terminal.messages, "print", lambda text, **_: said.append(text))
        monkeypatch.setattr("elmo_xlstm.command.set_up_logging", lambda: None)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert len(said) == 1
        return int(ended.value.code or 0), said[0]

    @pytest.mark.parametrize(
        ("error", "advice"),
        [
            (RuntimeError("odd\nsecond line"), "was not foreseen"),
            (MemoryError(), "too little memory"),
            (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "too little memory"),
            (PermissionError(13, "Permission denied", "/x"), "its permissions"),
            (OSError(28, "No space left on device"), "the space on its disk"),
            (RecursionError("maximum recursion depth exceeded"), "was not foreseen"),
            (type("PanicException", (BaseException,), {})("of a library"), "was not foreseen"),
        ],
    )
    def test_one_message_and_a_file(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException, advice: str
    ) -> None:
        monkeypatch.setattr(terminal.tempfile, "tempdir", str(tmp_path))
        code, said = self.run(monkeypatch, error)
        assert code == EXIT_STATUS == 70
        assert said.startswith(f"error: {type(error).__name__}: ") and advice in said
        assert "Traceback" not in said and "second line" not in said and len(said.splitlines()) == 3
        (report,) = tmp_path.iterdir()
        assert said.endswith(f"The traceback is in {report}")
        text = report.read_text()
        assert text.startswith("python cli.py perplexity model text.txt\n") and "Traceback (most recent call" in text
        assert stat.S_IMODE(report.stat().st_mode) == 0o600

    def test_debug_shows_it_and_leaves_no_file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(terminal.tempfile, "tempdir", str(tmp_path))
        code, said = self.run(monkeypatch, RuntimeError("odd"), "--debug")
        assert code == 70 and "Traceback (most recent call last)" in said and not list(tmp_path.iterdir())

    def test_users_errors_have_no_file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(terminal.tempfile, "tempdir", str(tmp_path))
        assert self.run(monkeypatch, UserError("x.txt: mend it")) == (1, "error: x.txt: mend it")
        assert not list(tmp_path.iterdir())

    def test_a_full_disk_does_not_hide_the_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object) -> str:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(terminal, "_save", full)
        said = report_crash(RuntimeError("odd"), ["check"])
        assert said.startswith("RuntimeError: odd\n") and "--debug" in said and "No space left" in said

    def test_in_a_process_of_its_own(self, tmp_path: Path) -> None:
        script = (
            "import sys, elmo_xlstm.tasks.check\nfrom elmo_xlstm import cli\n"
            "def fail(model): raise KeyError('x' * 1000)\n"
            "elmo_xlstm.tasks.check.report = fail\n"
            "sys.argv = ['cli.py', 'check']\n"
            "cli.main()\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
        )
        assert done.returncode == 70 and done.stdout == ""
        assert done.stderr.startswith("error: KeyError: ") and "Traceback" not in done.stderr
        assert len(list(tmp_path.glob("elmo-xlstm-*.txt"))) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[2J\x1b]0;t\x07", "\\x1b[2J\\x1b]0;t\\x07"),
        ("\x9b1m", "\\x9b1m"),
        ("\udcff", "\\udcff"),
        ("kafé 👩‍👩‍👧 مرحبا", "kafé 👩‍👩‍👧 مرحبا"),
    ],
)
def test_messages_cannot_command_a_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown
