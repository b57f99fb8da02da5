// Drawing with Chart.js: figures that can be drawn again when the theme, the shown arms or a choice changes.

const figures = []; // {element, draw, chart}

// A figure with a place for a chart. `draw` gives the configuration of Chart.js, or null where nothing was recorded; it may set
// `figure.note`. data-state says what became of it, data-points how many numbers it shows.
function figure(section, {id, title: named, unit, note, tall}, draw) {
  const title = typeof named === 'function' ? named() : named;
  const canvas = h('canvas', {role: 'img'}), empty = h('p', {class: 'empty', hidden: true}, 'not recorded');
  const remark = h('p', {class: 'remark', hidden: true}), key = h('div', {class: 'key'});
  const element = h('figure', {class: 'chart', 'data-chart': id, 'data-state': 'waiting'},
    h('figcaption', {}, h('strong', {}, title), unit ? h('span', {class: 'unit'}, unit) : null), key,
    h('div', {class: tall ? 'canvas tall' : 'canvas'}, canvas, empty), remark, note ? h('p', {class: 'note'}, note) : null);
  const one = {id, title, unit, element, canvas, empty, remark, key, draw, chart: null};
  figures.push(one);
  section.append(element);
  return one;
}

function drawFigure(one) {
  one.chart?.destroy();
  one.chart = null;
  const drawn = one.draw(one);
  const remark = drawn?.remark || '';
  one.remark.textContent = remark;
  one.remark.hidden = !remark;
  one.key.replaceChildren(...(drawn?.key || []).map(([name, colour]) => h('span', {}, h('i', {style: `background:${colour}`}), name)));
  one.canvas.hidden = !drawn;
  one.empty.hidden = !!drawn;
  one.element.dataset.state = drawn ? 'drawn' : 'not-recorded';
  one.element.dataset.points = drawn ? drawn.points : 0;
  if (!drawn) return;
  one.canvas.setAttribute('aria-label', `${one.title}${one.unit ? `, ${one.unit}` : ''}: ${drawn.summary}`);
  if (drawn.height) one.canvas.parentElement.style.height = `${drawn.height}px`;
  one.chart = new Chart(one.canvas, drawn.config);
}

function drawAll(filter = () => true) {
  Chart.defaults.color = css('--muted');
  Chart.defaults.borderColor = css('--grid');
  Chart.defaults.font.family = css('--font');
  Chart.defaults.font.size = 12;
  figures.filter(filter).forEach(drawFigure);
}

// What all charts share: no motion, faint grid, a tooltip in the colours of the page.
function options({x, y, xTitle, yTitle, xFormat, yFormat, label, mode}) {
  const axis = (title, format, more) => ({grid: {color: css('--grid'), drawBorder: false, tickLength: 4}, title: {display: !!title, text: title, padding: 2},
    ticks: {maxRotation: 0, autoSkipPadding: 14, maxTicksLimit: 6, ...(format ? {callback: value => format(value)} : {})}, ...more});
  return {animation: false, responsive: true, maintainAspectRatio: false, normalized: true, layout: {padding: {right: 8, top: 4}},
    interaction: mode || {mode: 'nearest', axis: 'x', intersect: false},
    scales: {x: axis(xTitle, xFormat, x), y: axis(yTitle, yFormat, y)},
    plugins: {legend: {display: false}, tooltip: {backgroundColor: css('--raised'), titleColor: css('--text'), bodyColor: css('--text'), borderColor: css('--edge'),
      borderWidth: 1, padding: 9, boxPadding: 4, usePointStyle: true, filter: item => !item.dataset.silent, callbacks: label}}};
}

const compact = value => Math.abs(value) >= 1e6 ? `${value / 1e6}M` : Math.abs(value) >= 1000 ? `${value / 1000}k` : String(Number(value.toPrecision(4)));

// ---- curves over training ----------------------------------------------------------------------------------------------------

const settings = {axis: 'steps', width: 1, lines: 'band'};

const line = (colour, dash, more) => ({borderColor: colour, backgroundColor: colour, borderWidth: 2, borderDash: dash, pointRadius: 0, pointHitRadius: 8, tension: 0, ...more});

// A band is two silent lines, the upper filled down to the lower.
function band(points, colour) {
  const edge = (key, fill) => ({data: points.map(p => ({x: p.x, y: p[key]})), borderWidth: 0, pointRadius: 0, pointHitRadius: 0, silent: true, fill,
    backgroundColor: translucent(colour, 0.16), borderColor: 'transparent'});
  return points.length > 1 && points.every(p => known(p.low) && known(p.high)) ? [edge('low', false), edge('high', '-1')] : [];
}

// A little air around the lines, but none below 0 or above 100% where there is nothing.
function bounds(curve, datasets) {
  const values = datasets.flatMap(set => set.data.map(point => point.y)).filter(known);
  const low = Math.min(...values), high = Math.max(...values), range = high - low;
  return {grace: '4%', min: curve.zero || (low >= 0 && low < 0.3 * range) ? 0 : undefined, max: curve.percent && high <= 1 && high > 1 - 0.05 * range ? 1 : undefined,
    suggestedMax: curve.zero && high === 0 ? 0.01 : undefined};
}

