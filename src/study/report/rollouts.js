// The browser of responses: one group at a time, its responses side by side.

const browser = {run: null, step: null, group: null, view: 'text', detail: null};

// ---- mathematics in text -------------------------------------------------------------------------------------------------------

function render(latex, display, fallback) {
  const span = h('span', {class: 'math'});
  try {
    katex.render(latex, span, {displayMode: display, throwOnError: true, strict: 'ignore', trust: false, maxSize: 20, maxExpand: 200});
    return span;
  } catch { // what a model writes need not be well formed
    return document.createTextNode(fallback);
  }
}

const behindBraces = (text, open) => {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '{') depth++;
    else if (text[i] === '}' && --depth === 0) return i + 1;
  }
  return -1;
};

const PAIRS = [['$$', '$$', true], ['\\[', '\\]', true], ['\\(', '\\)', false], ['$', '$', false]];

// The mathematics that starts at `at`: {end, latex, display}, or null.
function mathAt(text, at) {
  for (const box of ['\\boxed{', '\\fbox{'])
    if (text.startsWith(box, at)) {
      const end = behindBraces(text, at + box.length - 1);
      return end > 0 ? {end, latex: text.slice(at, end), display: false} : null;
    }
  for (const [open, close, display] of PAIRS) {
    if (!text.startsWith(open, at)) continue;
    const from = at + open.length, to = text.indexOf(close, from);
    if (to <= from || (open === '$' && (/^\s/.test(text.slice(from)) || /\s$/.test(text.slice(from, to)) || /^\d/.test(text.slice(to + 1)) || text.slice(from, to).includes('\n')))) continue;
    return {end: to + close.length, latex: text.slice(from, to), display};
  }
  return null;
}

// Text with its mathematics set.
function typeset(text) {
  const out = [];
  let plain = 0;
  for (let at = 0; at < text.length;) {
    const found = text[at] === '$' || text[at] === '\\' ? mathAt(text, at) : null;
    if (!found) { at++; continue; }
    if (at > plain) out.push(text.slice(plain, at));
    out.push(render(found.latex, found.display, text.slice(at, found.end)));
    at = plain = found.end;
  }
  if (plain < text.length) out.push(text.slice(plain));
  return out;
}

// ---- tokens --------------------------------------------------------------------------------------------------------------------

const VIEWS = {
  entropy: {name: 'Entropy', at: 2, unit: 'nats', ends: ['0', 'most uncertain'], class: 'heat'},
  gradient: {name: 'Gradient', at: 3, unit: '', ends: ['pushed down', 'pushed up'], class: 'push'},
};

const tokenText = text => text.replace(/\n/g, '⏎\n') || '▯';
const describe = ([text, logp, entropy, gradient]) => `“${text.replace(/\n/g, '⏎')}”: probability ${percent(Math.exp(logp))}, entropy ${number(entropy)} nats, gradient ${signed(gradient)}`;

function tokenSpans(one, view, most, say) {
  return one.tokens.map(token => {
    const value = token[VIEWS[view].at] ?? 0, share = most > 0 ? Math.sqrt(Math.min(1, Math.abs(value) / most)) : 0;
    const colour = view === 'entropy' ? '--heat' : value >= 0 ? '--up' : '--down';
    return h('span', {class: 'token', style: `background:rgba(var(${colour}),${(0.72 * share).toFixed(3)})`, title: describe(token), onclick: () => say(token), onmouseenter: () => say(token)}, tokenText(token[0]));
  });
}

// ---- a group -------------------------------------------------------------------------------------------------------------------

const STATUS = {correct: ['✓', 'good'], wrong: ['✗', 'bad']};

function statusBadge(status) {
  const [sign, name] = STATUS[status] || ['–', 'unknown'];
  return h('span', {class: `badge ${name}`}, `${sign} ${(status || 'not recorded').replace('_', ' ')}`);
}

const MEASURES = [['reward', 'reward', 'shaped reward of the response', x => number(x, 6)], ['advantage', 'advantage', 'advantage within the group', signed], ['coupling', 'weight w', 'coupling weight: its share of the local entropy term', x => number(x)],
  ['d_emb', ['d', h('sub', {}, 'emb')], 'how far its meaning is from the rest of the group', x => number(x)], ['d_eq', ['d', h('sub', {}, 'eq')], 'how different its formulas are from those of the rest', x => number(x)], ['dbar', 'd̄', 'both together, clipped', x => number(x)],
  ['length', 'tokens', 'length of the response', x => number(x)]];

