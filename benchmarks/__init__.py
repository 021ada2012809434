"""Speed and memory, side by side with other systems: ``python -m benchmarks --help``."""

import elmo_xlstm  # noqa: F401 - before torch, for whose threads it sets how they wait, as every command does
