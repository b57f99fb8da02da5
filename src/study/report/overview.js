// The first section: what ran, how it came out, and in what the settings differ.

// The final evaluations of a run: of each pass the rows of its last step.
function finalRows(run, pass) {
  const rows = run.evaluations.filter(row => row.pass === pass);
  const step = Math.max(...rows.map(row => row.step));
  return rows.filter(row => row.step === step);
}

const PASSES = {'pass@k': 'dsdr eval, many samples a problem', 'pass@1': 'dsdr eval, one sample a problem', custom: 'dsdr eval, own settings', validation: 'validation after the last step'};
const passesOf = runs => Object.keys(PASSES).filter(pass => runs.some(run => run.evaluations.some(row => row.pass === pass)));

// "acc/mean@4" as a reader knows it.
function metricName(metric) {
  const [, kind, n] = metric.match(/^acc\/(mean|pass|maj)@(\d+)$/) || [];
  if (kind === 'mean') return n === '1' ? 'Accuracy' : `Avg@${n}`;
  if (kind) return `${kind === 'pass' ? 'Pass' : 'Maj'}@${n}`;
  return {semantic_similarity: 'Semantic similarity', formula_similarity: 'Formula similarity', distinct_equation_share: 'Distinct-equation share', loss: 'Loss'}[metric] || metric;
}
const isShare = metric => metric.startsWith('acc/');
const showOf = metric => isShare(metric) ? percent : x => number(x);

// Runs whose own evaluations are final: those that came to their end, or all where none did. What `dsdr eval` measured always is.
const ended = run => run.state === 'finished' || run.state === 'diverged';
const isFinal = (run, pass) => pass !== 'validation' || ended(run) || !report.runs.some(ended);

// An arm's estimate: over seeds where there are several, else the run's own with its interval over problems.
function armEstimate(arm, pass, source, metric) {
  const rows = arm.runs.filter(run => isFinal(run, pass)).map(run => finalRows(run, pass).find(row => row.source === source && row.metric === metric)).filter(row => row && known(row.value));
  if (rows.length === 0) return null;
  const seeds = rows.map(row => row.value);
  if (rows.length === 1) return {...rows[0], seeds, over: 'problems'};
  const clamp = x => known(x) && isShare(metric) ? Math.min(1, Math.max(0, x)) : x;
  const spread = overSeeds(seeds);
  return {...spread, low: clamp(spread.low), high: clamp(spread.high), n: rows[0].n, seeds, over: 'seeds'};
}

const sourcesOf = (runs, pass) => {
  const names = [...new Set(runs.flatMap(run => run.evaluations.filter(row => row.pass === pass).map(row => row.source)))];
  return names.filter(name => name !== 'overall' || names.length !== 2).sort((a, b) => (a === 'overall') - (b === 'overall'));
};

const estimateText = (show, one) => one ? show(one.value) + interval(show, one.low, one.high) : '–';

// The metric that stands for a pass: the mean over all samples.
function mainMetric(runs, pass) {
  const names = [...new Set(runs.flatMap(run => finalRows(run, pass).map(row => row.metric)))];
  return largest('acc/mean@')(new Set(names)) || names.find(name => name === 'loss') || names[0];
}

function tiles() {
  const trained = report.runs.filter(run => run.kind !== 'eval');
  const seconds = trained.reduce((sum, run) => sum + (last((run.seconds || []).filter(known)) || 0), 0);
  const tokens = trained.reduce((sum, run) => sum + (last((run.tokens || []).filter(known)) || 0), 0);
  const best = armsOf('train').map(arm => ({arm, pass: passesOf(arm.runs)[0]})).filter(one => one.pass)
    .map(({arm, pass}) => ({arm, metric: mainMetric(arm.runs, pass), estimate: armEstimate(arm, pass, 'overall', mainMetric(arm.runs, pass))}))
    .filter(one => one.estimate && isShare(one.metric)).sort((a, b) => b.estimate.value - a.estimate.value)[0];
  const tile = (value, name, more) => h('div', {class: 'tile'}, h('strong', {}, value), h('span', {}, name), more ? h('small', {}, more) : null);
  const finished = report.runs.filter(run => run.state === 'finished').length;
  return h('div', {class: 'tiles'},
    tile(String(report.runs.length), report.runs.length === 1 ? 'run' : 'runs', report.runs.length === 1 ? report.runs[0].state : finished === report.runs.length ? 'all finished' : `${finished} finished`),
    arms.length > 1 ? tile(String(arms.length), 'arms', arms.slice(0, 4).map(arm => arm.label).join(', ') + (arms.length > 4 ? ' …' : '')) : null,
    best ? tile(percent(best.estimate.value), arms.length > 1 ? `highest ${metricName(best.metric)}` : metricName(best.metric), arms.length > 1 ? best.arm.label : 'held-out problems, final') : null,
    tokens > 0 ? tile(number(tokens), 'tokens generated', 'in training, all runs') : null,
    trained.length ? tile(duration(seconds), 'of training', 'all runs') : null,
    report.rollouts.recorded ? tile(report.rollouts.recorded.toLocaleString('en'), 'responses recorded', `${report.rollouts.kept.toLocaleString('en')} of them on this page`) : null);
}