function drawCurve(curve) {
  const show = curve.percent ? percent : x => number(x, 4);
  const read = run => curve.read(run, settings.axis), datasets = [], missing = [];
  let points = 0;
  for (const arm of arms.filter(arm => arm.kind === curve.kind)) {
    const all = armPoints(arm, read);
    if (all.length === 0) missing.push(arm.label);
    if (arm.hidden || all.length === 0) continue;
    points += all.length;
    const colour = armColour(arm), dots = curve.points || all.length === 1 ? {pointRadius: 3.5, pointBackgroundColor: colour} : {};
    const smoothed = curve.points ? all : smooth(all, settings.width);
    if (settings.lines === 'band' || arm.runs.length === 1) {
      datasets.push(...band(smoothed, colour), line(colour, armDash(arm), {label: arm.label, data: smoothed, ...dots}));
      continue;
    }
    for (const run of arm.runs) {
      const own = armPoints({runs: [run]}, read);
      if (own.length) datasets.push(line(colour, armDash(arm), {label: run.name, data: curve.points ? own : smooth(own, settings.width), borderWidth: 1.5, ...dots}));
    }
  }
  if (datasets.length === 0 && missing.length === arms.filter(arm => arm.kind === curve.kind).length) return null;
  const label = {title: items => items[0] ? `${X_AXES[settings.axis].label} ${number(items[0].parsed.x, 4)}` : '', label: item => {
    const at = item.raw, one = item.dataset.label, spread = known(at.low) && known(at.high) && at.low !== at.high ? interval(show, at.low, at.high) : '';
    return ` ${one}: ${show(item.parsed.y)}${spread}${at.runs > 1 ? `, ${at.runs} seeds` : ''}`;
  }};
  const values = datasets.filter(set => !set.silent).map(set => `${set.label} ends at ${show(last(set.data).y)}`);
  return {points, summary: values.join('; '), remark: missing.length ? `not recorded: ${missing.join(', ')}` : '',
    config: {type: 'line', data: {datasets}, options: options({x: {type: 'linear', grid: {display: false}}, y: bounds(curve, datasets),
      xTitle: X_AXES[settings.axis].label, yTitle: '', xFormat: compact, yFormat: curve.percent ? value => `${Number((100 * value).toPrecision(3))}%` : compact, label})}};
}

// ---- what a step is made of --------------------------------------------------------------------------------------------------

// The mean over runs of a metric at each step.
const mixPoints = (runs, name) => armPoints({runs}, run => metric(name)(run, 'steps'));

function drawMix(mix, runs) {
  const parts = mix.parts.map(([name, label, colour]) => ({label, colour: css(colour), points: mixPoints(runs, name)})).filter(part => part.points.some(p => p.y > 0));
  if (parts.length === 0) return null;
  const steps = [...new Set(parts.flatMap(part => part.points.map(p => p.step)))].sort((a, b) => a - b);
  const columns = parts.map(part => { const at = new Map(part.points.map(p => [p.step, p.y])); return steps.map(step => at.get(step) ?? 0); });
  const sums = steps.map((step, i) => columns.reduce((sum, column) => sum + column[i], 0));
  const scaled = columns.map(column => column.map((y, i) => mix.share ? y / sums[i] : y));
  const show = mix.share ? percent : x => `${number(x)} s`;
  const datasets = parts.map((part, i) => ({label: part.label, data: steps.map((x, j) => ({x, y: scaled[i][j]})), fill: i ? '-1' : 'origin', backgroundColor: translucent(part.colour, 0.85),
    borderColor: css('--card'), borderWidth: 1, pointRadius: steps.length === 1 ? 3 : 0, pointHitRadius: 8}));
  const total = name => mixPoints(runs, `dynamic_sampling/groups_${name}`).reduce((sum, p) => sum + p.y, 0);
  const remark = mix.dropped && total('dropped') > 0 ? `Dynamic sampling dropped ${percent(total('dropped') / total('generated'))} of the groups that were generated.` : '';
  return {points: steps.length * parts.length, remark, key: parts.map(part => [part.label, part.colour]), summary: parts.map((part, i) => `${part.label} ${show(mean(scaled[i]))} on average`).join('; '),
    config: {type: 'line', data: {datasets}, options: options({x: {type: 'linear', grid: {display: false}}, y: {stacked: true, min: 0, max: mix.share ? 1 : undefined}, xTitle: 'training step',
      xFormat: compact, yFormat: mix.share ? value => `${Math.round(100 * value)}%` : compact, mode: {mode: 'index', intersect: false},
      label: {title: items => items[0] ? `step ${items[0].parsed.x}` : '', label: item => ` ${item.dataset.label}: ${show(item.parsed.y)}`}})}};
}

