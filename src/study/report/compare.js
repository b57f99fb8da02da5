// The arms side by side, by their final evaluations: a point with its interval for each arm and benchmark, and Pass@k by k.

const comparison = {pass: null, metric: null};

// Intervals as lines through the points, and the single seeds beside them as small rings.
const whiskers = {id: 'whiskers', beforeDatasetsDraw(chart) {
  const {ctx, chartArea, scales: {x}, config: {options: {before}}} = chart;
  if (known(before)) { // where the runs started from
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = css('--muted');
    ctx.setLineDash([3, 3]);
    ctx.beginPath();
    ctx.moveTo(x.getPixelForValue(before), chartArea.top);
    ctx.lineTo(x.getPixelForValue(before), chartArea.bottom);
    ctx.stroke();
    ctx.font = `11px ${css('--font')}`;
    ctx.fillText('before', x.getPixelForValue(before) + 4, chartArea.bottom - 5);
    ctx.restore();
  }
  chart.data.datasets.forEach((set, i) => chart.getDatasetMeta(i).data.forEach((point, j) => {
    const {low, high, seeds} = set.data[j];
    ctx.save();
    ctx.strokeStyle = set.borderColor;
    ctx.lineWidth = 2;
    ctx.beginPath();
    if (known(low) && known(high)) {
      for (const end of [low, high]) { ctx.moveTo(x.getPixelForValue(end), point.y - 5); ctx.lineTo(x.getPixelForValue(end), point.y + 5); }
      ctx.moveTo(x.getPixelForValue(low), point.y);
      ctx.lineTo(x.getPixelForValue(high), point.y);
    }
    ctx.stroke();
    ctx.lineWidth = 1.2;
    ctx.globalAlpha = 0.8;
    if (seeds.length > 1) for (const value of seeds) { ctx.beginPath(); ctx.arc(x.getPixelForValue(value), point.y + 10, 2.6, 0, 7); ctx.stroke(); }
    ctx.restore();
  }));
}};

// The mean of the runs' own evaluations before the first step.
function beforeTraining(pass, source, metric) {
  const values = shown().filter(arm => arm.kind === 'train').flatMap(arm => arm.runs).flatMap(run => run.evaluations.filter(row => pass === 'validation' && row.step === 0 && row.pass === pass && row.source === source && row.metric === metric))
    .map(row => row.value).filter(known);
  return values.length ? mean(values) : null;
}

const shown = () => arms.filter(arm => !arm.hidden && arm.runs.some(run => run.evaluations.some(row => row.pass === comparison.pass)));

function drawDots(source) {
  const {pass, metric} = comparison, show = showOf(metric);
  const rows = shown().map(arm => ({arm, one: armEstimate(arm, pass, source, metric)})).filter(row => row.one);
  if (rows.length === 0) return null;
  const data = rows.map(({arm, one}) => ({x: one.value, y: arm.label, low: one.low, high: one.high, seeds: one.seeds, over: one.over, n: one.n}));
  const colours = rows.map(({arm}) => armColour(arm)), before = beforeTraining(pass, source, metric), ends = data.flatMap(d => [d.x, d.low, d.high, before, ...d.seeds]).filter(known);
  const lowest = Math.min(...ends), highest = Math.max(...ends), margin = Math.max(0.12 * (highest - lowest), isShare(metric) ? 0.02 : 1e-3);
  const datasets = rows.map((row, i) => ({label: row.arm.label, data: [data[i]], borderColor: colours[i], backgroundColor: colours[i], pointRadius: 5.5, pointHoverRadius: 7, pointHitRadius: 12, showLine: false}));
  const config = {type: 'line', plugins: [whiskers], data: {labels: data.map(d => d.y), datasets}, options: options({
    x: {type: 'linear', suggestedMin: isShare(metric) ? Math.max(0, lowest - margin) : lowest - margin, suggestedMax: isShare(metric) ? Math.min(1, highest + margin) : highest + margin},
    y: {type: 'category', labels: data.map(d => d.y), offset: true, grid: {display: false}, ticks: {autoSkip: false, crossAlign: 'far', callback(value) { const text = this.getLabelForValue(value); return text.length > 26 ? `${text.slice(0, 25)}…` : text; }}},
    xTitle: metricName(metric), xFormat: isShare(metric) ? value => `${Number((100 * value).toFixed(1))}%` : compact, mode: {mode: 'nearest', intersect: true},
    label: {title: items => items[0] ? items[0].dataset.label : '', label: item => ` ${show(item.raw.x)}${interval(show, item.raw.low, item.raw.high)}, ${item.raw.over === 'seeds' ? `${item.raw.seeds.length} seeds` : `${item.raw.n} problems`}`}})};
  config.options.before = before;
  return {points: rows.length, height: Math.max(260, 64 + 44 * rows.length), summary: rows.map(({arm, one}) => `${arm.label} ${estimateText(show, one)}`).join('; '), config};
}

