// The bundled model, adapted to the tasks' own training texts as ELMo's paper did (Peters et al. 2018, section 4): what
// unlabelled text of one's task is worth. Passages of validation and test texts are kept out, also where training texts
// have them:
//   python cli.py evaluation-texts runs/adapted_train.txt --split train
//   python cli.py evaluation-texts runs/adapted_held_out.txt
//   python cli.py pretrain experiments/adapted.jsonnet --ext-var text=runs/adapted_train.txt --ext-var exclude=runs/adapted_held_out.txt
//   python cli.py suite experiments/indonlu.jsonnet --models frozen-bilm -o model=adapted-bilm -o embedder.model=runs/adapted
(import 'adapt.jsonnet') {
  corpus+: { cleaning+: { exclude: { paths: [std.extVar('exclude')] } } },
  training+: { max_steps: null, validate_every: 100 },
  output: 'runs/adapted',
}
