"""The processes of one launch: what they agree on, and a model sharded over them.

PyTorch's ``fully_shard`` (FSDP2; the idea is ZeRO stage 3, Rajbhandari et al. 2020) is called directly, and not
through Accelerate, whose plugin is for GPUs alone: so the same code runs, and is tested, on CPUs with gloo.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.runs.checkpoints import placed_like

T = TypeVar("T")

# The others wait as long as the main process prepares a corpus; a process that dies ends the wait at once.
LONGEST_WAIT = timedelta(days=30)


class Processes:
    """The processes that ``torchrun`` or ``accelerate launch`` started, or this one alone.

    An error that is the user's to mend is raised by one process only, so that it is shown once; the others leave
    with exit status 1.

    Attributes:
        index: of this process, from 0.
        count: of all processes, over all machines.
    """

    def __init__(self) -> None:
        launched = "LOCAL_RANK" in os.environ  # by torchrun or accelerate launch
        on_cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or (launched and not torch.cuda.is_available())
        self._state = PartialState(cpu=on_cpu)  # joins the others; would not without a GPU unless told
        self.index: int = self._state.process_index
        self.count: int = self._state.num_processes

    @property
    def is_main(self) -> bool:
        """Whether this is the one that writes files and says what goes on."""
        return self.index == 0

    def run_on_main(self, action: Callable[[], T]) -> T:
        """Run ``action`` in the main process while the others wait, and give its small result to all.

        Raises:
            UserError: as ``action`` does, in the main process.
            SystemExit: in the others.
        """
        result: list[Any] = [None]
        with self.together():
            if self.is_main:
                result = [action()]
        if self.count > 1:
            torch.distributed.broadcast_object_list(result, src=0, group=_control_group())
        value: T = result[0]
        return value

    @contextmanager
    def together(self) -> Iterator[None]:
        """Go on when all processes have reached the end of the block, or end all if one has met an error.

        Raises:
            UserError: in the main process: all that went wrong, each message once.
            SystemExit: in the others.
        """
        message = None
        try:
            yield
        except UserError as error:
            if self.count == 1:
                raise
            message = str(error)
        messages = list(dict.fromkeys(m for m in self.gather(message) if m is not None))
        if messages and self.is_main:
            raise UserError("\n".join(messages))
        if messages:
            raise SystemExit(1)

    def gather(self, value: T) -> list[T]:
        """The small values of all processes, in their order, in every process."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(values, value, group=_control_group())
        return values

    def leave(self) -> None:
        """Part from the others at the end of the work.

        A process that ends without it may abort: threads of the groups would still be running.
        """
        if self.count > 1:
            _control_group.cache_clear()
            self._state.destroy_process_group()


class Agreement:
    """Lets all processes learn, after the same step, of a number that any of them has come to know.

    The processes vote in every step without waiting for each other's votes, nor for their devices: what is told is
    the outcome of the vote before.

    Args:
        processes: of the launch.
    """

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._under_way: tuple[torch.Tensor, Any] | None = None

    def vote(self, number: int) -> int:
        """The largest number of the vote before, or of this one where there is one process alone.

        Args:
            number: this process's vote; 0 for nothing.
        """
        if self._processes.count == 1:
            return number
        before = self._under_way
        ballot = torch.tensor([number])
        reduce, largest = torch.distributed.all_reduce, torch.distributed.ReduceOp.MAX
        self._under_way = ballot, reduce(ballot, largest, group=_control_group(), async_op=True)
        if before is None:
            return 0
        before[1].wait()
        return int(before[0])

    def settle(self) -> None:
        """Wait for the last vote, which nobody asks for: a process must not end with one under way."""
        if self._under_way is not None:
            self._under_way[1].wait()
            self._under_way = None


@cache
def _control_group() -> Any:
    """A group for what is not on the devices: patient, unlike the one that adds gradients."""
    return torch.distributed.new_group(backend="gloo", timeout=LONGEST_WAIT)


def shard(model: BiXLSTM, device: torch.device, num_processes: int) -> None:
    """Shard a model in place over all processes, block by block; embedding and soft-max weights together.

    Weights are gathered in float32 and autocast rounds what it multiplies, so that the numbers are those of plain data
    parallelism. Every process must hold the same weights before.

    Args:
        model: on any device; its shards come to lie on ``device``.
        device: of this process.
        num_processes: of the launch.

    Raises:
        UserError: there is one process only.
    """
    if num_processes == 1:
        raise UserError(
            'training.sharding: "full" shards the model over several processes, but only one runs; start them with '
            'torchrun --nproc_per_node GPUS cli.py pretrain ..., or set it to "none"'
        )
    mesh = init_device_mesh(device.type, (num_processes,))
    for stack in model.backbones:
        for block in stack.blocks:
            fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)


@contextmanager
def local_gradients(model: nn.Module) -> Iterator[None]:
    """Leave the gradients of the passes in this block on each process, to be summed over processes later."""
    assert isinstance(model, FSDPModule)
    model.set_requires_gradient_sync(False)
    try:
        yield
    finally:
        model.set_requires_gradient_sync(True)


def reshard(model: nn.Module) -> None:
    """Free weights that a forward pass without a backward pass has left gathered."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


@torch.no_grad()
def load_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy whole weights into a model that may be sharded.

    Args:
        model: has exactly these weights.
        weights: by name, the same in every process.
    """
    own = model.state_dict()
    assert own.keys() == weights.keys()
    for name, weight in own.items():
        weight.copy_(placed_like(weights[name], weight))
