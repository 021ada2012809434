// pretrain_small.jsonnet with every source once, for scripts/gpu_pretraining.py, which repeats them itself:
//   python cli.py pretrain experiments/release/pretrain_gpu.jsonnet --ext-var corpus=DIRECTORY --ext-var exclude=FILE --dry-run
(import 'pretrain_small.jsonnet') {
  corpus+: { sources: [source { repeat: 1 } for source in super.sources] },
}