function drawPassCurve(source) {
  const {pass} = comparison, datasets = [];
  let points = 0, seeds = 0, alone = false;
  for (const arm of shown()) {
    const ks = [...new Set(arm.runs.flatMap(run => finalRows(run, pass).map(row => row.metric.match(/^acc\/pass@(\d+)$/)?.[1]).filter(Boolean).map(Number)))].sort((a, b) => a - b);
    const data = ks.map(k => {
      const rows = arm.runs.filter(run => isFinal(run, pass)).map(run => finalRows(run, pass).find(row => row.source === source && row.metric === `acc/pass@${k}`)).filter(row => row && known(row.value));
      const values = rows.map(row => row.value);
      return rows.length && {x: k, y: mean(values), runs: rows.length, low: rows.length === 1 ? rows[0].low : Math.min(...values), high: rows.length === 1 ? rows[0].high : Math.max(...values)};
    }).filter(Boolean);
    if (data.length < 2) continue;
    points += data.length;
    seeds = Math.max(seeds, ...data.map(point => point.runs));
    alone ||= data.some(point => point.runs === 1);
    const colour = armColour(arm);
    datasets.push(...band(data, colour), line(colour, armDash(arm), {label: arm.label, data, pointRadius: 3, pointBackgroundColor: colour}));
  }
  if (datasets.length === 0) return null;
  const label = {title: items => items[0] ? `k = ${items[0].parsed.x}` : '', label: item => ` ${item.dataset.label}: ${percent(item.parsed.y)}${interval(percent, item.raw.low, item.raw.high)}`};
  return {points, summary: datasets.filter(set => !set.silent).map(set => `${set.label} ends at ${percent(last(set.data).y)}`).join('; '),
    remark: seeds === 1 ? 'Bands: 95% intervals over problems.' : `Bands: least to greatest seed${alone ? '; of an arm of one run its 95% interval over problems' : ''}.`,
    config: {type: 'line', data: {datasets}, options: options({x: {type: 'logarithmic', grid: {display: false}, afterBuildTicks: axis => { axis.ticks = [...new Set(datasets.flatMap(set => set.data.map(d => d.x)))].sort((a, b) => a - b).map(value => ({value})); },
      ticks: {callback: value => String(value), maxRotation: 0, autoSkip: false}}, y: {grace: '4%'}, xTitle: 'k, samples of a problem', yFormat: value => `${Number((100 * value).toPrecision(3))}%`, label})}};
}

const titleOf = source => source !== 'overall' ? source : sourcesOf(report.runs, comparison.pass).length > 1 ? 'Mean over benchmarks' : 'Held-out data';