// Mean seconds of a step, phases down, kernels along.
function drawKernels(runs) {
  const seconds = (phase, test) => mean(runs.map(run => Object.entries(run.curves).filter(([name]) => name.startsWith(`timing_kernel_s/${phase}/`) && test(name.split('/')[2]))
    .reduce((sum, [, curve]) => sum + curve.reduce((all, y) => all + (y || 0), 0) / Math.max(1, run.steps.length), 0)));
  const named = KERNELS.map(([kernel]) => kernel).filter(Boolean);
  const phases = PHASES.filter(([phase]) => seconds(phase, () => true) > 0);
  if (phases.length === 0) return null;
  const parts = KERNELS.map(([kernel, label, colour]) => ({label, colour: css(colour),
    data: phases.map(([phase]) => seconds(phase, name => kernel ? name === kernel : !named.includes(name)))})).filter(part => part.data.some(x => x > 0));
  const datasets = parts.map(part => ({label: part.label, data: part.data, backgroundColor: part.colour, borderColor: css('--card'), borderWidth: {right: 1}, barThickness: 26}));
  return {points: parts.length * phases.length, key: parts.map(part => [part.label, part.colour]), summary: phases.map(([phase, name]) => `${name} ${number(seconds(phase, () => true))} s`).join('; '),
    config: {type: 'bar', data: {labels: phases.map(([, name]) => name), datasets}, options: {...options({x: {stacked: true, min: 0}, y: {stacked: true, grid: {display: false}},
      xTitle: 'seconds of a step', xFormat: compact, mode: {mode: 'index', axis: 'y', intersect: false}, label: {label: item => ` ${item.dataset.label}: ${number(item.parsed.x)} s`}}), indexAxis: 'y'}}};
}

// ---- the section -------------------------------------------------------------------------------------------------------------

function curvesSection(section) {
  const again = key => value => { settings[key] = key === 'width' ? Number(value) : value; drawAll(one => one.curve); };
  const seeds = arms.some(arm => arm.runs.length > 1), kinds = new Set(report.runs.map(run => run.kind));
  const longest = Math.max(1, ...report.runs.map(run => run.steps.length));
  settings.width = longest > 40 ? 5 : 1;
  section.append(h('div', {class: 'controls'},
    choice('Along', Object.entries(X_AXES).map(([key, axis]) => [key, axis.label]), settings.axis, again('axis')),
    choice('Smoothing', [['1', 'none'], ['5', 'mean of 5 points'], ['15', 'mean of 15 points']], String(settings.width), again('width')),
    seeds ? choice('Seeds', [['band', 'mean, band from least to greatest'], ['lines', 'a line each']], settings.lines, again('lines')) : null));
  const stride = Math.max(1, ...report.runs.map(run => run.stride || 1));
  if (stride > 1) section.append(h('p', {class: 'note'}, `Of a run of more than 500 steps a point is the mean over up to ${stride} of them.`));
  const early = arms.filter(arm => arm.kind !== 'eval').flatMap(arm => { const most = Math.max(...arm.runs.map(run => run.done)); return arm.runs.filter(run => run.done < most); });
  if (early.length) section.append(h('p', {class: 'note'}, `${early.map(run => run.done < 0 ? `${run.name} has no record` : `${run.name} ends at step ${run.done}`).join('; ')}: behind that, means are over fewer seeds.`));
  for (const [kind, name] of [['train', 'Reinforcement learning'], ['sft', 'Warm start']]) {
    if (!kinds.has(kind)) continue;
    const grid = h('div', {class: kind === 'sft' ? 'grid wide' : 'grid'});
    section.append(...(kinds.has('train') && kinds.has('sft') ? [h('h3', {}, name)] : []), grid);
    for (const curve of CURVES) if (curve.kind === kind) figure(grid, curve, () => drawCurve(curve)).curve = true;
  }

  const subjects = [...arms.filter(arm => arm.kind !== 'eval').map((arm, i) => [`arm ${i}`, arm.runs.length > 1 ? `${arm.label}, mean of ${arm.runs.length} seeds` : arm.label, arm.runs]),
    ...arms.filter(arm => arm.kind !== 'eval' && arm.runs.length > 1).flatMap(arm => arm.runs.map(run => [`run ${report.runs.indexOf(run)}`, run.name, [run]]))];
  if (subjects.length === 0) return;
  let runs = subjects[0][2];
  section.append(h('h3', {}, 'What a step is made of'), h('div', {class: 'controls'}, choice('Of', subjects.map(([key, text]) => [key, text]), subjects[0][0], value => {
    runs = subjects.find(([key]) => key === value)[2];
    drawAll(one => one.mix);
  })));
  const mixes = h('div', {class: 'grid wide'});
  section.append(mixes);
  for (const mix of MIXES) if (!mix.kind || kinds.has(mix.kind)) figure(mixes, mix, () => drawMix(mix, runs)).mix = true;
  figure(mixes, {id: 'kernels', title: 'Time of a step by kernel', unit: 'mean seconds'}, () => drawKernels(runs)).mix = true;
}
