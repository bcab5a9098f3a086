// Checks of a page, each a function that tells what is wrong with it; written for these tests.
({
wrong: () => {
  const wrong = [], all = [...document.querySelectorAll('*')];
  const ids = all.map((one) => one.id).filter(Boolean);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) wrong.push(`id ${id} twice`);
  for (const one of document.querySelectorAll('input:not([type=hidden]):not([hidden]), select'))
    if (!one.labels.length) wrong.push(`no label: ${one.outerHTML}`);
  for (const one of document.querySelectorAll('a, button, summary'))
    if (!(one.textContent.trim() || one.getAttribute('aria-label'))) wrong.push(`no name: ${one.outerHTML}`);
  for (const one of document.querySelectorAll('img:not([alt]), svg:not([role=img][aria-label])'))
    wrong.push(`no text for: ${one.outerHTML.slice(0, 80)}`);
  for (const one of document.querySelectorAll('[aria-labelledby]'))
    if (!document.getElementById(one.getAttribute('aria-labelledby'))) 
      wrong.push(`labelled by nothing: ${one.id}`);
  for (const name of ['main', 'h1', 'header', 'nav[aria-label]'])
    if (!document.querySelector(name)) wrong.push(`no ${name}`);
  if (document.querySelectorAll('h1, main').length !== 2) wrong.push('more than one h1 or main');
  let last = 1;
  for (const one of document.querySelectorAll('h1, h2, h3, h4')) {
    const level = Number(one.tagName[1]);
    if (level > last + 1) wrong.push(`h${level} behind h${last}: ${one.textContent}`);
    last = level;
  }
  if (!document.documentElement.lang) wrong.push('no language');
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) wrong.push('it scrolls sideways');
  return wrong;
},

faint: () => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((part, at) => part * a + below[at] * (1 - a));
  const light = (colour) => {
    const [r, g, b] = colour.map((part) => (part /= 255) <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (one) => {
    const layers = [];
    for (; one; one = one.parentElement) layers.push(rgba(getComputedStyle(one).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const faint = new Set();
  for (const one of document.querySelectorAll('body *')) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if ((!own && !one.matches('input, select')) || !one.checkVisibility() || one.closest('svg')) continue;
    const below = ground(one), style = getComputedStyle(one);
    for (const colour of [style.color, ...(one.matches('input') ? [getComputedStyle(one, '::placeholder').color] : [])]) {
      const [a, b] = [light(over(rgba(colour), below)), light(below)].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < 4.5) faint.add(`${one.tagName} ${one.className} ${ratio.toFixed(2)} ${colour} on ${below.map(Math.round)}`);
    }
  }
  return [...faint];
},

moved: () => new Promise((told) => {
  let sum = 0;
  new PerformanceObserver((list) => { for (const one of list.getEntries()) if (!one.hadRecentInput) sum += one.value; })
    .observe({ type: 'layout-shift', buffered: true });
  setTimeout(() => told(sum), 300);
}),
})
