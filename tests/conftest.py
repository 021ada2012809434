"""A tiny language model with its tokenizer, shared by the tests of all that is built on one."""

from __future__ import annotations

import random
import resource
import string
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import torch

from elmo_xlstm import device
from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.model_files import save_model
from elmo_xlstm.text import Tokenizer

# Whole commands, several processes, thousands of inputs: half of the time. The others: pytest -m "not slow".
SLOW = (
    "fuzzing/",
    "reliability/",
    "benchmarks/test_checks.py",
    "benchmarks/test_commands.py",
    "lm/test_compilation.py",
    "lm/test_distributed.py",
    "tasks/suite/test_running.py",
    "test_include_backbone.py",
    "test_include_package.py",
    "test_readme.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(tests) and str(item.path.relative_to(tests)).startswith(SLOW):
            item.add_marker(pytest.mark.slow)


WORDS = ["Siti", "Budi", "tiba", "di", "ke", "Surabaya", "Jakarta", "pada", "pagi", "hari", "rumah", "dan", "yang"]
NAMES = ["budi utomo", "siti", "joko susilo", "rina"]
PLACES = ["bogor", "kota batu", "medan", "solo"]


def random_model(tokenizer: Tokenizer, seed: int) -> BiXLSTM:
    """Weights away from their initial values, where gates are closed and norms flat."""
    config = BiXLSTMConfig(
        vocab_size=tokenizer.vocab_size,
        embedding_dim=16,
        num_blocks=2,
        num_heads=2,
        dropout=0.5,
        context_length=16,
        pad_token_id=tokenizer.pad_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BiXLSTM(config)
        for parameter in model.parameters():
            parameter.data.add_(torch.randn_like(parameter), alpha=0.3)
    return model


@pytest.fixture
def no_more_files() -> Callable[[], AbstractContextManager[None]]:
    """A context in which the process has as many files open as it may."""

    @contextmanager
    def exhausted() -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    return exhausted


@pytest.fixture
def chosen_precisions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is chosen for float32 products, one after the other, as on a machine where oneDNN is faster."""
    chosen: list[str] = []
    monkeypatch.delenv(device.OFF, raising=False)
    monkeypatch.setattr(device, "_machine_problem", lambda: None)
    monkeypatch.setattr(device, "_precision", lambda: chosen[-1] if chosen else "none")
    monkeypatch.setattr(device, "_set_precision", chosen.append)
    return chosen


@pytest.fixture(scope="session")
def make_model():
    return random_model


@pytest.fixture(scope="session")
def tiny_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """Knows some words, ASCII letters, digits and marks; splits other words into letters."""
    characters = [*string.ascii_letters, *string.digits, *string.punctuation]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{c}" for c in characters), *WORDS]
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(pieces) + "\n")
    return Tokenizer.Config(name=str(path), lower_case=False).build()


@pytest.fixture(scope="session")
def model_directory(tiny_tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pretraining leaves; not to be written into."""
    directory = tmp_path_factory.mktemp("bilm")
    save_model(random_model(tiny_tokenizer, seed=1), tiny_tokenizer, directory)
    return directory


@pytest.fixture
def embedder(model_directory: Path) -> ElmoEmbedder:
    return ElmoEmbedder.from_pretrained(model_directory, device="cpu")


@pytest.fixture(scope="session")
def make_rows() -> Callable[[int, int], list[tuple[list[str], list[str], list[str]]]]:
    """Makes question, passage and tags: who went, or where to; only the question tells which."""

    def make(count: int, seed: int) -> list[tuple[list[str], list[str], list[str]]]:
        generator = random.Random(seed)
        rows = []
        for number in range(count):
            name, place = generator.choice(NAMES).split(), generator.choice(PLACES).split()
            asked, other = (name, place) if number % 2 else (place, name)
            question = ["siapa", "pergi", "?"] if number % 2 else ["ke", "mana", "?"]
            passage = ["kemarin", *name, "pergi", "ke", *place, "."]
            start = 1 if number % 2 else 3 + len(other)
            tags = ["O"] * len(passage)
            tags[start : start + len(asked)] = ["B", *["I"] * (len(asked) - 1)]
            rows.append((question, passage, tags))
        return rows

    return make


@pytest.fixture(scope="module", autouse=True)
def _determinism_stays_inside():
    """Experiments ask torch for deterministic algorithms in the whole process."""
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    fill = torch.utils.deterministic.fill_uninitialized_memory
    yield
    torch.use_deterministic_algorithms(before, warn_only=warn_only)
    torch.utils.deterministic.fill_uninitialized_memory = fill
