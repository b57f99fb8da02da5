// Start: sections in order, the legend of the arms, the theme.

function drawLegend() {
  const legend = document.getElementById('legend');
  legend.hidden = arms.length < 2;
  legend.replaceChildren(...arms.map(arm => {
    const sample = h('span', {class: 'sample'});
    sample.innerHTML = `<svg width="26" height="10" aria-hidden="true"><line x1="0" y1="5" x2="26" y2="5" stroke-width="3" stroke="var(--arm-${arm.index % ARM_COLOURS})" stroke-dasharray="${armDash(arm).join(' ')}"/></svg>`;
    return h('button', {type: 'button', 'aria-pressed': String(!arm.hidden), title: arm.hidden ? 'show' : 'hide', onclick: () => { arm.hidden = !arm.hidden; drawLegend(); drawAll(one => one.curve); comparison.redraw?.(); }},
      sample, arm.label, arm.runs.length > 1 ? h('small', {}, ` ${arm.runs.length} seeds`) : null);
  }));
}

const dark = window.matchMedia('(prefers-color-scheme: dark)');
const remembered = { // a page opened from a file may have no storage
  get: () => { try { return localStorage.getItem('dsdr-theme'); } catch { return null; } },
  set: value => { try { localStorage.setItem('dsdr-theme', value); } catch { /* then it is not remembered */ } },
};

function showTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.querySelector('#theme span').textContent = theme === 'dark' ? 'Light' : 'Dark';
  drawAll();
}

const wanted = () => remembered.get() || (dark.matches ? 'dark' : 'light');

function start() {
  showTheme(wanted());
  document.getElementById('theme').addEventListener('click', () => {
    const other = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
    remembered.set(other);
    showTheme(other);
  });
  dark.addEventListener('change', () => showTheme(wanted()));
  loadReport();
  drawLegend();
  for (const [id, make] of [['overview', overviewSection], ['curves', curvesSection], ['comparison', comparisonSection], ['rollouts', rolloutsSection]]) make(document.getElementById(id));
  drawAll(one => !one.compare);
  document.documentElement.dataset.ready = 'true';
}

document.addEventListener('DOMContentLoaded', start);
