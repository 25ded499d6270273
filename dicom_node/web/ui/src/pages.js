/* For every page: HTMX, the session's token, and keys that press what is marked with data-key. */
import htmx from 'htmx.org';
import { forgetDrafts } from './draft.js';
import { forgetSent, rememberSent } from './sent.js';

window.htmx = htmx;

const isTyping = (target) => target.matches?.('input:not([type=radio],[type=checkbox],[type=range]), textarea, select');

document.addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === 'Enter' && event.target.matches?.('a, button, summary')) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key !== '?' && document.querySelector('dialog[open]')) return;
  const wanted = [...document.querySelectorAll('[data-key]')].find((each) => each.dataset.key === key && !each.disabled);
  if (wanted) {
    event.preventDefault();
    if (wanted.matches('input')) wanted.select();
    else wanted.click();
  }
});

/* Rows are chosen by arrows; their own button is pressed by Enter. */
document.addEventListener('keydown', (event) => {
  const buttons = [...document.querySelectorAll('.queue-rows .row-button')];
  if (buttons.length === 0 || event.defaultPrevented || isTyping(event.target) || event.target.matches?.('input')) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  event.preventDefault();
  const at = buttons.indexOf(document.activeElement);
  buttons[at < 0 ? (step > 0 ? 0 : buttons.length - 1) : Math.min(Math.max(at + step, 0), buttons.length - 1)].focus();
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && event.target.matches?.('input[type=search]')) event.target.blur();
});

/* What a button opens, it closes as well; so does a click beside it. */
document.addEventListener('click', (event) => {
  const opener = event.target.closest?.('[data-opens]');
  const dialog = opener ? document.getElementById(opener.dataset.opens) : null;
  if (dialog?.open) dialog.close();
  else dialog?.showModal();
  if (event.target.matches?.('dialog')) event.target.close();
});

/* What went wrong before is no longer news once something works again. */
document.addEventListener('htmx:afterRequest', (event) => {
  if (event.detail.successful && event.detail.requestConfig?.verb === 'post') {
    document.getElementById('notices')?.replaceChildren();
  }
});
document.addEventListener('htmx:sendError', () => {
  const said = document.createElement('p');
  said.className = 'notice notice-problem';
  said.setAttribute('role', 'alert');
  const notices = document.getElementById('notices');
  said.textContent = notices?.dataset.away;
  notices?.replaceChildren(said);
});

/* What is wrong with a field stands beside it, until something else is written there. */
document.addEventListener('refused', ({ target, detail }) => {
  Object.entries(detail.fields ?? {}).forEach(([name, words]) => {
    const field = target.querySelector?.(`[name="${CSS.escape(name)}"]`);
    if (!field) return;
    const said = document.createElement('span');
    said.className = 'wrong';
    said.setAttribute('role', 'alert');
    said.textContent = words;
    field.parentElement.querySelector('.wrong')?.remove();
    field.after(said);
    field.setAttribute('aria-invalid', 'true');
    field.addEventListener('input', () => {
      said.remove();
      field.removeAttribute('aria-invalid');
    }, { once: true });
  });
  target.querySelector?.('[aria-invalid]')?.focus();
});
rememberSent();

/* A form on its way is not sent again, and says that it is on its way once that takes a moment. */
const NOTICED = 300;
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== 'post' || form.matches('[hx-post]')) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = 'sent';
  setTimeout(() => event.submitter?.setAttribute('aria-busy', 'true'), NOTICED);
});
/* Going back shows a page as it was left. */
window.addEventListener('pageshow', () => {
  document.querySelectorAll('form[data-sent]').forEach((form) => {
    delete form.dataset.sent;
    form.querySelector('[aria-busy]')?.removeAttribute('aria-busy');
  });
});

document.addEventListener('submit', (event) => {
  if (!event.target.matches('.who')) return;
  forgetDrafts();
  forgetSent();
});

/* What is marked with data-live is drawn anew when the node says that it has changed. */
const live = document.querySelector('[data-live]');
if (live) {
  const draw = () => htmx.trigger(`#${live.id}`, 'refresh');
  const events = new EventSource(live.dataset.live);
  events.addEventListener('changed', draw);
  /* Something may have happened while nobody was listening. */
  events.addEventListener('error', () => events.addEventListener('open', draw, { once: true }));
  window.addEventListener('pagehide', () => events.close());
  window.addEventListener('pageshow', (event) => event.persisted && window.location.reload());
}
