"""Speed and memory, side by side with other systems: ``python -m benchmarks --help``."""
