// A small language model for two CPU cores and about an hour:
//   python cli.py tokenizer experiments/tokenizer_cpu.jsonnet --ext-var corpus=DIRECTORY
//   python cli.py pretrain experiments/pretrain_cpu.jsonnet --ext-var corpus=DIRECTORY
//
// What an hour buys most with: a small vocabulary, lower-cased because most Indonesian task data is; sampled soft-max
// (validation stays exact); a high learning rate that decays; compiled stacks (needs a C++ compiler; else
// -o training.compile=false); bf16, which is fast on CPUs with AVX-512 BF16 or AMX (else -o training.precision=fp32).
local text = (import 'shared/indonesian_text.libsonnet')(std.extVar('corpus'));
{
  tokenizer: { name: 'runs/tokenizer_cpu', lower_case: true },
  corpus: { sources: text.sources, cleaning: text.cleaning },
  model: {
    embedding_dim: 320,
    num_blocks: 2,
    num_heads: 4,
    dropout: 0.0,  // about one pass over the text: nothing to overfit
    context_length: 128,
  },
  softmax_loss: { type: 'sampled', samples: 4096 },
  optimizer: { learning_rate: 2e-3, betas: [0.9, 0.95], weight_decay: 0.1 },
  schedule: { warmup_steps: 200, decay: 'cosine', final_fraction: 0.05 },
  training: {
    max_steps: 2200,
    batch_size: 32,
    precision: 'bf16',
    compile: true,
    validate_every: 250,
    validation_tokens: 40000,
  },
  output: 'runs/pretrain_cpu',
  seed: 0,
}
