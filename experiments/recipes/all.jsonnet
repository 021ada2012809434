// All recipes, in the order in which they are run and listed; files are beside this one.
//   python cli.py recipes experiments/recipes/all.jsonnet --ext-var corpus=DIRECTORY --ext-var exclude=FILE
{
  tokenizers: ['tokenizer_16k', 'tokenizer_8k', 'tokenizer_32k', 'tokenizer_cased'],
  base: 'base',
  recipes: [
    'vocabulary_8k',
    'vocabulary_32k',
    'cased',
    'wide_shallow',
    'narrow_deep',
    'context_256',
    'softmax_shared',
    'softmax_exact',
    'model_card',
    'constant',
    'learning_rate_low',
    'learning_rate_high',
    'batch_16',
    'batch_64',
    'averaged',
    'averaged_constant',
    'mix_plain',
    'mix_target',
    'mix_everyday',
  ],
  // Text that no model has read, by kind; every n-th line of each is scored, about a thousand.
  texts: [
    { name: 'Reviews', path: 'runs/release/reviews.txt', every: 12 },
    { name: 'Conversation', path: 'runs/release/conversation.txt', every: 3 },
    { name: 'News', path: 'runs/release/news.txt', every: 6 },
  ],
}
