import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.checkpoint_file import CheckpointFiles
from elmo_xlstm.runs.files import UnreadableError


def make(width: int = 3) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(width, 4), nn.BatchNorm1d(4))
    return model, torch.optim.AdamW(model.parameters(), lr=0.1)


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(torch.randn(5, 3)).square().sum().backward()
    optimizer.step()


def test_everything_is_restored(tmp_path: Path) -> None:
    files = CheckpointFiles(tmp_path / "checkpoint")
    assert files.peek() is None
    model, optimizer = make()
    step(model, optimizer)
    optimizer.param_groups[0]["lr"] = 0.05
    random.seed(1)
    np.random.seed(1)
    files.save(model, optimizer, {"epoch": 1, "loss": 0.1 + 0.2}, best_epoch=0, new=False)
    drawn = random.random(), np.random.randn(), np.random.randn(), torch.rand(3)
    step(model, optimizer)

    again, its_optimizer = make()
    files.restore(again, its_optimizer)
    assert files.peek() == {"epoch": 1, "loss": 0.1 + 0.2}
    assert its_optimizer.param_groups[0]["lr"] == 0.05
    redrawn = random.random(), np.random.randn(), np.random.randn(), torch.rand(3)
    assert drawn[:3] == redrawn[:3] and torch.equal(drawn[3], redrawn[3])
    step(again, its_optimizer)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_best_weights_are_kept_apart_and_pruned(tmp_path: Path) -> None:
    files = CheckpointFiles(tmp_path)
    model, optimizer = make()
    best: dict[str, torch.Tensor] = {}
    for epoch, best_epoch in ((1, 1), (2, 2), (3, 2)):
        step(model, optimizer)
        if epoch == 2:
            best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        files.save(model, optimizer, {}, best_epoch, new=epoch == best_epoch)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best-2.safetensors", "latest.safetensors"]
    files.restore_best(model, 2)
    assert all(torch.equal(tensor, best[name]) for name, tensor in model.state_dict().items())
    files.clear()
    assert list(tmp_path.iterdir()) == [] and files.peek() is None


def test_tied_weights_can_be_saved(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    optimizer = torch.optim.AdamW(model.parameters())
    files = CheckpointFiles(tmp_path)
    files.save(model, optimizer, {}, best_epoch=1, new=True)
    files.restore(model, optimizer)
    files.restore_best(model, 1)
    assert model[1].weight is model[0].weight


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"{}" * 50])
def test_damage_is_detected(tmp_path: Path, damage) -> None:
    files = CheckpointFiles(tmp_path)
    model, optimizer = make()
    files.save(model, optimizer, {}, best_epoch=1, new=True)
    for name in ("latest", "best-1"):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match="damaged checkpoint"):
        files.peek()
    with pytest.raises(UserError, match="best-1.*cannot be read"):
        files.restore_best(model, 1)


def test_what_cannot_be_read_just_now_is_not_damaged(tmp_path: Path, no_more_files) -> None:
    """A damaged checkpoint is deleted, and all trained again."""
    files = CheckpointFiles(tmp_path)
    files.save(*make(), {}, best_epoch=1, new=True)
    for read in (files.peek, lambda: files.check_best(1)):
        with no_more_files(), pytest.raises(UnreadableError, match="too many open files"):
            read()


def test_another_model_is_refused(tmp_path: Path) -> None:
    files = CheckpointFiles(tmp_path)
    files.save(*make(), {}, best_epoch=1, new=True)
    for restore in (lambda: files.restore(*make(4)), lambda: files.restore_best(make(4)[0], 1)):
        with pytest.raises(UserError, match="belongs to another model"):
            restore()


def test_an_interrupted_write_keeps_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = CheckpointFiles(tmp_path)
    model, optimizer = make()
    files.save(model, optimizer, {"epoch": 1}, best_epoch=1, new=True)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        files.save(model, optimizer, {"epoch": 2}, best_epoch=2, new=True)
    assert files.peek() == {"epoch": 1}
    files.restore_best(model, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best-1.safetensors", "latest.safetensors"]
