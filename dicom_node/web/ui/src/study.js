/* The study view: image, layers and form, tied together by keys. */
import { Draft } from './draft.js';
import { History } from './history.js';
import { FirstForm } from './first.js';
import { Layers } from './layers.js';
import { VerdictForm } from './verdict.js';

const TRIED = 'viewer-tried';
const stage = document.getElementById('stage');
const message = document.getElementById('viewer-message');

/* Big, and not needed to read the panel: it comes when the page stands. */
const { Viewer, preload } = await viewerScript();

const position = document.getElementById('image-position');
const windowText = document.getElementById('image-window');
const stack = document.getElementById('stack');
const keys = document.getElementById('keys');
const windows = document.getElementById('window-choice');
const keepZoom = document.getElementById('keep-zoom');
let form = null;
let history = null;
let shown = null;
let slices = [];
let wasHidden = false;
let draft = null;

const rulerWords = { length: stage.dataset.rulerLength, detector: stage.dataset.rulerDetector, pixels: stage.dataset.rulerPixels };
const viewer = new Viewer(document.getElementById('viewport'), rulerWords, {
  rendered: () => layers.place(),
  image: (index) => {
    stack.value = String(index + 1);
    position.textContent = viewer.images.length > 1 ? `${index + 1} / ${viewer.images.length}` : '';
    layers.place();
  },
  /* Center and width as the image's header has them (PS3.3 C.11.2.1.2, LINEAR). */
  window: ({ lower, upper }) => {
    windowText.textContent = `C ${Math.round((lower + upper + 1) / 2)}  W ${Math.round(upper - lower + 1)}`;
    // Pulled about by hand, it is none of the list.
    const chosen = viewer.windows[Number(windows.value)];
    if (windows.value && chosen && !viewer.isWindow(chosen, { lower, upper })) windows.value = '';
  },
  drawn: () => { history?.record(); keep(); },
  box: (uid, corners) => {
    const title = form?.box(uid, corners);
    if (title) viewer.labelBox(uid, title);
  },
});
const layers = new Layers(viewer);
const started = viewer.start();

/* A script that did not come is not asked for again by the page that lacked it: that is loaded anew, once. */
async function viewerScript() {
  try {
    const script = await import('./viewer.js');
    sessionStorage.removeItem(TRIED);
    return script;
  } catch (error) {
    if (sessionStorage.getItem(TRIED)) {
      sessionStorage.removeItem(TRIED);
      message.textContent = stage.dataset.failed.replace('{}', error.message);
      throw error;
    }
    sessionStorage.setItem(TRIED, 'yes');
    window.location.reload();
    return new Promise(() => {});
  }
}

async function open(panel) {
  const data = JSON.parse(panel.dataset.view);
  const Form = data.hidden ? FirstForm : VerdictForm;
  form = new Form(panel, data, {
    choose: (number) => {
      const finding = data.findings[number];
      if (finding.layer) layers.choose(String(number));
      const index = viewer.images.findIndex((image) => image.sop === finding.image && (!finding.frame || image.frame === finding.frame));
      if (index >= 0 && index !== viewer.index) viewer.goTo(index);
    },
    goTo: (slice) => { if (shown === data.item) viewer.goTo(slice - 1); },
    draw: () => tool('RectangleROI'),
    removeBox: (uid) => viewer.removeBox(uid),
    image: () => viewer.image ?? data.images[0],
    changed: () => { history?.record(); keep(); },
  });
  draft = null;
  const mine = panel.dataset.mine === '1';
  const saying = mine ? new Draft({ item: data.item, reader: panel.dataset.reader, form: data.hidden ? 'first' : 'verdict' }) : null;
  const left = saying?.state;
  if (left) {
    form.state = left.said;
    document.getElementById('said-before').hidden = false;
  }
  remember();
  if (shown === data.item) {
    // What was kept from the reader is shown now, on the same images.
    if (wasHidden && !data.hidden) overlay(data);
    wasHidden = data.hidden;
    goOn(saying, left);
    return;
  }
  wasHidden = data.hidden;
  shown = data.item;
  message.hidden = false;
  message.textContent = stage.dataset.loading;
  stage.dataset.shown = '';
  try {
    await started;
    await show(data);
    if (form.panel === panel) goOn(saying, left);
    message.hidden = true;
    stage.dataset.shown = data.item;
  } catch (error) {
    message.textContent = stage.dataset.failed.replace('{}', error?.message ?? error?.error?.message ?? error);
    return;
  }
  // What is looked at comes first: the next study is fetched when this one stands on the screen.
  await painted();
  // Only a head start: what fails here is loaded, or complained about, when its turn comes.
  follow(data.item).catch(() => {});
}

