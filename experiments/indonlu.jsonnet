// Every task, with the frozen language model and without it:
//   python cli.py suite experiments/indonlu.jsonnet --dry-run
//   python cli.py suite experiments/indonlu.jsonnet --seeds 5 --leaderboard
// Part of it: --tasks nerp,smsa --models frozen-bilm. Another language model: -o embedder.model=DIRECTORY_OR_HUB_NAME
{
  experiments: [
    // Classification
    import 'emot.jsonnet',
    import 'emot_baseline.jsonnet',
    import 'smsa.jsonnet',
    import 'smsa_baseline.jsonnet',
    import 'casa.jsonnet',
    import 'casa_baseline.jsonnet',
    import 'hoasa.jsonnet',
    import 'hoasa_baseline.jsonnet',
    import 'wrete.jsonnet',
    import 'wrete_baseline.jsonnet',
    // Sequence labelling
    import 'posp.jsonnet',
    import 'posp_baseline.jsonnet',
    import 'bapos.jsonnet',
    import 'bapos_baseline.jsonnet',
    import 'terma.jsonnet',
    import 'terma_baseline.jsonnet',
    import 'keps.jsonnet',
    import 'keps_baseline.jsonnet',
    import 'nergrit.jsonnet',
    import 'nergrit_baseline.jsonnet',
    import 'nerp.jsonnet',
    import 'nerp_baseline.jsonnet',
    import 'facqa.jsonnet',
    import 'facqa_baseline.jsonnet',
    // Beside the benchmark: aspect spans of hotel reviews with their polarity
    import 'absa_e2e.jsonnet',
    import 'absa_e2e_baseline.jsonnet',
  ],
  seeds: 3,
}
