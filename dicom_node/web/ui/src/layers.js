/* What lies over the image: the chosen finding's heat map, and boxes: the model's outlines, and what
   earlier readers have drawn, where this one may see it. */
const SVG = 'http://www.w3.org/2000/svg';
const UNIT = 100;

export class Layers {
  constructor(viewer) {
    this.viewer = viewer;
    this.heatMap = document.getElementById('heat-map');
    this.boxes = document.getElementById('boxes');
    this.choice = document.getElementById('heat-map-choice');
    this.opacity = document.getElementById('heat-map-opacity');
    this.showBoxes = document.getElementById('show-boxes');
    this.findings = [];
    this.drawn = [];
    this.contours = {};
    this.visible = true;
    this.choice.addEventListener('change', () => this.choose(this.choice.value));
    this.opacity.addEventListener('input', () => { this.visible = true; this.place(); });
    this.showBoxes.addEventListener('change', () => this.place());
    this.heatMap.addEventListener('load', () => this.place());
  }

  show({ findings, readings, isCt }) {
    this.findings = findings;
    this.contours = {};
    document.querySelectorAll('.of-heat-maps').forEach((each) => { each.hidden = isCt; });
    document.querySelectorAll('.of-contours').forEach((each) => { each.hidden = !isCt; });
    const titles = new Map(findings.map((each) => [each.label, each.title]));
    this.drawn = readings.flatMap(({ by, findings: said }) => said.filter((each) => each.box).map((each) => ({
      ...each, title: `${by}: ${titles.get(each.changed_to || each.label) ?? (each.changed_to || each.label)}`,
    })));
    const withMap = findings.filter((each) => each.layer);
    this.choice.replaceChildren(
      new Option(this.choice.dataset.none, ''),
      ...withMap.map((each) => new Option(each.title, String(each.number))),
    );
    this.choice.disabled = this.opacity.disabled = withMap.length === 0;
    const first = withMap.find((each) => each.positive);
    this.choose(first ? String(first.number) : '');
  }

  /* Fetch the outlines of a CT's lungs and patterns: by slice, by what they are of, rings of x, y, x, y, … */
  async outline(address) {
    this.wanted = address;
    const answer = await fetch(address, { headers: { Accept: 'application/json' } });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const contours = await answer.json();
    if (this.wanted !== address) return;
    this.contours = contours;
    this.place();
  }

  choose(value) {
    this.choice.value = value;
    const finding = this.chosen;
    this.visible = true;
    if (finding) this.heatMap.src = finding.layer;
    else this.heatMap.removeAttribute('src');
    this.place();
  }

  get chosen() {
    return this.findings.find((each) => String(each.number) === this.choice.value && each.layer);
  }

  toggle() {
    this.visible = !this.visible;
    this.place();
  }

  next() {
    const values = [...this.choice.options].map((option) => option.value);
    this.choose(values[(values.indexOf(this.choice.value) + 1) % values.length]);
  }

  stronger(step) {
    this.opacity.value = String(Number(this.opacity.value) + step);
    this.visible = true;
    this.place();
  }

  /* Follow the image's place: called whenever it was drawn anew. */
  place() {
    const { image, size } = this.viewer;
    const shown = image && size;
    const isHere = (each) => shown && each.image === image.sop && (!each.frame || each.frame === image.frame);
    this.#placeHeatMap(shown && this.visible && this.chosen && isHere(this.chosen) ? size : null);
    const boxes = shown && this.showBoxes.checked;
    this.#placeBoxes(
      boxes ? this.findings.filter((each) => each.positive && isHere(each)) : [],
      boxes ? this.drawn.filter(isHere) : [],
    );
  }

  #placeHeatMap(size) {
    this.heatMap.hidden = !size || !this.heatMap.complete || !this.heatMap.naturalWidth;
    if (!size) return;
    const [origin, right, down] = [[0, 0], [size[0], 0], [0, size[1]]].map((point) => this.viewer.toElement(point));
    if (!origin) return;
    const across = [(right[0] - origin[0]) / UNIT, (right[1] - origin[1]) / UNIT];
    const along = [(down[0] - origin[0]) / UNIT, (down[1] - origin[1]) / UNIT];
    this.heatMap.style.transform = `matrix(${across[0]}, ${across[1]}, ${along[0]}, ${along[1]}, ${origin[0]}, ${origin[1]})`;
    this.heatMap.style.opacity = String(Number(this.opacity.value) / 100);
  }

  #placeBoxes(findings, drawn) {
    const chosen = this.chosen;
    const ofModel = findings.flatMap((each) => each.boxes.map((box) => this.#box(box, each.title, {
      // Boxes of several findings often start at the same height: the others are named below.
      below: each !== chosen, classes: each === chosen ? ['chosen'] : [],
    })));
    const ofReaders = drawn.map((each) => this.#box(each.box, each.title, { below: false, classes: ['reader'] }));
    this.boxes.replaceChildren(...this.#contours(), ...ofModel, ...ofReaders);
  }

  #contours() {
    const here = this.showBoxes.checked ? this.contours[this.viewer.index + 1] : null;
    const [origin, right, down] = here ? [[0, 0], [UNIT, 0], [0, UNIT]].map((point) => this.viewer.toElement(point)) : [];
    if (!origin) return [];
    const group = document.createElementNS(SVG, 'g');
    const matrix = [right, down].flatMap((point) => [(point[0] - origin[0]) / UNIT, (point[1] - origin[1]) / UNIT]);
    group.setAttribute('transform', `matrix(${[...matrix, ...origin].join(' ')})`);
    group.classList.add('contours');
    group.append(...Object.entries(here).map(([what, rings]) => {
      const path = document.createElementNS(SVG, 'path');
      path.classList.add(`of-${what.replaceAll(' ', '-')}`);
      path.setAttribute('d', rings.map((ring) => `M${ring.join(' ')}Z`).join(''));
      return path;
    }));
    return [group];
  }

  #box(box, words, { below, classes }) {
    const [left, top] = this.viewer.toElement([box[0], box[1]]);
    const [right, bottom] = this.viewer.toElement([box[2], box[3]]);
    const group = document.createElementNS(SVG, 'g');
    group.classList.add(...classes);
    const rect = document.createElementNS(SVG, 'rect');
    Object.entries({
      x: Math.min(left, right), y: Math.min(top, bottom), width: Math.abs(right - left), height: Math.abs(bottom - top), rx: 3,
    }).forEach(([name, value]) => rect.setAttribute(name, String(value)));
    const title = document.createElementNS(SVG, 'text');
    title.setAttribute('x', String(Math.min(left, right) + 4));
    title.setAttribute('y', String(below ? Math.max(top, bottom) + 15 : Math.min(top, bottom) - 6));
    title.textContent = words;
    group.append(rect, title);
    return group;
  }
}
