"""The evaluator of jsonnet, in a process of its own: a file that never ends, or takes all memory, ends this one alone.

Reads a request from standard input and writes an answer to standard output, both JSON; see :func:`answer`. The file is
run as a script and imports nothing of the package, so that it starts in a few hundredths of a second.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PREFIX = "elmo-xlstm/"
CPU_SECONDS = 20
MEMORY_BYTES = 2**31
LARGEST = 2**24
"""Bytes of an imported file and of what ``std.trace`` says, and characters of the values that come out."""


def answer(path: str, roots: Sequence[str], shipped: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Evaluate a file.

    Args:
        path: resolved.
        roots: resolved directories that imports may come from.
        shipped: resolved directory of the experiments that the package carries, imported as ``elmo-xlstm/NAME``.
        variables: values of ``std.extVar``.

    Returns:
        ``{"values": JSON text}`` or ``{"error": what the evaluator says}``.
    """
    import _jsonnet

    def import_file(directory: str, name: str) -> tuple[str, bytes]:
        try:
            target = (Path(directory) / name).resolve()
            if name.startswith(PREFIX) and not target.is_file():
                target = (Path(shipped) / name.removeprefix(PREFIX)).resolve()
            inside = any(target.is_relative_to(root) for root in (*roots, shipped))
            found = inside and target.is_file()  # no device, which could be read for ever
        except (OSError, ValueError, RuntimeError) as error:
            raise RuntimeError(f"import '{name}': is no path of a file ({error})") from None
        if not inside:
            raise RuntimeError(
                f"import '{name}' leaves the experiment's directory {' and '.join(roots)}; "
                f"allow it with --allow-imports {target.parent}"
            )
        if not found:
            raise RuntimeError(f"import '{name}': no such file {target}")
        if target.stat().st_size > LARGEST:
            raise RuntimeError(f"import '{name}': {target} is larger than the {LARGEST >> 20} MiB that are read")
        return str(target), _read(target).encode()

    try:
        text = _jsonnet.evaluate_snippet(path, _read(Path(path)), ext_vars=dict(variables), import_callback=import_file)
    except (RuntimeError, ValueError, OSError) as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": "takes too much memory"}
    if len(text) > LARGEST:
        return {"error": f"evaluates to {len(text)} characters, more than the {LARGEST} that are read"}
    return {"values": text}


def _read(path: Path) -> str:
    """The text of a file, without a byte order mark."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RuntimeError(f"{path}:{line}: not UTF-8 (byte {error.start}); convert the file to UTF-8") from None
    if "\0" in text:
        raise RuntimeError(f"{path}: holds a NUL, which no text does; restore the file")
    return text


def main() -> None:
    """Answer one request within limits of time and memory."""
    try:
        import resource
    except ImportError:  # no Unix
        pass
    else:
        limits = {
            resource.RLIMIT_CPU: (CPU_SECONDS, CPU_SECONDS + 1),
            resource.RLIMIT_AS: (MEMORY_BYTES, MEMORY_BYTES),
            resource.RLIMIT_FSIZE: (LARGEST, LARGEST),
            resource.RLIMIT_CORE: (0, 0),
        }
        for which, (soft, hard) in limits.items():
            _, most = resource.getrlimit(which)  # of a process that is limited itself: not to be raised
            most = hard if most == resource.RLIM_INFINITY else min(hard, most)
            resource.setrlimit(which, (min(soft, most), most))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it, and would go on without writing
    request: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    sys.stdout.buffer.write(json.dumps(answer(**request)).encode())


if __name__ == "__main__":
    main()
