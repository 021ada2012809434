// Added to an experiment: the same head on character CNN and trained word vectors alone, so that the language model's
// worth is the difference of the two.
{
  model: 'no-bilm',
  embedder: null,
  task+: { head+: { mix: null } },
}
