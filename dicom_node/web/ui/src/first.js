/* The form for what a reader sees before the model's result is shown; keys tick and untick. */
export class FirstForm {
  constructor(panel, data, on) {
    this.panel = panel;
    this.data = data;
    this.form = panel.querySelector('#verdict');
    this.mine = panel.dataset.mine === '1';
    this.boxes = [...this.form.querySelectorAll('[name=present]')];
    this.form.addEventListener('change', () => on.changed());
  }

  /* Digits tick what would be rows of findings. */
  get rows() { return this.boxes; }

  choose(box) {
    if (!box || !this.mine) return;
    box.checked = !box.checked;
    box.dispatchEvent(new Event('change', { bubbles: true }));
  }

  sign() {
    const button = document.getElementById('sign');
    if (!button.disabled) button.click();
  }

  beginBox() { return false; }

  box() { return ''; }

  agree() {}

  judge() {}

  add() {}

  get state() {
    return { present: this.boxes.filter((box) => box.checked).map((box) => box.value), comment: this.form.elements.comment.value };
  }

  set state({ present, comment }) {
    this.boxes.forEach((box) => { box.checked = present.includes(box.value); });
    this.form.elements.comment.value = comment;
  }
}
