/* What has been said of a study and not signed yet, kept by this tab of the browser: it survives signing in anew. */
const KEPT = 'draft ';

export class Draft {
  /* Of whom, of what, and which of its forms: what one reader said is put before no other. */
  constructor({ item, reader, form }) { this.key = `${KEPT}${[reader, form, item].map(encodeURIComponent).join(' ')}`; }

  get state() { return JSON.parse(sessionStorage.getItem(this.key)); }

  keep(state) { sessionStorage.setItem(this.key, JSON.stringify(state)); }

  forget() { sessionStorage.removeItem(this.key); }
}

/* Whoever signs out leaves nothing behind. */
export function forgetDrafts() {
  Object.keys(sessionStorage).filter((key) => key.startsWith(KEPT)).forEach((key) => sessionStorage.removeItem(key));
}
