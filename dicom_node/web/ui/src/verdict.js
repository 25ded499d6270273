/* The form beside the image: what the expert says, by pointer or by key. */
export class VerdictForm {
  /* `on` has functions: choose(findingNumber), goTo(slice), draw(), removeBox(uid), image() → {sop, frame}, changed(). */
  constructor(panel, data, on) {
    this.panel = panel;
    this.data = data;
    this.on = on;
    this.form = panel.querySelector('#verdict');
    this.mine = panel.dataset.mine === '1';
    this.row = null;
    // Of a radiograph only some findings have rows, with their numbers; lungs and patterns of a CT have rows alone.
    this.nextRow = Math.max(data.findings.length, ...this.rows.map((row) => Number(row.dataset.row) + 1));
    this.boxes = new Map();
    this.form.addEventListener('change', (event) => this.#changed(event.target));
    panel.addEventListener('click', (event) => this.#clicked(event));
    panel.addEventListener('focusin', (event) => this.choose(event.target.closest('.finding'), { focus: false }));
    this.choose(this.rows[0] ?? null, { focus: false });
    this.rows.forEach((row) => this.#open(row));
    this.#summarise();
  }

  get rows() { return [...this.form.querySelectorAll('.finding')]; }

  get overall() { return this.form.elements.overall.value; }

  agree() { this.#setOverall('agree'); }

  choose(row, { focus = true } = {}) {
    if (!row || row === this.row) return;
    this.row?.classList.remove('chosen');
    this.row = row;
    row.classList.add('chosen');
    if (focus) {
      row.scrollIntoView({ block: 'nearest' });
      row.querySelector('input[type=radio]:checked, input[type=radio], select')?.focus();
    }
    if (row.dataset.finding !== undefined) this.on.choose(Number(row.dataset.finding));
    if (row.dataset.slice) this.on.goTo(Number(row.dataset.slice));
  }

  judge(judgement) {
    const radio = this.row?.querySelector(`input[type=radio][value=${judgement}]`);
    if (!radio || !this.mine) return;
    radio.checked = true;
    radio.focus();
    this.#changed(radio);
  }

  add(label = '') {
    if (!this.mine) return;
    const row = this.#newRow(String(this.nextRow));
    this.nextRow += 1;
    const { sop, frame } = this.on.image();
    this.#set(row, 'image', sop);
    this.#set(row, 'frame', frame ?? '');
    if (label) this.#set(row, 'label', label);
    this.#setOverall('correct');
    this.#number();
    this.choose(row);
    row.querySelector('select').focus();
  }

  remove(row) {
    this.#forgetBox(row);
    row.remove();
    this.row = null;
    this.choose(this.rows[0] ?? null, { focus: false });
    this.#number();
    this.#summarise();
    this.on.changed();
  }

  /* The name of the finding that a box would belong to; a new finding where none is chosen. */
  beginBox() {
    if (!this.mine || this.data.isCt) return false;
    if (!this.row) this.add();
    return true;
  }

  box(uid, corners) {
    const known = [...this.boxes].find(([, one]) => one === uid)?.[0];
    const row = known ?? this.row;
    if (!row) return '';
    if (!known) this.#forgetBox(row);
    const place = corners.map((value) => value.toFixed(1)).join(',');
    // Drawn again where it was: nothing has been said.
    if (known && this.#field(row, 'box').value === place) return this.#title(row);
    this.#field(row, 'box').value = place;
    const { sop, frame } = this.on.image();
    if (row.classList.contains('added')) {
      this.#field(row, 'image').value = sop;
      this.#field(row, 'frame').value = frame ?? '';
    } else if (!row.querySelector('input[type=radio]:checked')) {
      row.querySelector('input[value=changed]').checked = true;
    }
    this.#markBox(row, uid);
    this.#setOverall('correct', { isWhole: false });
    return this.#title(row);
  }

  take(number) {
    const reading = this.data.readings[number];
    this.rows.filter((row) => row.classList.contains('added')).forEach((row) => this.remove(row));
    this.form.elements.comment.value = reading.comment;
    if (reading.rejected) {
      this.#setOverall('reject');
      return;
    }
    for (const said of reading.ct) {
      let row = this.rows.find((each) => this.#field(each, 'label').value === said.label && this.#field(each, 'kind')?.value === said.kind);
      if (said.judgement === 'added') {
        this.add(said.label);
        row = this.row;
      } else {
        row.querySelector(`input[type=radio][value=${said.judgement}]`).checked = true;
      }
      if (said.percentage != null) this.#set(row, 'percentage', String(said.percentage));
      if (said.changed_to) this.#set(row, 'changed_to', said.changed_to);
      const ungraded = this.#field(row, 'ungraded');
      if (ungraded) ungraded.checked = said.ungraded;
      this.#set(row, 'comment', said.comment);
      this.#open(row);
    }
    for (const said of reading.findings) {
      let row = this.#rowOf(said);
      if (said.judgement === 'added') {
        this.add(said.label);
        row = this.row;
        this.#field(row, 'image').value = said.image;
        this.#field(row, 'frame').value = said.frame ?? '';
      } else if (row) {
        row.querySelector(`input[type=radio][value=${said.judgement}]`).checked = true;
        this.#field(row, 'changed_to').value = said.changed_to;
      }
      if (!row) continue;
      this.#field(row, 'laterality').value = said.laterality;
      this.#field(row, 'comment').value = said.comment;
      this.#field(row, 'box').value = said.box ? said.box.join(',') : '';
      this.#open(row);
    }
    this.#setOverall('correct');
  }

  /* The row of what another reader judged: on its image, and in its frame. */
  #rowOf({ label, image, frame }) {
    const rows = this.rows.filter((each) => this.#field(each, 'label').value === label && this.#field(each, 'image').value === image);
    return rows.find((each) => this.#field(each, 'frame').value === String(frame ?? '')) ?? (rows.length === 1 ? rows[0] : undefined);
  }

  /* What is said so far, as it can be put back. */
  get state() {
    return {
      overall: this.overall,
      comment: this.form.elements.comment.value,
      rows: this.rows.map((row) => ({
        number: row.dataset.row,
        added: row.classList.contains('added'),
        values: Object.fromEntries([...row.querySelectorAll('[name]')]
          .filter((field) => !['radio', 'checkbox'].includes(field.type) || field.checked)
          .map((field) => [field.name, field.value])),
        box: this.boxes.get(row) ?? '',
      })),
    };
  }

  set state({ overall, comment, rows }) {
    this.rows.filter((row) => row.classList.contains('added')).forEach((row) => row.remove());
    this.boxes.clear();
    this.row = null;
    rows.forEach(({ number, added, values, box }) => {
      const row = added ? this.#newRow(number) : this.form.querySelector(`.finding[data-row="${number}"]`);
      row.querySelectorAll('[name]').forEach((field) => {
        if (['radio', 'checkbox'].includes(field.type)) field.checked = values[field.name] === field.value;
        else field.value = values[field.name] ?? '';
      });
      this.#markBox(row, box);
    });
    this.form.elements.comment.value = comment;
    [...this.form.querySelectorAll('[name=overall]')].forEach((radio) => { radio.checked = radio.value === overall; });
    this.#number();
    this.rows.forEach((row) => this.#open(row));
    this.choose(this.rows[0] ?? null, { focus: false });
    this.#summarise();
  }

  sign() {
    const button = document.getElementById('sign');
    if (!button.disabled) button.click();
  }

  #title(row) {
    const select = row.querySelector('select[name^=label]');
    return select ? select.selectedOptions[0].textContent : row.dataset.title;
  }

  #set(row, name, value) {
    const field = this.#field(row, name);
    if (field) field.value = value;
  }

  /* The grade that follows from the share that is written: the first bound that it does not pass. */
  #grade(row) {
    const said = row.querySelector('.grade-now');
    if (!said) return;
    const share = Number(this.#field(row, 'percentage').value);
    const at = this.panel.dataset.bounds.split(' ').findIndex((most) => share <= Number(most));
    said.textContent = this.#field(row, 'ungraded').checked || at < 0 ? this.panel.dataset.ungraded : String(at + 1);
  }

  #field(row, name) { return row.querySelector(`[name="${name}.${row.dataset.row}"]`); }

  #forgetBox(row) {
    const uid = this.boxes.get(row);
    if (uid) this.on.removeBox(uid);
    this.boxes.delete(row);
  }

  #newRow(number) {
    const row = document.getElementById('added-row').content.firstElementChild.cloneNode(true);
    row.dataset.row = number;
    row.querySelectorAll('[data-name]').forEach((field) => { field.name = `${field.dataset.name}.${number}`; });
    document.getElementById('added').append(row);
    return row;
  }

  #markBox(row, uid) {
    if (uid) this.boxes.set(row, uid);
    row.classList.toggle('has-box', Boolean(uid));
  }

  /* What the vocabulary has no label for is named in the comment, where terms are offered. */
  #offerTerms(row) {
    const isOther = ['label', 'changed_to'].some((name) => this.#field(row, name)?.value === 'other')
      && (row.classList.contains('added') || row.querySelector('input[type=radio]:checked')?.value === 'changed');
    row.classList.toggle('names-other', isOther);
    const comment = this.#field(row, 'comment');
    if (isOther) comment?.setAttribute('list', 'terms');
    else comment?.removeAttribute('list');
  }

  #open(row) {
    this.#grade(row);
    this.#offerTerms(row);
    const said = row.querySelector('input[type=radio]:checked')?.value;
    const more = row.querySelector('.more');
    if (more && !row.classList.contains('added')) {
      more.hidden = !said;
      more.querySelectorAll('.changed-only').forEach((each) => { each.hidden = said !== 'changed'; });
      more.classList.toggle('only-comment', said === 'rejected' || said === 'unsure');
    }
  }

  #changed(field) {
    const row = field.closest('.finding');
    if (row) {
      this.choose(row, { focus: false });
      this.#open(row);
      this.#setOverall('correct');
    }
    this.#summarise();
    this.on.changed();
  }

  #clicked(event) {
    const button = event.target.closest('button');
    if (!button) return;
    const row = button.closest('.finding');
    if (button.dataset.slice) this.on.goTo(Number(button.dataset.slice));
    if (button.classList.contains('add')) this.add(button.dataset.label);
    if (button.classList.contains('remove')) this.remove(row);
    if (button.classList.contains('take')) this.take(Number(button.dataset.reading));
    if (button.classList.contains('draw')) {
      this.choose(row, { focus: false });
      this.on.draw();
    }
  }

  /* What is still being drawn is no whole change yet. */
  #setOverall(value, { isWhole = true } = {}) {
    if (!this.mine) return;
    this.form.elements.overall.value = value;
    this.rows.forEach((row) => this.#open(row));
    this.#summarise();
    if (isWhole) this.on.changed();
  }

  #number() {
    this.rows.forEach((row, index) => {
      row.querySelector('legend kbd').textContent = index < 9 ? String(index + 1) : '';
    });
  }

  #summarise() {
    const { overall } = this;
    const open = this.rows.filter((row) => !row.classList.contains('added') && !row.querySelector('input[type=radio]:checked'));
    const summary = document.getElementById('summary');
    const ready = this.mine && (overall === 'agree' || overall === 'reject' || (overall === 'correct' && open.length === 0));
    document.getElementById('sign').disabled = !ready;
    this.form.classList.toggle('is-correcting', overall === 'correct');
    const { agree, reject, complete, missing, nothing } = summary.dataset;
    if (!this.mine) summary.textContent = '';
    else if (overall === 'correct') summary.textContent = open.length ? missing.replace('{}', open.map((row) => this.#title(row)).join(', ')) : complete;
    else summary.textContent = { agree, reject }[overall] ?? nothing;
  }
}
