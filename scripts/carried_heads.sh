#!/usr/bin/env bash
# Trains the heads that the package carries, then writes them to elmo_xlstm/pretrained/heads; about half an hour on one
# core. Names of heads as arguments make these alone. IndoNLU's files are downloaded, or read from ELMO_XLSTM_INDONLU.
set -euo pipefail
cd "$(dirname "$0")/.."
licence="Apache-2.0, by IndoNLU's repository; MIT, by its card on the Hugging Face hub"
declare -A task=([ner]=nerp [pos]=posp [sentiment]=smsa [emotion]=emot [absa]=hoasa [keyphrases]=keps)
declare -A source=(
  [ner]="NERP of IndoNLU (Hoesen and Purwarianti, 2018), Indonesian news"
  [pos]="POSP of IndoNLU (Hoesen and Purwarianti, 2018), Indonesian news"
  [sentiment]="SmSA of IndoNLU (Purwarianti and Crisdayanti, 2019), Indonesian reviews and posts"
  [emotion]="EmoT of IndoNLU (Saputri, Mahendra and Adriani, 2018), Indonesian tweets"
  [absa]="HoASA of IndoNLU (Azhar, Khodra and Sutiono, 2019), Indonesian hotel reviews"
  [keyphrases]="KEPS of IndoNLU (Mahfuzh, Soleman and Purwarianti, 2019), Indonesian tweets to banks"
)
heads=("${@:-ner pos sentiment emotion absa keyphrases}")
# All are trained first: an exported head is a change to the source tree, whose state the results record.
for head in ${heads[*]}; do
  python cli.py finetune "experiments/heads/$head.jsonnet" --force
done
for head in ${heads[*]}; do
  python cli.py export-head "runs/${task[$head]}/carried/seed-0" "elmo_xlstm/pretrained/heads/$head" --force \
    --data-source "${source[$head]}" --data-licence "$licence"
done