function measures(one) {
  return h('dl', {class: 'measures'}, MEASURES.map(([key, name, help, show]) => h('div', {title: known(one[key]) ? help : `${help}: not recorded`}, h('dt', {}, typeof name === 'string' ? name : name.map(part => part.cloneNode?.(true) ?? part)), h('dd', {}, show(one[key])))));
}

// In how many responses of the group each formula stands.
function formulaCounts(group) {
  const counts = new Map();
  for (const one of group.rollouts) for (const formula of new Set(one.formulas)) counts.set(formula, (counts.get(formula) || 0) + 1);
  return counts;
}

const isUnique = (counts, formula) => counts.get(formula) === 1;
const formulaHelp = (counts, formula, size) => `${formula}: in ${counts.get(formula)} of ${size} responses`;

function responseText(one, counts, size) {
  return one.text.map(piece => {
    if (typeof piece === 'string') return typeset(piece);
    const [text, ...which] = piece, formulas = which.map(i => one.formulas[i]), unique = formulas.some(formula => isUnique(counts, formula));
    return h('mark', {class: unique ? 'unique' : 'shared', title: formulas.map(formula => formulaHelp(counts, formula, size)).join('\n')}, typeset(text));
  }).flat();
}

function chips(one, counts, size) {
  if (one.formulas.length === 0) return h('p', {class: 'chips none'}, 'no formula');
  return h('ul', {class: 'chips', 'aria-label': 'Formulas'}, [...new Set(one.formulas)].map(formula => {
    const unique = isUnique(counts, formula);
    return h('li', {class: unique ? 'unique' : 'shared', title: formulaHelp(counts, formula, size)}, render(formula.replace(/\*/g, '\\cdot '), false, formula), h('small', {}, unique ? 'unique' : `${counts.get(formula)}/${size}`));
  }));
}

function responseCard(one, group, counts, view, most) {
  const detail = h('p', {class: 'detail', 'aria-live': 'polite'}, '');
  const say = token => { detail.textContent = describe(token); };
  const text = h('div', {class: view === 'text' ? 'response' : 'response tokens'},
    view === 'text' ? responseText(one, counts, group.rollouts.length) : one.tokens ? tokenSpans(one, view, most, say) : h('span', {class: 'empty'}, 'tokens not recorded'));
  const whole = view === 'text' ? one.cut : one.tokens && one.tokens.length < one.length;
  return h('article', {class: 'card', tabindex: '0', 'aria-label': `Response ${one.sample + 1}, ${one.status}`},
    h('header', {}, h('strong', {}, `#${one.sample + 1}`), statusBadge(one.status), one.answer !== null ? h('span', {class: 'answer'}, 'answer ', render(one.answer, false, one.answer)) : null,
      one.finish === 'length' ? h('span', {class: 'badge unknown'}, 'cut at the limit') : null),
    measures(one), text, whole ? h('p', {class: 'note'}, 'Only the beginning is kept on this page.') : null, view === 'text' ? null : detail, chips(one, counts, group.rollouts.length));
}

function viewLegend(view, most) {
  if (view === 'text') return h('p', {class: 'scale'}, h('mark', {class: 'unique'}, 'formula of this response alone'), h('mark', {class: 'shared'}, 'formula shared with another response'));
  const {unit, ends, class: name} = VIEWS[view], top = `${number(most)}${unit ? ` ${unit}` : ''}`;
  return h('p', {class: 'scale'}, h('span', {}, view === 'entropy' ? `0` : `${ends[0]} −${top}`), h('i', {class: name}), h('span', {}, view === 'entropy' ? `${top}, ${ends[1]}` : `+${top} ${ends[1]}`),
    h('small', {}, view === 'entropy' ? 'Entropy of the distribution from which the token was drawn; square-root scale. Point at a token for its numbers.' : 'Derivative of the objective by the token’s own logit, entropy term included; square-root scale. Point at a token for its numbers.'));
}

