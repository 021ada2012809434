"""Minutes of pretraining on a borrowed GPU: pack a corpus here, train there against the clock, bring the model back.

For a machine without network, to which little can be carried, and which is taken back at a fixed time. Learning rates
follow the clock, not a number of steps: warm-up, a stable part, and a decay that ends when the time does.

    python scripts/gpu_pretraining.py pack CORPUS OUT --text reviews=FILE    # a third of the shards' size
    python scripts/gpu_pretraining.py train OUT RESULT --minutes 8           # on the GPU; weights in files of 15 MiB
    python scripts/gpu_pretraining.py unpack OUT RESULT EXPERIMENT RUN       # a pretraining run, to be exported
"""

from __future__ import annotations

import copy
import hashlib
import json
import lzma
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
import typer
from safetensors.torch import load, save
from torch import Tensor

from elmo_xlstm.lm.configuration import BiXLSTMConfig
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.model_directory import from_int8_rows, to_int8_rows
from elmo_xlstm.lm.optimization import is_decayed

app = typer.Typer(pretty_exceptions_enable=False, help=__doc__)

Ids = npt.NDArray[np.int64]

# The most frequent pieces take one byte, the others two.
SINGLES = 131
CHUNK_TOKENS = 8_000_000  # unpacked in parallel
PIECE_BYTES = 15 * 2**20
LOSS_ROWS = 8192


# --- Packing ---------------------------------------------------------------------------------------------------------


