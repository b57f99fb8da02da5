// Which curves there are. A chart is shown where a run of its kind is on the page; where none has recorded it, it says so.
//
//   read(run)   [[step, x, y, low, high], ...], x as chosen above the curves

const X_AXES = {
  steps: {label: 'training step', of: (run, i) => run.steps[i], at: (run, step) => step},
  tokens: {label: 'generated tokens', of: (run, i) => run.tokens?.[i]},
  hours: {label: 'hours of training', of: (run, i) => known(run.seconds?.[i]) ? run.seconds[i] / 3600 : null},
};

// The place of a step on the chosen axis; a step before the first is 0.
function place(run, step, axis) {
  if (step <= 0) return 0;
  if (axis === 'steps') return step;
  const i = run.steps.findIndex(at => at >= step);
  return i < 0 ? null : X_AXES[axis].of(run, i);
}

const metric = name => (run, axis) => (run.curves[name] || []).map((y, i) => [run.steps[i], X_AXES[axis].of(run, i), y]);

// An estimate of the run's own evaluations, found by what `wanted` says of its name.
const estimate = wanted => (run, axis) => {
  const rows = run.evaluations.filter(row => row.pass === 'validation' && row.source === 'overall');
  const name = wanted(new Set(rows.map(row => row.metric)));
  return rows.filter(row => row.metric === name).map(row => [row.step, place(run, row.step, axis), row.value, row.low, row.high]);
};

// "Pass@4 on held-out problems", by the largest k that any run has.
const heldOut = stem => () => `${metricName(largest(stem)(new Set(report.runs.flatMap(run => run.evaluations.filter(row => row.pass === 'validation').map(row => row.metric)))) || stem)} on held-out problems`;

// Of "acc/pass@4" and its like the one with the largest k; k = 1 is the accuracy itself.
const largest = stem => names => [...names].filter(name => name.startsWith(stem) && name !== 'acc/pass@1')
  .sort((a, b) => Number(b.slice(stem.length)) - Number(a.slice(stem.length)))[0];

const FORMULA_NOTE = 'dsdr is trained on this: its reward counts how far a response’s formulas differ from those of its group. ' +
  'A low value of dsdr is what was asked for, and no independent evidence of diversity.';

const CURVES = [
  {id: 'reward', title: 'Reward', unit: 'mean per response', kind: 'train', read: metric('critic/rewards/mean')},
  {id: 'accuracy', title: 'Accuracy in training', unit: '% of responses', kind: 'train', percent: true, read: metric('critic/score/mean')},
  {id: 'validation', title: heldOut('acc/mean@'), unit: '% of responses', kind: 'train', percent: true, read: estimate(largest('acc/mean@')), points: true},
  {id: 'pass', title: heldOut('acc/pass@'), unit: '% of problems', kind: 'train', percent: true, read: estimate(largest('acc/pass@')), points: true},
  {id: 'entropy', title: 'Entropy of the policy', unit: 'nats per token', kind: 'train', read: metric('actor/entropy')},
  {id: 'length', title: 'Response length', unit: 'tokens', kind: 'train', read: metric('response_length/mean')},
  {id: 'cut', title: 'Responses cut at the limit', unit: '% of responses', kind: 'train', percent: true, zero: true, read: metric('response_length/clip_ratio')},
  {id: 'clipped', title: 'Clip share', unit: '% of tokens whose ratio was clipped', kind: 'train', percent: true, zero: true, read: metric('actor/pg_clipfrac')},
  {id: 'semantic', title: 'Semantic similarity', unit: 'mean cosine within a group', kind: 'train', read: metric('dsdr/semantic_similarity')},
  {id: 'formula', title: 'Formula similarity', unit: 'mean overlap within a group', kind: 'train', note: FORMULA_NOTE, read: metric('dsdr/formula_similarity')},
  {id: 'distinct', title: 'Distinct equations', unit: '% of a group’s formulas', kind: 'train', percent: true, read: metric('dsdr/distinct_equation_share')},
  {id: 'dbar', title: 'Diversity d̄ of correct responses', unit: 'mean, 0 to 1', kind: 'train', read: metric('dsdr/dbar_correct/mean')},
  {id: 'coupling', title: 'Coupling entropy', unit: 'nats per group', kind: 'train', read: metric('dsdr/coupling_entropy')},
  {id: 'gradient', title: 'Gradient norm', unit: 'before clipping', kind: 'train', read: metric('actor/grad_norm')},
  {id: 'rate', title: 'Speed', unit: 'tokens per second of training', kind: 'train', zero: true, read: metric('perf/throughput')},
  {id: 'sft-loss', title: 'Loss', unit: 'nats per token', kind: 'sft', read: metric('train/loss')},
  {id: 'sft-validation', title: 'Loss on held-out responses', unit: 'nats per token', kind: 'sft', read: estimate(() => 'loss'), points: true},
  {id: 'sft-entropy', title: 'Entropy', unit: 'nats per token', kind: 'sft', read: metric('train/entropy')},
  {id: 'sft-gradient', title: 'Gradient norm', unit: 'before clipping', kind: 'sft', read: metric('train/grad_norm')},
];

// What a step is made of: parts in stacking order, [metric, name, colour].
const MIXES = [
  {id: 'groups', title: 'Group mix', unit: '% of the groups learned from', share: true, dropped: true, kind: 'train', parts: [
    ['dsdr/group_share/solve_all', 'solve-all', '--good'], ['dsdr/group_share/mixed', 'mixed', '--cat-1'], ['dsdr/group_share/solve_none', 'solve-none', '--none']]},
  {id: 'statuses', title: 'Verdicts of the verifier', unit: '% of responses', share: true, kind: 'train', parts: [
    ['verify/correct', 'correct', '--good'], ['verify/wrong', 'wrong', '--bad'], ['verify/no_answer', 'no answer', '--none'], ['verify/unparsed', 'unparsed', '--cat-3'],
    ['verify/over_limit', 'over limit', '--cat-4'], ['verify/undecided', 'undecided', '--cat-1'], ['verify/timeout', 'timeout', '--cat-5'], ['verify/error', 'error', '--cat-6']]},
  {id: 'phases', title: 'Time of a step by phase', unit: 'seconds', parts: [
    ['timing_s/gen', 'generate', '--cat-1'], ['timing_s/reward', 'judge', '--cat-4'], ['timing_s/ref', 'reference', '--cat-3'], ['timing_s/probe', 'probe', '--none'],
    ['timing_s/update_actor', 'learn', '--cat-2']]},
];

const PHASES = [['gen', 'generate'], ['ref', 'reference'], ['probe', 'probe'], ['update_actor', 'learn']];
const KERNELS = [['products', 'matrix products', '--cat-1'], ['attention', 'attention', '--cat-2'], ['optimizer', 'optimizer', '--cat-3'], ['activation', 'activation', '--cat-4'],
  ['norms', 'norms', '--cat-5'], ['softmax', 'softmax', '--cat-6'], ['', 'other', '--none']];