const armsOf = kind => arms.filter(arm => arm.kind === kind);
const swatch = arm => h('i', {class: 'swatch', style: `--c:var(--arm-${arm.index % ARM_COLOURS})`});

function runsTable() {
  const rows = report.runs.map(run => {
    const pass = passesOf([run])[0], metric = pass && mainMetric([run], pass);
    const row = pass && finalRows(run, pass).find(one => one.source === 'overall' && one.metric === metric);
    const first = run.evaluations.find(one => one.pass === pass && one.source === 'overall' && one.metric === metric);
    const state = h('span', {class: `state ${run.state}`}, run.state);
    return [h('span', {}, swatch(run.arm), run.label), run.kind === 'eval' ? '–' : String(run.seed), run.method || run.kind, run.reason ? h('span', {}, state, h('small', {class: 'reason'}, run.reason)) : state,
      run.done < 0 || run.kind === 'eval' ? '–' : run.total ? `${run.done} of ${run.total}` : String(run.done), duration(last((run.seconds || []).filter(known))), number(last((run.tokens || []).filter(known))),
      first && row && first !== row ? showOf(metric)(first.value) : '–',
      row ? h('span', {class: 'whole'}, `${showOf(metric)(row.value)}${interval(showOf(metric), row.low, row.high)}`, h('small', {}, ` ${metricName(metric)}, ${counted(row.n, 'problem')}${ended(run) ? '' : `, after step ${row.step}`}`)) : '–'];
  });
  return table('Runs; the last column has the final evaluation with its 95% interval over problems', ['arm', 'seed', 'method', 'state', 'steps', 'training', 'tokens', 'before', 'final'], rows, [1, 4, 5, 6, 7]);
}

// Keys whose values are not the same in all runs of reinforcement learning, those of places and seeds left out.
function differing() {
  const own = new Set(['trainer.default_local_dir', 'trainer.seed', 'data.seed', 'trainer.logger']);
  const runs = report.runs.filter(run => run.settings && run.kind === 'train');
  return Object.keys(runs[0]?.settings || {}).filter(key => !own.has(key) && new Set(runs.map(run => run.settings[key])).size > 1);
}

function settingsPart() {
  const out = [], keys = differing();
  const trained = armsOf('train');
  const of = (arm, read) => { const values = new Set(arm.runs.map(read)); return values.size === 1 ? [...values][0] ?? '–' : 'varies'; };
  if (keys.length && trained.length > 1)
    out.push(table('Settings in which the arms differ', ['setting', ...trained.map(arm => arm.label)], keys.map(key => [h('code', {}, key), ...trained.map(arm => of(arm, run => run.settings?.[key]))])));
  const facts = [...new Set(report.runs.flatMap(run => (run.facts || []).map(([key]) => key)))].filter(key => !key.startsWith('time/'));
  const value = key => { const all = new Set(report.runs.filter(run => run.facts).map(run => run.facts.find(([name]) => name === key)?.[1] ?? '–')); return all.size === 1 ? [...all][0] : 'varies'; };
  out.push(h('details', {}, h('summary', {}, 'Where and how it ran'), table('Facts of the runs', ['fact', 'value'], facts.map(key => [key, value(key)]))));
  for (const arm of arms)
    if (arm.runs[0].settings)
      out.push(h('details', {}, h('summary', {}, `All settings of ${arm.runs[0].name}`),
        table(`Settings of ${arm.runs[0].folder}`, ['setting', 'value'], Object.entries(arm.runs[0].settings).map(([key, text]) => [h('code', {}, key), text]))));
  return out;
}

function overviewSection(section) {
  section.append(tiles(), runsTable(), ...settingsPart());
  document.getElementById('subtitle').textContent = report.runs.length === 1 ? report.runs[0].folder : `${counted(report.runs.length, 'run')}, ${counted(arms.length, 'arm')}`;
  document.title = `dsdr report: ${report.runs.length === 1 ? report.runs[0].folder : arms.map(arm => arm.label).join(', ')}`;
}