const painted = () => new Promise((resolve) => {
  requestAnimationFrame(() => requestAnimationFrame(resolve));
});

async function show(data) {
  if (data.images.length === 0) throw new Error(stage.dataset.noImage);
  const positive = data.findings.find((each) => each.positive);
  const first = data.isCt ? data.first - 1 : Math.max(0, data.images.findIndex((image) => image.sop === positive?.image));
  tool('WindowLevel');
  stack.max = String(data.images.length);
  await viewer.show(data.images, first);
  document.getElementById('stack-field').hidden = data.images.length < 2;
  document.querySelector('[data-act=invert]').setAttribute('aria-pressed', 'false');
  overlay(data);
  listWindows();
  remember();
}

/* Lay what the model says over the images. */
function overlay(data) {
  slices = data.keySlices;
  layers.show(data);
  if (data.contours && !data.hidden) {
    layers.outline(data.contours).catch((error) => { message.hidden = false; message.textContent = stage.dataset.noOutlines.replace('{}', error.message); });
  }
}

/* From here on, what is said and drawn is kept until it is signed; what was left is drawn again. */
function goOn(saying, left) {
  // What was said while the images came is more than what was left.
  if (left) {
    viewer.drawings = left.drawn;
    remember();
  }
  draft = saying;
}

function keep() {
  if (draft) draft.keep({ said: form.state, drawn: viewer.drawings });
}

/* From here on, what is said and drawn can be undone. */
function remember() {
  history = new History({
    read: () => ({ said: form.state, drawn: viewer.drawings }),
    write: ({ said, drawn }) => { viewer.drawings = drawn; form.state = said; keep(); },
  }, (canUndo, canRedo) => {
    stage.querySelector('[data-act=undo]').disabled = !canUndo;
    stage.querySelector('[data-act=redo]').disabled = !canRedo;
  });
}

function listWindows() {
  const named = viewer.windows.map(({ kind, name, center, width }, at) => {
    const title = name || windows.dataset[kind];
    return new Option(kind === 'full' ? title : `${title} ${Math.round(center)}/${Math.round(width)}`, String(at));
  });
  windows.replaceChildren(new Option(windows.dataset.own, ''), ...named);
  windows.value = named.length > 1 && viewer.windows[0].kind === 'stored' ? '0' : '';
}

function chooseWindow(at) {
  const chosen = viewer.windows[at];
  if (!chosen) return;
  windows.value = String(at);
  viewer.window(chosen);
}

/* While this study is read, the next one comes. */
async function follow(item) {
  const answer = await fetch(`/worklist/items/${item}/next`, { headers: { Accept: 'application/json' } });
  if (answer.ok && shown === item) {
    const { images } = await answer.json();
    if (images.length > 0) await preload(images);
    stage.dataset.preloaded = item;
  }
}

function tool(name) {
  if (name === 'RectangleROI' && !form?.beginBox()) return;
  viewer.use(name);
  stage.querySelectorAll('[data-tool]').forEach((button) => {
    button.setAttribute('aria-pressed', String(button.dataset.tool === name));
  });
}

const acts = {
  invert: () => stage.querySelector('[data-act=invert]').setAttribute('aria-pressed', String(viewer.invert())),
  reset: () => {
    viewer.reset();
    stage.querySelector('[data-act=invert]').setAttribute('aria-pressed', 'false');
    listWindows();
  },
  undo: () => history?.undo(),
  redo: () => history?.redo(),
  nextWindow: () => chooseWindow((windows.value === '' ? 0 : Number(windows.value) + 1) % viewer.windows.length),
  keepZoom: () => {
    keepZoom.checked = !keepZoom.checked;
    viewer.keepsZoom = keepZoom.checked;
  },
  keySlice: (step) => {
    const here = viewer.index + 1;
    const next = step > 0 ? slices.find((each) => each > here) : slices.findLast((each) => each < here);
    if (next) viewer.goTo(next - 1);
  },
  keys: () => {
    keys.hidden = !keys.hidden;
    document.getElementById('show-keys').setAttribute('aria-expanded', String(!keys.hidden));
  },
};