def _to_bytes(ranks: Ids) -> bytes:
    """Frequency ranks as one byte, or two: an escape and a rest."""
    double = ranks >= SINGLES
    rest = ranks - SINGLES
    pairs = np.stack([np.where(double, SINGLES + rest // 256, ranks), rest % 256], axis=1).astype(np.uint8)
    return pairs[np.stack([np.ones_like(double), double], axis=1)].tobytes()


def _from_bytes(data: bytes) -> Ids:
    codes = np.frombuffer(data, dtype=np.uint8).astype(np.int64)
    # A second byte may look like an escape, so that who is first is decided in runs of large bytes.
    large = codes >= SINGLES
    index = np.arange(len(codes))
    run_start = np.maximum.accumulate(np.where(~large, index + 1, 0))  # where the run of large bytes before began
    first = (index - np.concatenate([[0], run_start[:-1]])) % 2 == 0
    starts = np.flatnonzero(first)
    following = codes[np.minimum(starts + 1, len(codes) - 1)]
    head = codes[starts]
    return np.where(head >= SINGLES, SINGLES + (head - SINGLES) * 256 + following, head)


def _pack_chunk(path: Path, ranks: Ids) -> Path:
    path.write_bytes(lzma.compress(_to_bytes(ranks), preset=9))
    if not np.array_equal(_unpack_chunk(path), ranks):
        raise SystemExit(f"{path}: does not unpack to what was packed")
    return path


def _unpack_chunk(path: Path) -> Ids:
    return _from_bytes(lzma.decompress(path.read_bytes()))


@app.command()
def pack(
    corpus: Annotated[Path, typer.Argument(help="Directory of a prepared corpus, without repeats.")],
    output: Annotated[Path, typer.Argument(help="Directory to carry to the GPU.")],
    repeats: Annotated[str, typer.Option(help="JSON: how often a source is read in a pass, by label.")] = "{}",
    text: Annotated[list[str] | None, typer.Option(help="NAME=FILE to score the model on. Repeatable.")] = None,
    tokenizer: Annotated[Path, typer.Option(help="Directory of the corpus's tokenizer.")] = Path("runs/tokenizer"),
) -> None:
    """Compress a corpus's tokens."""
    from elmo_xlstm.text import Corpus, Tokenizer

    opened, splitter = Corpus(corpus), Tokenizer.load(tokenizer)
    output.mkdir(parents=True)
    order = np.argsort(-opened.token_counts, kind="stable")
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    times = json.loads(repeats)
    chunks: list[dict[str, Any]] = []
    with ThreadPoolExecutor() as pool:
        jobs = []
        for name, stream in (("train", opened.train), ("valid", opened.validation)):
            for start in range(0, len(stream), CHUNK_TOKENS):
                ids = stream.read(start, min(len(stream), start + CHUNK_TOKENS))
                path = output / f"tokens-{name}-{start // CHUNK_TOKENS:03d}.xz"
                jobs.append(pool.submit(_pack_chunk, path, ranks[ids]))
                chunks.append({"part": name, "file": path.name, "tokens": len(ids)})
        for job in jobs:
            print(job.result(), job.result().stat().st_size, flush=True)
    ends = np.cumsum([source["train"]["tokens"] for source in opened.manifest["mix"]]).tolist()
    labels = [source["label"] for source in opened.manifest["mix"]]
    texts: dict[str, dict[str, int]] = {}
    arrays = {"order": order.astype(np.int32)}
    for name, _, path in (option.partition("=") for option in text or ()):
        lines = [line for line in Path(path).read_text(encoding="utf-8").splitlines() if line]
        ids = [[splitter.bos_id, *pieces, splitter.eos_id] for pieces in splitter.encode_texts(lines)]
        arrays[f"text-{name}"] = np.array([piece for document in ids for piece in document], dtype=np.uint16)
        texts[name] = {"characters": sum(map(len, lines))}
    np.savez_compressed(output / "arrays.npz", **arrays)
    facts = {
        "corpus": opened.manifest["digest"],
        "vocab_size": splitter.vocab_size,
        "pad_id": splitter.pad_id,
        "chunks": chunks,
        "sources": [[label, end, times.get(label, 1)] for label, end in zip(labels, ends, strict=True)],
        "valid": {"characters": opened.validation.characters},
        "texts": texts,
    }
    (output / "facts.json").write_text(json.dumps(facts, indent=1))


# --- Training --------------------------------------------------------------------------------------------------------


class _ExactLoss(torch.autograd.Function):
    """Sum of cross-entropies over the whole vocabulary, and its gradients, in chunks of rows that one kernel reads."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        rows = hidden.to(torch.bfloat16)
        table = weight.to(torch.bfloat16)
        grad_hidden = torch.empty_like(rows)
        grad_weight = torch.zeros_like(weight, dtype=torch.float32)
        total = torch.zeros((), device=hidden.device)
        for start in range(0, len(rows), LOSS_ROWS):
            part = slice(start, start + LOSS_ROWS)
            loss, grad_logits = _loss_of_rows(rows[part] @ table.T, targets[part])
            total += loss
            grad_hidden[part] = grad_logits @ table
            grad_weight += grad_logits.T @ rows[part]
        ctx.save_for_backward(grad_hidden, grad_weight)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad_hidden, grad_weight = ctx.saved_tensors
        return grad_hidden * grads[0], grad_weight * grads[0], None


def _loss_of_rows(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of cross-entropies of (rows, vocabulary) logits, and their gradient."""
    wide = logits.float()
    normalizer = torch.logsumexp(wide, dim=1, keepdim=True)
    is_target = targets[:, None] == torch.arange(logits.shape[1], device=logits.device)
    loss = (normalizer.squeeze(1) - torch.where(is_target, wide, 0.0).sum(1)).sum()
    return loss, (torch.exp(wide - normalizer) - is_target.float()).to(logits.dtype)


def _losses(model: BiXLSTM, input_ids: Tensor) -> Tensor:
    """Both directions' mean cross-entropies: (2,)."""
    reversed_ids = input_ids.flip(1)
    _, (forward, backward) = model._read([input_ids, reversed_ids])
    found = []
    for hidden, ids, weight in zip(
        (forward[-1], backward[-1]), (input_ids, reversed_ids), model.softmax_weights(), strict=True
    ):
        targets = ids[:, 1:].flatten()
        found.append(_ExactLoss.apply(hidden[:, :-1].flatten(0, 1), weight, targets) / len(targets))
    return torch.stack(found)


class _Windows:
    """Shuffled windows of a pass over the tokens, in which a source is read as often as it is to be."""

    def __init__(self, tokens: Tensor, sources: list[list[Any]], length: int, seed: int) -> None:
        self.tokens, self.length = tokens, length
        self.sources = sources
        self.generator = torch.Generator().manual_seed(seed)

    def batches(self, size: int) -> Iterator[Tensor]:
        """(size, length) token ids, for ever."""
        device = self.tokens.device
        while True:
            offset = int(torch.randint(self.length, (), generator=self.generator))
            begins, start = [], 0
            for _, end, times in self.sources:
                inside = torch.arange(start + offset, max(start + offset, end - self.length), self.length)
                begins += [inside] * times
                start = end
            starts = torch.cat(begins)
            starts = starts[torch.randperm(len(starts), generator=self.generator)].to(device)
            for batch in starts.split(size):
                if len(batch) == size:
                    yield self.tokens[batch[:, None] + torch.arange(self.length, device=device)].long()


@torch.no_grad()
def _bits(model: BiXLSTM, ids: Tensor, characters: int, length: int, device: torch.device, limit: int) -> list[float]:
    """Bits per character of each direction, read in windows; of the first ``limit`` tokens, at the whole's ratio."""
    characters = round(characters * min(1.0, limit / len(ids)))
    ids = ids[:limit]
    windows = ids[: len(ids) // length * length].view(-1, length)
    total = torch.zeros(2, device=device)
    model.eval()
    for batch in windows.split(64):
        with torch.autocast(device.type, torch.bfloat16):
            total += _losses(model, batch.long()) * (batch.numel() - len(batch))
    model.train()
    return [round(value / math.log(2) / characters * len(ids) / windows.numel(), 5) for value in total.tolist()]


def _rate(step: int, elapsed: float, warmup: int, decay: float) -> float:
    """The learning rate's factor: warm-up by steps, a decay over the last share of the time."""
    return min(1.0, (step + 1) / warmup, max(0.0, (1.0 - elapsed) / decay))


def _load_tokens(directory: Path, facts: dict[str, Any], device: torch.device) -> dict[str, Tensor]:
    chunks = [chunk for chunk in facts["chunks"] if (directory / chunk["file"]).is_file()]
    order = np.load(directory / "arrays.npz")["order"]
    with ThreadPoolExecutor() as pool:
        files = [directory / chunk["file"] for chunk in chunks]
        found = list(pool.map(_unpack_chunk, files))
    ids = {
        part: np.concatenate(
            [order[ranks] for chunk, ranks in zip(chunks, found, strict=True) if chunk["part"] == part]
        )
        for part in ("train", "valid")
    }
    return {part: torch.from_numpy(values.astype(np.int32)).to(device) for part, values in ids.items()}


@app.command()
def train(
    packed: Annotated[Path, typer.Argument(help="What `pack` wrote.")],
    output: Annotated[Path, typer.Argument(help="Directory of the log and the weights.")],
    minutes: Annotated[float, typer.Option(help="Time for training, from its first step on.")] = 8.0,
    dim: int = 512,
    blocks: int = 2,
    softmax: str = "separate",
    learning_rate: float = 4e-3,
    muon: Annotated[float, typer.Option(help="Learning rate of Muon for the projections; 0: AdamW for all.")] = 0.0,
    warmup: int = 300,
    decay: Annotated[float, typer.Option(help="Share of the time in which the rate falls to nothing.")] = 0.25,
    batch: int = 128,
    length: int = 256,
    dropout: float = 0.0,
    curve: Annotated[float, typer.Option(help="Share of the time between evaluations.")] = 0.125,
    compiled: bool = True,
    save: bool = True,
    seed: int = 0,
) -> None:
    """Train against the clock."""
    output.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    facts = json.loads((packed / "facts.json").read_text())
    began = time.monotonic()
    tokens = _load_tokens(packed, facts, device)
    available = len(tokens["train"])
    sources = [[label, min(end, available), times] for label, end, times in facts["sources"]]

    def note(**entry: Any) -> None:
        line = json.dumps(entry)
        print(line, flush=True)
        with (output / "log.jsonl").open("a") as log:
            log.write(line + "\n")

    note(tokens=available, unpacked_s=round(time.monotonic() - began, 1), device=str(device), dim=dim, blocks=blocks)
    torch.manual_seed(seed)
    config = BiXLSTMConfig(
        vocab_size=facts["vocab_size"],
        pad_token_id=facts["pad_id"],
        embedding_dim=dim,
        num_blocks=blocks,
        softmax=softmax,  # type: ignore[arg-type]
        dropout=dropout,
        context_length=length,
    )
    model = BiXLSTM(config).to(device)
    note(parameters=model.num_parameters())
    if device.type == "cuda":  # the same losses on the card and beside it
        some = tokens["train"][: 4 * length].view(4, length).long()
        with torch.no_grad():
            on_card = model(some).loss.item()
            with torch.autocast(device.type, torch.bfloat16):
                rounded = _losses(model, some).mean().item()
            beside = copy.deepcopy(model).cpu()(some.cpu()).loss.item()
        note(cpu_fp32=beside, gpu_fp32=on_card, gpu_bf16=rounded)
    if compiled:
        global _loss_of_rows
        _loss_of_rows = torch.compile(_loss_of_rows, dynamic=False)
        for stack in (model.forward_stack, model.backward_stack):
            for block in stack.blocks:
                block.compile(dynamic=False)
    named = dict(model.named_parameters())
    projections = {
        name: value for name, value in named.items() if muon and "proj_up" in name or muon and "proj_down" in name
    }
    groups = [
        {"params": [p for n, p in named.items() if n not in projections and is_decayed(n, p)], "weight_decay": 0.1},
        {"params": [p for n, p in named.items() if n not in projections and not is_decayed(n, p)], "weight_decay": 0.0},
    ]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.95), eps=1e-8, fused=True)
    ]
    if projections:
        optimizers.append(
            torch.optim.Muon(list(projections.values()), lr=muon, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
        )
    peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    batches = _Windows(tokens["train"], sources, length, seed).batches(batch)

    def step(factor: float) -> Tensor:
        for optimizer, rates in zip(optimizers, peaks, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        with torch.autocast(device.type, torch.bfloat16):
            losses = _losses(model, next(batches))
        losses.mean().backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for parameter in model.parameters():  # a step that is not finite does nothing
            if parameter.grad is not None:
                parameter.grad = torch.where(torch.isfinite(norm), parameter.grad, 0.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return losses.detach()

    step(0.0)  # compiles
    if device.type == "cuda":
        torch.cuda.synchronize()
    note(ready_s=round(time.monotonic() - began, 1))
    evaluations = {"valid": (tokens["valid"], facts["valid"]["characters"])}
    arrays = np.load(packed / "arrays.npz")
    for name, entry in facts["texts"].items():
        ids = torch.from_numpy(arrays[f"text-{name}"].astype(np.int32)).to(device)
        evaluations[name] = ids, entry["characters"]

    def evaluate(limit: int) -> dict[str, list[float]]:
        with torch.compiler.set_stance("force_eager"):  # other shapes
            return {name: _bits(model, *scored, length, device, limit) for name, scored in evaluations.items()}

    started, number, every = time.monotonic(), 0, 50
    since = started
    next_evaluation = curve
    running = torch.zeros(2, device=device)
    while (elapsed := (time.monotonic() - started) / (60 * minutes)) < 1.0:
        running += step(_rate(number, elapsed, warmup, decay))
        number += 1
        if number % every == 0:
            forward, backward = (running / every).tolist()  # waits for the GPU
            running.zero_()
            rate, since = every * batch * length / (time.monotonic() - since), time.monotonic()
            if number % (4 * every) == 0:
                note(
                    step=number, share=round(elapsed, 4), loss=[round(forward, 4), round(backward, 4)], rate=round(rate)
                )
            if not math.isfinite(forward + backward):
                note(problem="loss is not finite")
            if elapsed > next_evaluation:
                next_evaluation += curve
                note(step=number, read=number * batch * length, bits=evaluate(100_000))
                since = time.monotonic()
    final = {"read": number * batch * length, "steps": number, "seconds": round(time.monotonic() - started, 1)}
    note(**final, bits=evaluate(100_000 if curve >= 1 else 10_000_000))
    if save:
        _write(model, output, final)
        note(saved_s=round(time.monotonic() - began, 1))


def _write(model: BiXLSTM, output: Path, facts: dict[str, Any]) -> None:
    """The model in fp16 and its soft-max in int8 with a scale a row, each in files of 15 MiB."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    encoder = {n: (t.half() if t.ndim > 1 else t) for n, t in weights.items() if "softmax" not in n}
    parts = [to_int8_rows(name, tensor) for name, tensor in weights.items() if "softmax" in name]
    softmax = {name: tensor for part in parts for name, tensor in part.items()}
    (output / "config.json").write_text(model.config.model_dump_json(indent=2))
    for part, tensors in (("encoder", encoder), ("softmax", softmax)):
        data = save(tensors)
        facts[part] = hashlib.sha256(data).hexdigest()
        for number, start in enumerate(range(0, len(data), PIECE_BYTES)):
            (output / f"{part}-{number}.bin").write_bytes(data[start : start + PIECE_BYTES])
    (output / "facts.json").write_text(json.dumps(facts))


@app.command()
def unpack(
    packed: Annotated[Path, typer.Argument(help="What `pack` wrote.")],
    result: Annotated[Path, typer.Argument(help="What `train` wrote.")],
    config: Annotated[Path, typer.Argument(help="The recipe as a pretraining experiment.")],
    run: Annotated[Path, typer.Argument(help="The pretraining run to write, for `export` and `perplexity`.")],
    override: Annotated[list[str] | None, typer.Option("--override", "-o", help="As of `pretrain`.")] = None,
    ext_var: Annotated[list[str] | None, typer.Option("--ext-var", help="As of `pretrain`.")] = None,
) -> None:
    """Join the weights again, verified, as a finished run."""
    from elmo_xlstm.config import load_experiment
    from elmo_xlstm.lm.model_directory import MODEL_DIRECTORY
    from elmo_xlstm.lm.model_files import save_model
    from elmo_xlstm.lm.pretraining_record import TrainingLog
    from elmo_xlstm.lm.pretraining_settings import PretrainSettings
    from elmo_xlstm.lm.scoring import Validation
    from elmo_xlstm.runs.run_directory import open_run

    facts = json.loads((result / "facts.json").read_text())
    settings = load_experiment(PretrainSettings, config, override or (), ext_var or ())
    if settings.tokenizer is None or settings.initial_model is not None:
        raise SystemExit(f"{config}: trains from the start here; leave initial_model out, and name the tokenizer")
    tokenizer = settings.tokenizer.build()
    weights: dict[str, Tensor] = {}
    for part in ("encoder", "softmax"):
        pieces = sorted(result.glob(f"{part}-*.bin"), key=lambda path: int(path.stem.partition("-")[2]))
        data = b"".join(path.read_bytes() for path in pieces)
        if hashlib.sha256(data).hexdigest() != facts[part]:
            raise SystemExit(f"{result}: the {part}'s files are not what was written")
        weights |= load(data)
    model = BiXLSTM(settings.architecture(tokenizer))
    model.load_state_dict({name: tensor.float() for name, tensor in from_int8_rows(weights).items()})
    with open_run(run, settings):
        (run / MODEL_DIRECTORY).mkdir()
        save_model(model, tokenizer, run / MODEL_DIRECTORY)
    held_out = json.loads((packed / "facts.json").read_text())
    tokens = sum(chunk["tokens"] for chunk in held_out["chunks"] if chunk["part"] == "valid")
    bits_of_a_nat = tokens / held_out["valid"]["characters"] / math.log(2)
    log = TrainingLog(run, writes=True)
    for line in (result / "log.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if "steps" in entry:
            bits = entry["bits"]["valid"]
            forward, backward = (value / bits_of_a_nat for value in bits)
            scores = Validation((forward + backward) / 2, math.exp(forward), math.exp(backward), *bits)
            log.add(entry["steps"], "validation", scores.as_dict())


if __name__ == "__main__":
    app()
