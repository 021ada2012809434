#!/usr/bin/env bash
# From nothing to a leaderboard, on the sample that the repository carries: a vocabulary, a very small language model,
# named entities with it and without it. Needs Python 3.10+ and a package index; nothing else is fetched.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

set -x
python cli.py tokenizer experiments/quickstart_tokenizer.jsonnet --force
python cli.py pretrain experiments/quickstart_pretrain.jsonnet --force
python cli.py finetune experiments/quickstart_ner.jsonnet --force
python cli.py finetune experiments/quickstart_ner_baseline.jsonnet --force
python cli.py leaderboard --results runs/quickstart/results
{ set +x; } 2>/dev/null

cat <<'END'

This was the whole way on a sample: far too little text for the language model to be of use yet. How to go on:
  python cli.py predict runs/sample_ner/frozen-bilm/seed-0 FILE.txt      entities of your own sentences, one a line
  python cli.py pretrain experiments/pretrain_cpu.jsonnet --ext-var corpus=DIRECTORY   a language model worth having (README, "Pretrain")
  python cli.py finetune experiments/nerp.jsonnet                        the benchmark's named entities
Activate the environment first: source .venv/bin/activate
END
