// Language models as the xLSTM paper trains them (Beck et al. 2024, section 4.3 and appendix D.2): 15 B tokens of
// SlimPajama, GPT-2's vocabulary, windows of 2,048 tokens, one direction, an output matrix of its own.
//   function(name, model, learning_rate)
// Not as in the paper: a document begins and ends with <|endoftext|>, so that two of them stand between documents; the
// output matrix is not decayed either; documents that come again are dropped.
function(name, model, learning_rate) {
  tokenizer: { name: 'gpt2', lower_case: false },  // on the hub; or a directory with its tokenizer.json
  corpus: {
    sources: [{ type: 'huggingface', name: 'cerebras/SlimPajama-627B', split: 'train', text_field: 'text' }],
    cleaning: { min_characters: 1 },
    max_tokens: 15728640000,  // 30,000 steps of 256 windows
    validation_fraction: 0.0005,
  },
  model: { dropout: 0.0, context_length: 2048, directions: 1, softmax: 'separate' } + model,
  softmax_loss: { type: 'full' },
  optimizer: { learning_rate: learning_rate, betas: [0.9, 0.95], epsilon: 1e-5, weight_decay: 0.1, gradient_clip: 1.0 },
  schedule: { warmup_steps: 750, decay: 'cosine', final_fraction: 0.1 },
  training: {
    max_steps: 30000,
    // 256 windows a step on one GPU; with eight: -o training.gradient_accumulation=4
    batch_size: 8,
    gradient_accumulation: 32,
    precision: 'auto',
    validate_every: 1000,
    validation_tokens: 2000000,
  },
  output: 'runs/xlstm_paper/' + name,
}
