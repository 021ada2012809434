#!/usr/bin/env bash
# Checks and training timings on a GPU, in one call, on a machine without network:
#   [SIZE=small] bash benchmarks/gpu.sh [--repeats 7] [--only "ours, compiled"] ...
# Results (machine-, softmax-, gpu- and length-base-cuda.json) and the log go to $OUT, ./gpu-results by default. The
# status is not 0 if a check failed. `gpu` is stored after each contender: a call that is cut short keeps the others.
#
# Needs a Python with torch 2.6 or newer for the GPU; PYTHON names it. Packages that are missing there are installed, for
# this call alone, from wheels in $WHEELS (.whl by default). To fetch them beforehand where there is a network, for
# Python 3.12 on Linux:
#   bash benchmarks/gpu.sh --fetch-wheels
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python="${PYTHON:-python3}"
wheels="${WHEELS:-.whl}"
output="${OUT:-gpu-results}"
device="${DEVICE:-cuda}"
size="${SIZE:-base}"

if [[ "${1:-}" == --fetch-wheels ]]; then
    # What `python -m benchmarks gpu` imports beyond torch, numpy, transformers, accelerate, scikit-learn, typer, rich.
    packages=(annotated-types ftfy pydantic pydantic-core typing-inspection wcwidth xlstm zstandard)
    # Compared with where they are: soft-max losses, and the kernels of mlstm_kernels (NXAI Community License).
    compared=(cut-cross-entropy einops liger-kernel mlstm_kernels)
    platforms=()
    for version in 2_28 2_27 2_17 2_12 2_5; do platforms+=(--platform "manylinux_${version}_x86_64"); done
    exec "$python" -m pip download --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
        "${platforms[@]}" --platform manylinux2014_x86_64 --platform manylinux1_x86_64 \
        --constraint constraints.txt --dest "$wheels" "${packages[@]}" "${compared[@]}"
fi

site="$(mktemp -d)"
trap 'rm -rf "$site"' EXIT
if compgen -G "$wheels/*.whl" >/dev/null; then
    "$python" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$site" \
        "$wheels"/*.whl
fi
export PYTHONPATH="$site:$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
mkdir -p "$output"

{
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv || true
    "$python" -m benchmarks machine --device "$device" --size "$size" --output "$output"
    "$python" -m benchmarks softmax --device "$device" --size "$size" --output "$output"
    "$python" -m benchmarks gpu --device "$device" --size "$size" --output "$output" "$@"
    "$python" -m benchmarks length --device "$device" --size "$size" --output "$output"
} 2>&1 | tee "$output/gpu.log"
