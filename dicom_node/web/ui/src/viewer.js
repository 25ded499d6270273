/* The image viewer: one Cornerstone3D stack viewport, with boxes that findings own. */
import {
  Enums, LengthTool, PanTool, RectangleROITool, RenderingEngine, StackScrollTool, ToolEnums, ToolGroupManager,
  WindowLevelTool, ZoomTool, addTool, annotation, eventTarget, imageLoader, initCore, initLoader, initTools, wadors,
} from './cornerstone.js';

const NATIVE = 'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1';
const ENGINE = 'engine';
const VIEWPORT = 'viewport';
const GROUP = 'tools';
const { MouseBindings } = ToolEnums;

/* Two fingers move and zoom together, whatever the toolbar's tool; that one zooms by dragging. */
class PinchTool extends ZoomTool {
  static toolName = 'Pinch';
}

const TOOLS = [WindowLevelTool, PanTool, ZoomTool, StackScrollTool, RectangleROITool, LengthTool, PinchTool];
const DRAWN = new Set([RectangleROITool.toolName, LengthTool.toolName]);
/* Hounsfield units: center and width as textbooks of chest CT have them. */
const CT_WINDOWS = [
  ['lung', -600, 1500], ['mediastinum', 40, 400], ['bone', 400, 1800],
];
const CONFIGURATIONS = { [ZoomTool.toolName]: { pinchToZoom: false } };
const AHEAD = 4;
const DRAWN_STYLE = {
  color: 'rgb(143, 208, 255)', colorHighlighted: 'rgb(190, 228, 255)', colorSelected: 'rgb(190, 228, 255)', lineWidth: '1.5',
  textBoxColor: 'rgb(190, 228, 255)', textBoxColorHighlighted: 'rgb(220, 240, 255)', textBoxColorSelected: 'rgb(190, 228, 255)',
  textBoxFontSize: '13px', textBoxShadow: true,
};
const PRESET_BINDINGS = {
  [PanTool.toolName]: [{ mouseButton: MouseBindings.Auxiliary }],
  [ZoomTool.toolName]: [{ mouseButton: MouseBindings.Secondary }],
  [StackScrollTool.toolName]: [{ mouseButton: MouseBindings.Wheel }],
  [PinchTool.toolName]: [{ numTouchPoints: 2 }],
};
const described = new Map();

export const imageIdOf = (image) => `wadors:${window.location.origin}${image.instance}/frames/${image.frame}`;

/* Fetch the metadata that images need before they can be loaded; a series at once where there are several. */
async function describe(images) {
  const wanted = images.filter((image) => !described.has(imageIdOf(image)));
  const bySeries = Map.groupBy(wanted, (image) => image.instance.split('/instances/')[0]);
  await Promise.all([...bySeries].map(async ([series, members]) => {
    const several = new Set(members.map((image) => image.sop)).size > 1;
    const address = `${several ? series : members[0].instance}/metadata`;
    const answer = await fetch(address, { headers: { Accept: 'application/dicom+json' } });
    if (!answer.ok) throw new Error(`the images' headers cannot be had (${answer.status})`);
    const bySop = new Map((await answer.json()).map((each) => [each['00080018'].Value[0], each]));
    for (const image of members) {
      const found = bySop.get(image.sop);
      if (!found) continue;
      wadors.metaDataManager.add(imageIdOf(image), asDecoded(found));
      described.set(imageIdOf(image), factsOf(found));
    }
  }));
}

/* What the page itself uses of an image's header. */
function factsOf(header) {
  const values = (tag, from = header) => (from[tag]?.Value ?? []).map(Number);
  const texts = header['00281055']?.Value ?? [];
  const measures = header['52009229']?.Value?.[0]?.['00289110']?.Value?.[0] ?? {};
  const inPatient = [values('00280030'), values('00280030', measures)].find((each) => each.length === 2);
  const atDetector = values('00181164');
  const widths = values('00281051');
  return {
    modality: header['00080060']?.Value?.[0] ?? '',
    // [row spacing, column spacing] in mm; of a projection without PixelSpacing, that of the detector.
    spacing: inPatient ?? (atDetector.length === 2 ? atDetector : null),
    isAtDetector: !inPatient && atDetector.length === 2,
    windows: values('00281050').map((center, at) => ({ name: texts[at] ?? '', center, width: widths[at] ?? 0 })).filter(({ width }) => width > 0),
  };
}

/* The node decodes compressed colour to RGB, colour by pixel. */
function asDecoded(metadata) {
  const syntax = metadata['00083002']?.Value?.[0] ?? '';
  const compressed = syntax.startsWith('1.2.840.10008.1.2.4') || syntax === '1.2.840.10008.1.2.5';
  if (compressed && metadata['00280002']?.Value?.[0] === 3) {
    return { ...metadata, '00280004': { vr: 'CS', Value: ['RGB'] }, '00280006': { vr: 'US', Value: [0] } };
  }
  return metadata;
}

