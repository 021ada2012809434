from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from elmo_xlstm.runs import checkpoints
from elmo_xlstm.runs.checkpoints import (
    CheckpointDirectory,
    load_optimizer,
    load_random_state,
    save_optimizer,
    save_random_state,
)
from elmo_xlstm.runs.directories import publish_directory


def content(directory: Path) -> dict[str, str]:
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


class TestPublishing:
    def test_a_directory_appears_whole(self, tmp_path: Path) -> None:
        target = tmp_path / "deep" / "model"
        with publish_directory(target) as directory:
            assert directory.parent == target.parent  # a rename is atomic within one file system only
            (directory / "a").write_text("1")
            (directory / "inner").mkdir()
            (directory / "inner" / "b").write_text("2")
            assert not target.exists()
        assert content(target) == {"a": "1", "inner/b": "2"} and list(target.parent.iterdir()) == [target]

    def test_the_old_one_is_replaced_with_all_its_files(self, tmp_path: Path) -> None:
        target = tmp_path / "model"
        for name in ("old", "new"):
            with publish_directory(target) as directory:
                (directory / name).write_text(name)
        assert content(tmp_path) == {"model/new": "new"}

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
    @pytest.mark.parametrize("there", [True, False])
    def test_an_error_leaves_what_was_there(self, tmp_path: Path, error: type[BaseException], there: bool) -> None:
        target = tmp_path / "model"
        if there:
            target.mkdir()
            (target / "a").write_text("old")
        with pytest.raises(error), publish_directory(target) as directory:
            (directory / "a").write_text("half")
            raise error
        assert content(tmp_path) == ({"model/a": "old"} if there else {})
        assert list(tmp_path.iterdir()) == ([target] if there else [])

    def test_a_full_disk_leaves_what_was_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        target = tmp_path / "model"
        target.mkdir()
        (target / "a").write_text("old")

        def full(descriptor: int) -> None:
            raise OSError("no space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space"), publish_directory(target) as directory:
            (directory / "a").write_text("new")
        assert content(tmp_path) == {"model/a": "old"}

    def test_every_file_is_flushed_before_the_name_is_given(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        flushed: list[tuple[str, bool]] = []
        monkeypatch.setattr(checkpoints, "_flush", lambda path: flushed.append((path.name, (tmp_path / "m").exists())))
        with publish_directory(tmp_path / "m") as directory:
            (directory / "a").write_text("1")
            (directory / "inner").mkdir()
            (directory / "inner" / "b").write_text("2")
        assert sorted(flushed[:-1]) == [("a", False), ("b", False)]
        assert flushed[-1] == (tmp_path.name, True)

    def test_what_a_killed_run_left_is_not_mixed_in(self, tmp_path: Path) -> None:
        (tmp_path / ".model.partial").mkdir()
        (tmp_path / ".model.partial" / "stale").write_text("x")
        with publish_directory(tmp_path / "model") as directory:
            (directory / "a").write_text("1")
        assert content(tmp_path) == {"model/a": "1"}


def make_training(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    groups = [{"params": [model[0].weight], "weight_decay": 0.1}, {"params": [model[0].bias, *model[2].parameters()]}]
    return model, torch.optim.AdamW(groups, lr=0.01, betas=(0.8, 0.95))


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for step in range(steps):
        optimizer.zero_grad()
        model(torch.randn(5, 3, generator=torch.Generator().manual_seed(step))).square().sum().backward()
        optimizer.step()


class TestTrainingState:
    def test_an_optimizer_goes_on_as_if_it_had_never_stopped(self, tmp_path: Path) -> None:
        model, optimizer = make_training(0)
        train(model, optimizer, 3)
        optimizer.param_groups[0]["lr"] = 0.02
        save_optimizer(optimizer, tmp_path)
        other, again = make_training(1)
        other.load_state_dict(model.state_dict())
        load_optimizer(again, tmp_path)
        assert [group["lr"] for group in again.param_groups] == [0.02, 0.01]
        assert [group["weight_decay"] for group in again.param_groups] == [0.1, 0.01]
        train(model, optimizer, 3)
        train(other, again, 3)
        assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))

    def test_an_optimizer_before_its_first_step(self, tmp_path: Path) -> None:
        model, optimizer = make_training(0)
        save_optimizer(optimizer, tmp_path)
        load_optimizer(optimizer, tmp_path)
        train(model, optimizer, 1)

    def test_state_that_is_no_tensor_is_kept(self, tmp_path: Path) -> None:
        model = nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        train_input = torch.ones(1, 2)
        model(train_input).sum().backward()
        optimizer.step()
        optimizer.state[model.weight]["count"] = 7
        save_optimizer(optimizer, tmp_path)
        again = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
        load_optimizer(again, tmp_path)
        assert again.state[model.weight]["count"] == 7
        assert torch.equal(again.state[model.weight]["momentum_buffer"], torch.ones(1, 2))

    def test_random_numbers_go_on(self, tmp_path: Path) -> None:
        torch.manual_seed(5)
        torch.rand(3)
        save_random_state(tmp_path / "random.safetensors")
        expected = torch.rand(4)
        torch.manual_seed(6)
        load_random_state(tmp_path / "random.safetensors")
        assert torch.equal(torch.rand(4), expected)

    def test_nothing_is_pickled(self, tmp_path: Path) -> None:
        model, optimizer = make_training(0)
        train(model, optimizer, 1)
        save_optimizer(optimizer, tmp_path)
        save_random_state(tmp_path / "random.safetensors")
        assert {path.suffix for path in tmp_path.iterdir()} == {".safetensors", ".json"}


class TestCheckpointDirectory:
    def make(self, tmp_path: Path, steps: list[int], keep: int = 2) -> CheckpointDirectory:
        numbered = CheckpointDirectory(tmp_path / "checkpoints", keep)
        for step in steps:
            with publish_directory(numbered.path(step)) as directory:
                (directory / "a").write_text(str(step))
        return numbered

    def test_steps_are_sorted_and_only_whole_ones_count(self, tmp_path: Path) -> None:
        numbered = self.make(tmp_path, [30, 4, 100_000_000])
        (tmp_path / "checkpoints" / ".step-00000099.partial").mkdir()
        (tmp_path / "checkpoints" / ".step-00000099.old").mkdir()
        (tmp_path / "checkpoints" / "notes.txt").write_text("x")
        assert numbered.steps() == [4, 30, 100_000_000]
        assert numbered.newest() == numbered.path(100_000_000)

    @pytest.mark.parametrize(
        ("best", "left"), [(10, [10, 40, 50]), (40, [40, 50]), (50, [40, 50]), (None, [40, 50]), (99, [40, 50])]
    )
    def test_pruning_keeps_the_newest_and_the_best(self, tmp_path: Path, best: int | None, left: list[int]) -> None:
        numbered = self.make(tmp_path, [10, 20, 30, 40, 50])
        numbered.prune(best)
        assert numbered.steps() == left
        numbered.prune(best)
        assert numbered.steps() == left

    def test_few_checkpoints_are_all_kept(self, tmp_path: Path) -> None:
        numbered = self.make(tmp_path, [10, 20], keep=5)
        numbered.prune(None)
        assert numbered.steps() == [10, 20]

    def test_nothing_to_resume_from(self, tmp_path: Path) -> None:
        numbered = CheckpointDirectory(tmp_path / "none", 2)
        assert numbered.steps() == []
        assert numbered.newest() is None
