#!/usr/bin/env bash
# From nothing to a leaderboard, on the sample that the repository carries: named entities with the bundled language
# model and without one; then a vocabulary and a very small language model of the sample's own text, and the entities
# with that. Needs Python 3.10+ and a package index; nothing else is fetched.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

set -x
python cli.py finetune experiments/quickstart_ner.jsonnet --force
python cli.py finetune experiments/quickstart_ner_baseline.jsonnet --force
python cli.py tokenizer experiments/quickstart_tokenizer.jsonnet --force
python cli.py pretrain experiments/quickstart_pretrain.jsonnet --force
python cli.py finetune experiments/quickstart_ner.jsonnet -o model=own-bilm -o embedder.model=runs/quickstart/pretrain --force
python cli.py leaderboard --results runs/quickstart/results
{ set +x; } 2>/dev/null

cat <<'END'

frozen-bilm reads the language model that the package carries, own-bilm the one just made, which has read far too little
text to be of use. How to go on:
  python cli.py predict runs/sample_ner/frozen-bilm/seed-0 FILE.txt      entities of your own sentences, one a line
  python cli.py finetune experiments/nerp.jsonnet                        the benchmark's named entities
  python cli.py pretrain experiments/pretrain_cpu.jsonnet --ext-var corpus=DIRECTORY   a language model of your own text (README, "Pretrain")
Activate the environment first: source .venv/bin/activate
END