function comparisonTable() {
  const {pass} = comparison, runs = report.runs, sources = sourcesOf(runs, pass);
  const metrics = [...new Set(runs.flatMap(run => finalRows(run, pass).map(row => row.metric)))].filter(name => isShare(name) && !/^acc\/(pass|maj)@1$/.test(name) || name === 'loss');
  const order = ['mean', 'pass', 'maj'], rank = name => { const [, kind, k] = name.match(/^acc\/(\w+)@(\d+)$/) || []; return 1e6 * order.indexOf(kind) + Number(k || 0); };
  metrics.sort((a, b) => rank(a) - rank(b));
  return table('Final evaluations: means, with 95% intervals in brackets', ['benchmark', 'metric', ...shown().map(arm => arm.label)],
    sources.flatMap(source => metrics.map(metric => [source, metric, shown().map(arm => armEstimate(arm, pass, source, metric))])).filter(([, , estimates]) => estimates.some(Boolean))
      .map(([source, metric, estimates]) => [titleOf(source), metricName(metric), ...estimates.map(one => estimateText(showOf(metric), one))]),
    shown().map((arm, i) => i + 2));
}

function metricsOf(pass) {
  const names = [...new Set(report.runs.flatMap(run => finalRows(run, pass).map(row => row.metric)))].filter(name => !/^acc\/(pass|maj)@1$/.test(name));
  return names.sort((a, b) => (b === mainMetric(report.runs, pass)) - (a === mainMetric(report.runs, pass)) || a.localeCompare(b, 'en', {numeric: true}));
}

function comparisonSection(section) {
  const passes = passesOf(report.runs);
  if (arms.length === 1) section.querySelector('h2').textContent = 'Final evaluation';
  if (passes.length === 0) {
    section.append(h('p', {class: 'empty'}, 'not recorded: no run on this page was evaluated'));
    return;
  }
  const body = h('div', {});
  const redraw = () => {
    for (let i = figures.length - 1; i >= 0; i--) if (figures[i].compare) { figures[i].chart?.destroy(); figures.splice(i, 1); }
    const metrics = metricsOf(comparison.pass);
    if (!metrics.includes(comparison.metric)) comparison.metric = metrics[0];
    const without = shown().flatMap(arm => arm.runs).filter(run => !run.evaluations.some(row => row.pass === comparison.pass));
    const left = report.runs.filter(run => run.kind !== 'eval' && !isFinal(run, comparison.pass));
    const several = shown().some(arm => arm.runs.length > 1), grid = h('div', {class: 'grid wide'}), holder = h('div', {});
    body.replaceChildren(h('div', {class: 'controls'},
      choice('Evaluation', passes.map(pass => [pass, PASSES[pass]]), comparison.pass, value => { comparison.pass = value; redraw(); }),
      choice('Metric', metrics.map(name => [name, metricName(name)]), comparison.metric, value => { comparison.metric = value; redraw(); })),
    h('p', {class: 'note'}, several ? 'A point is the mean over seeds, its line the 95% t interval over seeds (three seeds or more), the rings below it are the seeds. ' +
      'An arm of one run has its 95% interval over problems.' : 'A point is a run; its line is the 95% interval over problems.',
      without.length ? ` Without this evaluation: ${without.map(run => run.name).join(', ')}.` : '', left.length ? ` Left out, for they have not come to their end: ${left.map(run => run.name).join(', ')}.` : '', arms.length > 1 ? ' What can be claimed from them, paired by seed and adjusted for the number of comparisons, dsdr compare says.' : '', comparison.metric === 'formula_similarity' ? ` ${FORMULA_NOTE}` : ''), grid, holder);
    const severalSamples = report.runs.some(run => finalRows(run, comparison.pass).some(row => /^acc\/pass@(?!1$)/.test(row.metric)));
    for (const source of sourcesOf(report.runs, comparison.pass)) {
      figure(grid, {id: `dots ${source}`, title: titleOf(source), unit: metricName(comparison.metric), tall: true}, () => drawDots(source)).compare = true;
      if (severalSamples && isShare(comparison.metric)) figure(grid, {id: `pass-k ${source}`, title: `${titleOf(source)}: Pass@k`, unit: '% of problems solved by one of k samples', tall: true}, () => drawPassCurve(source)).compare = true;
    }
    holder.append(comparisonTable());
    drawAll(one => one.compare);
  };
  comparison.pass = passes[0];
  section.append(body);
  comparison.redraw = redraw;
  redraw();
}
