#!/usr/bin/env bash
# Trains the heads that the package carries and writes them to elmo_xlstm/pretrained/heads, a head at a time; about half an
# hour on one core. Names of heads as arguments make these alone. IndoNLU's files are downloaded, or read from
# ELMO_XLSTM_INDONLU.
set -euo pipefail
cd "$(dirname "$0")/.."
licence="Apache-2.0, by IndoNLU's repository; MIT, by its card on the Hugging Face hub"
make_head() { # name, task, source of the data
  python cli.py finetune "experiments/heads/$1.jsonnet" --force
  python cli.py export-head "runs/$2/carried/seed-0" "elmo_xlstm/pretrained/heads/$1" --force \
    --data-source "$3" --data-licence "$licence"
}
for head in ${@:-ner pos sentiment emotion absa keyphrases}; do
  case $head in
    ner) make_head ner nerp "NERP of IndoNLU (Hoesen and Purwarianti, 2018), Indonesian news" ;;
    pos) make_head pos posp "POSP of IndoNLU (Hoesen and Purwarianti, 2018), Indonesian news" ;;
    sentiment) make_head sentiment smsa "SmSA of IndoNLU (Purwarianti and Crisdayanti, 2019), Indonesian reviews and posts" ;;
    emotion) make_head emotion emot "EmoT of IndoNLU (Saputri, Mahendra and Adriani, 2018), Indonesian tweets" ;;
    absa) make_head absa hoasa "HoASA of IndoNLU (Azhar, Khodra and Sutiono, 2019), Indonesian hotel reviews" ;;
    keyphrases) make_head keyphrases keps "KEPS of IndoNLU (Mahfuzh, Soleman and Purwarianti, 2019), Indonesian tweets to banks" ;;
    *) echo "no head '$head'" >&2; exit 1 ;;
  esac
done
