/* Undo and redo: whole states, as texts, so that what was put back is exactly what was there. */
export class History {
  /* `place` reads and writes what is undone; `told` hears whether there is something to undo, to redo. */
  constructor(place, told) {
    this.place = place;
    this.told = told;
    this.past = [];
    this.future = [];
    this.now = JSON.stringify(place.read());
    this.#tell();
  }

  record() {
    const state = JSON.stringify(this.place.read());
    if (state === this.now) return;
    this.past.push(this.now);
    this.now = state;
    this.future = [];
    this.#tell();
  }

  undo() { this.#go(this.past, this.future); }

  redo() { this.#go(this.future, this.past); }

  #go(from, to) {
    this.record();
    const state = from.pop();
    if (state === undefined) return;
    to.push(this.now);
    this.now = state;
    this.place.write(JSON.parse(state));
    this.#tell();
  }

  #tell() { this.told(this.past.length > 0, this.future.length > 0); }
}
