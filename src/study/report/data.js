// What the page knows: runs grouped into arms, numbers brought to text, and the few statistics that are left to compute.

const ARM_COLOURS = 8; // --arm-0 ... of report.css
const DASHES = [[], [7, 3], [2, 2.5], [9, 3, 2, 3], [4, 2], [1, 3], [12, 3], [6, 2, 1, 2, 1, 2]];

let report = null; // as `dsdr report` wrote it
let arms = [];     // {label, index, runs, kind, hidden}: runs that differ in their seed alone

function loadReport() {
  report = JSON.parse(document.getElementById('data').textContent);
  const known = new Map(), short = run => run.folder.split('/').pop();
  for (const run of report.runs) // an evaluation is called by its folder, as briefly as it can be
    if (run.kind === 'eval' && report.runs.filter(other => other.kind === 'eval' && short(other) === short(run)).length === 1) run.label = short(run);
  for (const run of report.runs) {
    run.curves ||= {};
    run.steps ||= [];
    run.evaluations = (run.evaluations || []).map(([step, pass, source, metric, value, low, high, n]) => ({step, pass, source, metric, value, low, high, n}));
    const key = `${run.kind}\n${run.label}`;
    if (!known.has(key)) known.set(key, {label: run.label, index: known.size, runs: [], kind: run.kind, hidden: false});
    known.get(key).runs.push(run);
    run.arm = known.get(key);
    run.name = run.kind === 'eval' ? run.label : `${run.label}, seed ${run.seed}`;
  }
  arms = [...known.values()];
}

const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const armColour = arm => css(`--arm-${arm.index % ARM_COLOURS}`);
const armDash = arm => DASHES[arm.index % DASHES.length];
const translucent = (colour, share) => colour + Math.round(255 * share).toString(16).padStart(2, '0'); // of #rrggbb

// ---- the document ------------------------------------------------------------------------------------------------------------

// Makes an element: h('a', {href: '#x', class: 'y', onclick: f}, 'text', child...). Text is never read as markup.
function h(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined));
  return element;
}

function choice(label, options, value, onchange) {
  const select = h('select', {onchange: event => onchange(event.target.value)},
    options.map(([key, text]) => h('option', {value: key, selected: key === value}, text)));
  return h('label', {class: 'choice'}, h('span', {}, label), select);
}

// A table whose cells are texts or elements; the columns named in `numeric` are set to the right.
function table(caption, head, rows, numeric = []) {
  const cell = (name, content, i) => h(name, {class: numeric.includes(i) ? 'number' : undefined, scope: name === 'th' ? 'col' : undefined}, content);
  return h('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption},
    h('table', {}, h('caption', {}, caption), h('thead', {}, h('tr', {}, head.map((text, i) => cell('th', text, i)))),
      h('tbody', {}, rows.map(row => h('tr', {}, row.map((content, i) => cell('td', content, i)))))));
}

// ---- numbers as text -----------------------------------------------------------------------------------------------------------

const known = x => x !== null && x !== undefined && Number.isFinite(x);

function number(x, digits = 3) {
  if (!known(x)) return '–';
  if (x === 0) return '0';
  const size = Math.abs(x);
  if (size >= 1e6) return `${number(x / 1e6, digits)} M`;
  if (size >= 1000) return Math.round(x).toLocaleString('en');
  if (size < 1e-3) return x.toExponential(Math.max(0, digits - 2)).replace('-', '−').replace('e-', 'e−');
  return String(Number(x.toPrecision(digits))).replace('-', '−');
}
const percent = (x, digits = 1) => known(x) ? `${(100 * x).toFixed(digits)}%` : '–';
const signed = x => known(x) ? (x > 0 ? '+' : '') + number(x) : '–';

function duration(seconds) {
  if (!known(seconds)) return '–';
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

const interval = (show, low, high) => known(low) && known(high) ? ` [${show(low).replace('%', '')}, ${show(high).replace('%', '')}]` : '';
const counted = (n, noun) => `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;

// ---- statistics --------------------------------------------------------------------------------------------------------------

const mean = values => values.reduce((sum, x) => sum + x, 0) / values.length;
const last = values => values[values.length - 1];

// The mean over seeds with its 95% t interval; none under three seeds. report.t holds the quantiles by degrees of freedom from 1.
function overSeeds(values) {
  const centre = mean(values), n = values.length;
  if (n < 3) return {value: centre, low: null, high: null};
  const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - centre) ** 2, 0) / (n - 1));
  const reach = report.t[Math.min(n - 1, report.t.length) - 1] * deviation / Math.sqrt(n);
  return {value: centre, low: centre - reach, high: centre + reach};
}

// The points of an arm: at each step the mean, the least and the greatest of its runs that have a number there.
// `read` gives of a run [[step, x, y, low, high], ...]; low and high are of use only where a run stands alone.
function armPoints(arm, read) {
  const at = new Map();
  for (const run of arm.runs)
    for (const [step, x, y, low, high] of read(run))
      if (known(y) && known(x)) at.set(step, [...(at.get(step) || []), {x, y, low, high}]);
  return [...at.entries()].sort((a, b) => a[0] - b[0]).map(([step, all]) => {
    const values = all.map(one => one.y), alone = arm.runs.length === 1;
    return {step, x: mean(all.map(one => one.x)), y: mean(values), runs: all.length,
      low: alone ? all[0].low : Math.min(...values), high: alone ? all[0].high : Math.max(...values)};
  });
}

// Mean over a window of `width` points around each.
function smooth(points, width) {
  if (width < 2) return points;
  const reach = Math.floor(width / 2);
  return points.map((point, i) => {
    const part = points.slice(Math.max(0, i - reach), i + reach + 1), of = key => part.every(p => known(p[key])) ? mean(part.map(p => p[key])) : null;
    return {...point, y: of('y'), low: of('low'), high: of('high')};
  });
}
