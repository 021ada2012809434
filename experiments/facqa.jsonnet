// Factoid questions on news passages (IndoNLU's FacQA): the words of the passage that answer.
//   python cli.py finetune experiments/facqa.jsonnet
local tagger = import 'shared/tagger.libsonnet';
local tagging = import 'shared/tagging_experiment.libsonnet';
tagging('facqa', scheme='bio', epochs=7) {
  task+: {
    type: 'question',
    head: {
      mix: { layer_norm: true },
      characters: tagger.characters,
      words: tagger.words,
      encoder: tagger.encoder { hidden_size: 100, output_dropout: 0.3 },
      passage_encoder: tagger.encoder { hidden_size: 100, output_dropout: 0.3 },
      dropout: 0.5,
    },
  },
}