const byKey = {
  a: () => form.agree(),
  Enter: () => form.sign(),
  y: () => form.judge('confirmed'),
  n: () => form.judge('rejected'),
  x: () => form.judge('changed'),
  u: () => form.judge('unsure'),
  d: () => form.add(),
  b: () => tool('RectangleROI'),
  w: () => tool('WindowLevel'),
  p: () => tool('Pan'),
  z: () => tool('Zoom'),
  s: () => tool('StackScroll'),
  m: () => tool('Length'),
  v: acts.nextWindow,
  f: acts.keepZoom,
  Delete: () => { if (viewer.removeRuler()) history?.record(); },
  i: acts.invert,
  r: acts.reset,
  h: () => layers.toggle(),
  l: () => layers.next(),
  o: () => { layers.showBoxes.checked = !layers.showBoxes.checked; layers.place(); },
  '[': () => layers.stronger(-10),
  ']': () => layers.stronger(10),
  ArrowUp: () => viewer.goTo(viewer.index - 1),
  ArrowDown: () => viewer.goTo(viewer.index + 1),
  PageUp: () => acts.keySlice(-1),
  PageDown: () => acts.keySlice(1),
  Home: () => viewer.goTo(0),
  End: () => viewer.goTo(viewer.images.length - 1),
  '?': acts.keys,
  Escape: () => { if (!keys.hidden) acts.keys(); else document.activeElement?.blur(); },
};

document.addEventListener('keydown', (event) => {
  const { target } = event;
  const typing = target.matches('input:not([type=radio],[type=checkbox],[type=range]), textarea, select');
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !typing) {
    // Within a field the browser undoes what is typed.
    const act = { z: event.shiftKey ? 'redo' : 'undo', y: 'redo' }[event.key.toLowerCase()];
    if (act && history) {
      event.preventDefault();
      history[act]();
    }
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing && event.key !== 'Escape') {
    // Enter within a field must not sign a verdict that is still being written.
    if (event.key === 'Enter') event.preventDefault();
    return;
  }
  if (target.matches('input[type=radio],input[type=range]') && event.key.startsWith('Arrow')) {
    // On the stack's slider up and down go as everywhere on the page; a slider's own are reversed.
    if (target !== stack || !(event.key in byKey)) return;
  }
  if (event.key === 'Enter' && target.matches('button:not(#sign), a, summary')) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const act = /^[1-9]$/.test(key) ? () => form.choose(form.rows[Number(key) - 1]) : byKey[key];
  if (act && form) {
    event.preventDefault();
    act();
  }
});

stage.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button?.dataset.tool) tool(button.dataset.tool);
  if (button?.dataset.act) acts[button.dataset.act]();
});
document.getElementById('show-keys').addEventListener('click', acts.keys);
windows.addEventListener('change', () => chooseWindow(windows.value === '' ? -1 : Number(windows.value)));
keepZoom.addEventListener('change', () => { viewer.keepsZoom = keepZoom.checked; });
stack.addEventListener('input', () => viewer.goTo(Number(stack.value) - 1));

const current = () => document.getElementById('panel');
/* Words are kept as they are typed: a session may end before the field is left. */
document.addEventListener('input', (event) => { if (event.target.closest('#verdict')) keep(); });
/* What is signed or given back is no draft any more; a redirection to the sign-in page is neither. */
document.addEventListener('htmx:beforeOnLoad', ({ detail }) => {
  if (detail.requestConfig.verb !== 'post' || detail.xhr.status >= 300) return;
  if (!/\/(verdict|first|release)$/.test(detail.requestConfig.path)) return;
  draft?.forget();
  draft = null;
});
document.addEventListener('htmx:afterSettle', () => {
  if (current() && form?.panel !== current()) open(current());
});
open(current());
