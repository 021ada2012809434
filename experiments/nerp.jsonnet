// Named entities of Indonesian news (IndoNLU's NERP) from the frozen language model:
//   python cli.py finetune experiments/nerp.jsonnet
// The language model is the one that the package carries; another: -o embedder.model=DIRECTORY_OR_HUB_NAME
local tagger = import 'shared/tagger.libsonnet';
{
  model: 'frozen-bilm',
  task: {
    type: 'tagging',
    name: 'nerp',
    dataset: { type: 'indonlu', name: 'nerp' },
    lower_case: true,  // the data is
    head: {
      scheme: 'bio',
      mix: { layer_norm: true },
      characters: tagger.characters,
      words: tagger.words,
      encoder: tagger.encoder,
      dropout: 0.5,
    },
  },
  embedder: { model: 'small', pooling: 'boundary' },
  trainer: tagger.trainer,
  seed: 0,
}
