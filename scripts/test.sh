#!/usr/bin/env bash
# Passes the tests, on a machine with nothing but Python 3.10+ and a package index. Arguments go to pytest.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
# Many small tensors: one thread a process and a process a core is several times faster than many threads.
export OMP_NUM_THREADS=1
exec python -m pytest --numprocesses auto "$@"
