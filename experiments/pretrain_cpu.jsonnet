// A small language model for two CPU cores and about an hour:
//   python cli.py tokenizer experiments/tokenizer_cpu.jsonnet --ext-var corpus=DIRECTORY
//   python cli.py pretrain experiments/pretrain_cpu.jsonnet --ext-var corpus=DIRECTORY
//
// What an hour buys most with, by the recipes of docs/pretraining.md: one wide block and many pieces, lower-cased because
// most Indonesian task data is; sampled soft-max (validation stays exact); a high learning rate that stays and falls to
// nothing at the end. Besides, compiled stacks (needs a C++ compiler; else -o training.compile=false) and bf16, which is
// fast on CPUs with AVX-512 BF16 or AMX (else -o training.precision=fp32).
local text = (import 'shared/indonesian_text.libsonnet')(std.extVar('corpus'));
{
  tokenizer: { name: 'runs/tokenizer_cpu', lower_case: true },
  corpus: { sources: text.sources, cleaning: text.cleaning },
  model: {
    embedding_dim: 320,
    num_blocks: 1,
    num_heads: 4,
    dropout: 0.0,  // about one pass over the text: nothing to overfit
    context_length: 128,
  },
  softmax_loss: { type: 'sampled', samples: 4096 },
  optimizer: { learning_rate: 4e-3, betas: [0.9, 0.95], epsilon: 1e-5, weight_decay: 0.1 },
  schedule: { warmup_steps: 200, decay: 'linear', final_fraction: 0.0, decay_steps: 700 },
  training: {
    max_steps: 2800,
    batch_size: 32,
    precision: 'bf16',
    compile: true,
    validate_every: 280,
    validation_tokens: 40000,
  },
  output: 'runs/pretrain_cpu',
  seed: 0,
}
