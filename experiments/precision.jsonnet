// What embedding with int8 projections costs a task: heads trained and tested on vectors of the language model
// computed so, beside frozen-bilm of indonlu.jsonnet, whose vectors are computed in fp32.
//   python cli.py suite experiments/precision.jsonnet
local experiments = [
  import 'casa.jsonnet',
  import 'terma.jsonnet',
];
{
  experiments: [
    experiment { model: 'int8-bilm', embedder+: { precision: 'int8' } }
    for experiment in experiments
  ],
  seeds: 3,
}
