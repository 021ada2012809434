#!/usr/bin/env bash
# Checks and training timings on a GPU, in one call, on a machine without network:
#   bash benchmarks/gpu.sh [--repeats 7] [--only "ours, compiled"] [--size small] ...
# The result (gpu-base-cuda.json) and the log go to $OUT, ./gpu-results by default. The status is not 0 if a check
# failed. The result is stored after each contender: a call that is cut short keeps the others.
#
# Needs a Python with torch 2.6 or newer for the GPU; PYTHON names it. Packages that are missing there are installed, for
# this call alone, from wheels in $WHEELS (.whl by default). To fetch them beforehand where there is a network, for
# Python 3.12 on Linux:
#   bash benchmarks/gpu.sh --fetch-wheels
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python="${PYTHON:-python3}" wheels="${WHEELS:-.whl}" output="${OUT:-gpu-results}"

# Imported beyond torch, numpy, transformers, accelerate, scikit-learn, typer and rich; mlstm_kernels is under the NXAI
# Community License. All in the versions of constraints.txt, whatever Python runs pip and whatever else lies in $WHEELS:
# a pydantic works with one pydantic_core alone.
pins=()
for name in annotated-types einops ftfy mlstm_kernels pydantic pydantic_core typing_extensions typing-inspection \
    wcwidth xlstm; do
    pins+=("$(grep -o "^$name==[^; ]*" constraints.txt)")
done

if [[ "${1:-}" == --fetch-wheels ]]; then
    platforms=()
    for version in 2_28 2_27 2_17 2_12 2_5; do platforms+=(--platform "manylinux_${version}_x86_64"); done
    exec "$python" -m pip download --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
        "${platforms[@]}" --platform manylinux2014_x86_64 --platform manylinux1_x86_64 --dest "$wheels" "${pins[@]}"
fi

site="$(mktemp -d)"
trap 'rm -rf "$site"' EXIT
if compgen -G "$wheels/*.whl" >/dev/null; then
    "$python" -m pip install --quiet --no-index --find-links "$wheels" --no-deps --no-compile --no-cache-dir \
        --target "$site" "${pins[@]}"
fi
export PYTHONPATH="$site:$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
mkdir -p "$output"
{
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv || true
    "$python" -m benchmarks gpu --output "$output" "$@"
} 2>&1 | tee "$output/gpu.log"