function drawGroup(holder) {
  const group = browser.group;
  if (!group) return;
  const counts = formulaCounts(group), traced = group.rollouts.some(one => one.tokens), view = traced ? browser.view : 'text';
  const most = view === 'text' ? 0 : Math.max(0, ...group.rollouts.flatMap(one => (one.tokens || []).map(token => Math.abs(token[VIEWS[view].at] ?? 0))));
  const correct = group.rollouts.filter(one => one.status === 'correct').length;
  const toggle = h('div', {class: 'toggle', role: 'group', 'aria-label': 'What the text shows'}, [['text', 'Formulas'], ['entropy', 'Entropy'], ['gradient', 'Gradient']].map(([key, name]) =>
    h('button', {type: 'button', 'aria-pressed': String(view === key), disabled: key !== 'text' && !traced, onclick: () => { browser.view = key; drawGroup(holder); }}, name)));
  holder.replaceChildren(
    h('div', {class: 'problem'}, h('h3', {}, `Problem ${group.id ?? ''}`), h('div', {class: 'statement'}, group.problem ? typeset(group.problem) : h('span', {class: 'empty'}, 'text not recorded')),
      h('p', {}, group.gold !== null ? h('span', {}, 'gold answer ', h('strong', {}, render(group.gold, false, group.gold)), ' · ') : null, `${correct} of ${group.rollouts.length} correct · ${counts.size} different ${counts.size === 1 ? 'formula' : 'formulas'} · step ${group.step}`)),
    h('div', {class: 'controls'}, toggle, traced ? null : h('p', {class: 'note'}, 'The tokens of this group were not recorded (trainer.record_tokens).')), viewLegend(view, most),
    h('div', {class: 'cards'}, group.rollouts.map(one => responseCard(one, group, counts, view, most))));
  holder.dataset.group = `${group.step}/${group.serial}`;
}

// ---- choosing ------------------------------------------------------------------------------------------------------------------

function rolloutsSection(section) {
  const runs = report.runs.filter(run => run.groups?.length);
  if (runs.length === 0) {
    section.append(h('p', {class: 'empty'}, 'not recorded: no run on this page has responses of training'));
    return;
  }
  const controls = h('div', {class: 'controls'}), holder = h('div', {class: 'group', 'data-group': ''});
  section.append(h('p', {class: 'note'}, `${counted(report.rollouts.kept, 'response')} of ${report.rollouts.recorded.toLocaleString('en')} are kept on this page, whole groups, evenly over the steps of each run; ` +
    'groups whose tokens were recorded come first. dsdr report --rollouts N keeps more.'), controls, holder);
  const steps = () => [...new Set(browser.run.groups.map(group => group.step))];
  const groups = () => browser.run.groups.filter(group => group.step === browser.step);
  const choose = (run, step, group) => {
    browser.run = run || browser.run;
    const all = steps();
    browser.step = all.includes(step) ? step : all.reduce((best, one) => Math.abs(one - step) < Math.abs(best - step) ? one : best, last(all));
    browser.group = group || groups()[0];
    draw();
  };
  // The group `by` places further in the run.
  const go = by => {
    const all = browser.run.groups, next = all[all.indexOf(browser.group) + by];
    if (next) choose(browser.run, next.step, next);
  };
  const draw = () => {
    const all = browser.run.groups, at = all.indexOf(browser.group), traced = group => group.rollouts.some(one => one.tokens);
    controls.replaceChildren(
      choice('Run', runs.map((run, i) => [String(i), run.name]), String(runs.indexOf(browser.run)), value => choose(runs[Number(value)], browser.step)),
      choice('Step', steps().map(step => [String(step), `${step}${all.some(group => group.step === step && traced(group)) ? ' · tokens' : ''}`]), String(browser.step), value => choose(null, Number(value))),
      choice('Problem', groups().map((group, i) => [String(i), `${group.id ?? group.serial}, ${group.rollouts.filter(one => one.status === 'correct').length}/${group.rollouts.length} correct`]), String(groups().indexOf(browser.group)), value => choose(null, browser.step, groups()[Number(value)])),
      h('div', {class: 'toggle'}, h('button', {type: 'button', disabled: at === 0, onclick: () => go(-1), title: 'arrow left'}, '← previous'), h('button', {type: 'button', disabled: at === all.length - 1, onclick: () => go(1), title: 'arrow right'}, 'next →')));
    drawGroup(holder);
  };
  holder.addEventListener('keydown', event => {
    if (event.key === 'ArrowRight') go(1);
    else if (event.key === 'ArrowLeft') go(-1);
    else return;
    event.preventDefault();
    holder.querySelector('.card')?.focus();
  });
  // The last step with recorded tokens shows most; prefer a group in which some are correct and some are not.
  const first = runs.find(run => run.groups.some(group => group.rollouts.some(one => known(one.dbar)))) || runs[0], traced = first.groups.filter(group => group.rollouts.some(one => one.tokens));
  const mixed = list => list.filter(group => { const right = group.rollouts.filter(one => one.status === 'correct').length; return right > 0 && right < group.rollouts.length; });
  const start = last(mixed(traced)) || last(traced) || last(mixed(first.groups)) || last(first.groups);
  choose(first, start.step, start);
}
