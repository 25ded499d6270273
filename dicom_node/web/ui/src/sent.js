/* What a form sent after its session had ended: it is written there again when somebody has signed in anew. */
const KEPT = 'sent';
const LEFT_OUT = new Set(['password', 'file', 'submit', 'button']);
/* Hidden fields say which entry was read: who has changed it meanwhile is not overwritten. The token is the new session's. */
const fieldsOf = (form) => [...form.elements].filter((field) => field.name && field.name !== 'csrf_token' && !LEFT_OUT.has(field.type));
const reader = () => document.querySelector('.who')?.querySelector('span').textContent;

function remember(form) {
  const kept = new FormData(form);
  const values = fieldsOf(form).map(({ name }) => [name, kept.getAll(name)]);
  const path = window.location.pathname + window.location.search;
  sessionStorage.setItem(KEPT, JSON.stringify({ path, reader: reader(), action: form.getAttribute('action'), values }));
}

/* The way leads from signing in back to the form. */
function lead(sent, signIn) {
  sessionStorage.setItem(KEPT, JSON.stringify({ ...sent, waits: true }));
  const to = signIn.querySelector('[name=to]');
  if (to && to.value === '/') to.value = sent.path;
  const elsewhere = document.querySelector('a[href^="/sign-in/openid"]');
  if (elsewhere) elsewhere.href = `/sign-in/openid?to=${encodeURIComponent(sent.path)}`;
}

function write(sent) {
  const form = [...document.forms].find((each) => each.getAttribute('action') === sent.action);
  if (!form) return;
  const values = new Map(sent.values);
  fieldsOf(form).forEach((field) => {
    const said = values.get(field.name);
    if (!said) return;
    if (['checkbox', 'radio'].includes(field.type)) field.checked = said.includes(field.value);
    else if (field.multiple) [...field.options].forEach((each) => { each.selected = said.includes(each.value); });
    else field.value = said[0] ?? '';
  });
  const words = document.createElement('p');
  const notices = document.getElementById('notices');
  words.className = 'notice';
  words.textContent = notices.dataset.again;
  notices.replaceChildren(words);
}

export function forgetSent() { sessionStorage.removeItem(KEPT); }

/* Once for each page. */
export function rememberSent() {
  const sent = JSON.parse(sessionStorage.getItem(KEPT));
  const signIn = document.querySelector('#sign-in');
  if (sent && signIn) lead(sent, signIn);
  if (sent && !signIn) {
    forgetSent();
    const here = window.location.pathname + window.location.search;
    if (sent.waits && sent.path === here && sent.reader === reader()) write(sent);
  }
  document.addEventListener('submit', ({ target }) => {
    if (target.method === 'post' && target.closest('main') && !signIn && !target.matches('[hx-post]')) remember(target);
  });
}
