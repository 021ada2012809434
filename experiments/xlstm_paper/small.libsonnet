// The paper's recipe at a size for two cores, on the bundled sample text; the word pieces are those of
// `python cli.py tokenizer experiments/quickstart_tokenizer.jsonnet`.
//   function(name, model)
local paper = import 'shared.libsonnet';
function(name, model) paper(name, { embedding_dim: 128, num_blocks: 4, context_length: 128 } + model, 3e-3) {
  tokenizer: { name: 'runs/quickstart/tokenizer', lower_case: true },
  corpus: {
    sources: [{ type: 'local', paths: ['tasks/sample/text/running.txt'] }],
    validation_fraction: 0.05,
    workers: 1,
  },
  corpus_directory: 'runs/quickstart/corpus',
  schedule+: { warmup_steps: 10 },
  training: { max_steps: 200, batch_size: 16, validate_every: 50, log_every: 50 },
}