export async function preload(images, most = 4) {
  const first = images.slice(0, most);
  await describe(images);
  for (const image of first) {
    await imageLoader.loadAndCacheImage(imageIdOf(image), { preScale: { enabled: true } });
  }
}

export class Viewer {
  /* `words` are what rulers say of a length: length, detector, pixels, each with {} for the number.
     `on` has functions: rendered(), image(index), box(annotationUID, [l,t,r,b]), window({lower, upper}), drawn(). */
  constructor(element, words, on) {
    this.element = element;
    this.words = words;
    this.on = on;
    this.images = [];
    this.stands = false;
    this.active = WindowLevelTool.toolName;
    this.keepsZoom = false;
  }

  async start() {
    await initCore();
    initLoader({ maxWebWorkers: 2, beforeSend: () => ({ Accept: NATIVE }) });
    initTools();
    TOOLS.forEach((tool) => addTool(tool));
    this.engine = new RenderingEngine(ENGINE);
    this.engine.enableElement({
      viewportId: VIEWPORT, element: this.element, type: Enums.ViewportType.STACK, defaultOptions: { background: [0, 0, 0] },
    });
    this.viewport = this.engine.getViewport(VIEWPORT);
    this.group = ToolGroupManager.createToolGroup(GROUP);
    TOOLS.forEach(({ toolName }) => this.group.addTool(toolName, CONFIGURATIONS[toolName]));
    this.group.setToolConfiguration(RectangleROITool.toolName, { calculateStats: false, shadow: true, getTextLines: (data) => (data.label ? [data.label] : []) });
    this.group.setToolConfiguration(LengthTool.toolName, { shadow: true, getTextLines: (data) => [this.#ruled(data)] });
    const styles = annotation.config.style.getDefaultToolStyles();
    annotation.config.style.setDefaultToolStyles({ global: { ...styles.global, ...DRAWN_STYLE } });
    this.group.addViewport(VIEWPORT, ENGINE);
    this.use(this.active);
    const { Events } = Enums;
    this.element.addEventListener(Events.IMAGE_RENDERED, () => this.on.rendered());
    this.element.addEventListener(Events.CAMERA_MODIFIED, () => this.on.rendered());
    this.element.addEventListener(Events.VOI_MODIFIED, (event) => this.on.window(event.detail.range));
    this.element.addEventListener(Events.STACK_NEW_IMAGE, () => {
      this.on.image(this.index);
      this.#loadAhead();
    });
    for (const name of [ToolEnums.Events.ANNOTATION_COMPLETED, ToolEnums.Events.ANNOTATION_MODIFIED]) {
      eventTarget.addEventListener(name, (event) => this.#boxed(event.detail.annotation));
    }
    // A shape that is pulled about says so all the way; what counts is where it was let go.
    const done = () => this.on.drawn();
    eventTarget.addEventListener(ToolEnums.Events.ANNOTATION_COMPLETED, done);
    window.addEventListener('pointerup', () => setTimeout(done));
    new ResizeObserver(() => this.engine.resize(true, true)).observe(this.element);
    this.element.addEventListener('contextmenu', (event) => event.preventDefault());
  }

  get index() { return this.viewport?.getCurrentImageIdIndex() ?? 0; }

  get image() { return this.images[this.index]; }

  async show(images, index = 0) {
    const kept = this.keepsZoom && this.stands ? this.viewport.getViewPresentation() : null;
    this.images = images;
    this.stands = false;
    this.before = index;
    annotation.state.removeAllAnnotations();
    await describe(images);
    await this.viewport.setStack(images.map(imageIdOf), index);
    this.stands = true;
    this.viewport.resetCamera();
    this.viewport.resetProperties();
    if (kept) this.viewport.setViewPresentation({ zoom: kept.zoom, pan: kept.pan });
    this.viewport.render();
  }

  /* The windows that suit the image that is shown: its header's own, and of CT the usual ones. */
  get windows() {
    const facts = this.#facts;
    const usual = facts?.modality === 'CT' ? CT_WINDOWS.map(([kind, center, width]) => ({ kind, center, width })) : [];
    return [...(facts?.windows ?? []).map((each) => ({ kind: 'stored', ...each })), ...usual, { kind: 'full' }];
  }

  /* Show a window of `windows`; the full range is that of the image's own values. */
  window({ kind, center, width }) {
    this.viewport.setProperties({ voiRange: this.#range({ kind, center, width }) });
    this.viewport.render();
  }

  isWindow(one, { lower, upper }) {
    const range = this.#range(one);
    return Math.abs(range.lower - lower) < 1 && Math.abs(range.upper - upper) < 1;
  }

  #range({ kind, center, width }) {
    const image = this.viewport.getCornerstoneImage();
    if (kind === 'full') return { lower: image.minPixelValue, upper: Math.max(image.maxPixelValue, image.minPixelValue + 1) };
    // PS3.3 C.11.2.1.2: LINEAR, from center - 0.5 - (width - 1) / 2 on.
    return { lower: center - 0.5 - (width - 1) / 2, upper: center - 0.5 + (width - 1) / 2 };
  }

  /* What is drawn, as it can be put back. */
  get drawings() {
    return annotation.state.getAllAnnotations()
      .filter((each) => DRAWN.has(each.metadata.toolName))
      .map(({ annotationUID, metadata, data }) => structuredClone({
        annotationUID,
        metadata: { toolName: metadata.toolName, FrameOfReferenceUID: metadata.FrameOfReferenceUID, referencedImageId: metadata.referencedImageId, viewPlaneNormal: metadata.viewPlaneNormal, viewUp: metadata.viewUp },
        data: { handles: { points: data.handles.points, activeHandleIndex: null, textBox: data.handles.textBox }, label: data.label, cachedStats: {} },
      }));
  }

  set drawings(drawn) {
    annotation.state.removeAllAnnotations();
    for (const each of structuredClone(drawn)) {
      annotation.state.addAnnotation({ ...each, highlighted: false, isLocked: false, isVisible: true, invalidated: true }, this.element);
    }
    this.viewport.render();
  }

  /* Remove the chosen ruler, or the last one. */
  removeRuler() {
    const rulers = annotation.state.getAllAnnotations().filter((each) => each.metadata.toolName === LengthTool.toolName);
    const chosen = rulers.find((each) => each.isSelected || each.highlighted) ?? rulers.at(-1);
    if (chosen) this.removeBox(chosen.annotationUID);
    return Boolean(chosen);
  }

  /* Before the stack stands there is nothing to go to: asked for an image, Cornerstone would show none at all. */
  async goTo(index) {
    if (this.stands && index >= 0 && index < this.images.length) await this.viewport.setImageIdIndex(index);
  }

  /* Who scrolls goes on in the same direction: the next slices come while this one is looked at. */
  #loadAhead() {
    const { index } = this;
    const step = index < this.before ? -1 : 1;
    this.before = index;
    for (let ahead = 1; ahead <= AHEAD; ahead += 1) {
      const image = this.images[index + step * ahead];
      // What fails here is said when its turn comes.
      if (image) imageLoader.loadAndCacheImage(imageIdOf(image), { preScale: { enabled: true } }).catch(() => {});
    }
  }

  /* Give the left button, or one finger, to a tool; the others keep what they always have. */
  use(tool) {
    this.active = tool;
    // Bindings add up: what a tool had before must go first.
    TOOLS.forEach(({ toolName }) => this.group.setToolPassive(toolName, { removeAllBindings: true }));
    for (const { toolName } of TOOLS) {
      const chosen = toolName === tool ? [{ mouseButton: MouseBindings.Primary }, { numTouchPoints: 1 }] : [];
      const bindings = [...(PRESET_BINDINGS[toolName] ?? []), ...chosen];
      if (bindings.length > 0) this.group.setToolActive(toolName, { bindings });
    }
  }

  invert() {
    const { invert } = this.viewport.getProperties();
    this.viewport.setProperties({ invert: !invert });
    this.viewport.render();
    return !invert;
  }

  reset() {
    this.viewport.resetCamera();
    this.viewport.resetProperties();
    this.viewport.render();
  }

  /* From image pixels (0, 0 is the top left pixel's top left corner) to the element, and back. */
  toElement([x, y]) {
    const data = this.viewport?.getImageData()?.imageData;
    return data ? this.viewport.worldToCanvas(data.indexToWorld([x - 0.5, y - 0.5, 0])) : null;
  }

  toImage(world) {
    const [i, j] = this.viewport.getImageData().imageData.worldToIndex(world);
    return [i + 0.5, j + 0.5];
  }

  get size() {
    const dimensions = this.viewport?.getImageData()?.dimensions;
    return dimensions ? [dimensions[0], dimensions[1]] : null;
  }

  removeBox(uid) {
    annotation.state.removeAnnotation(uid);
    this.viewport.render();
  }

  labelBox(uid, label) {
    const found = annotation.state.getAnnotation(uid);
    if (found) {
      found.data.label = label;
      this.viewport.render();
    }
  }

  get #facts() { return this.image ? described.get(imageIdOf(this.image)) : undefined; }

  /* How long a ruler is; on a projection without a calibration that is its shadow's length. */
  #ruled(data) {
    const [[x1, y1], [x2, y2]] = data.handles.points.map((point) => this.toImage(point));
    const { spacing, isAtDetector } = this.#facts ?? {};
    const [down, across] = spacing ?? [1, 1];
    const length = Math.hypot((x2 - x1) * across, (y2 - y1) * down);
    if (!spacing) return this.words.pixels.replace('{}', length.toFixed(0));
    return (isAtDetector ? this.words.detector : this.words.length).replace('{}', length.toFixed(1));
  }

  #boxed(found) {
    if (found?.metadata?.toolName !== RectangleROITool.toolName) return;
    const points = found.data.handles.points.map((point) => this.toImage(point));
    const [width, height] = this.size;
    const within = (value, most) => Math.min(Math.max(value, 0), most);
    const xs = points.map(([x]) => within(x, width));
    const ys = points.map(([, y]) => within(y, height));
    this.on.box(found.annotationUID, [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]);
  }
}
