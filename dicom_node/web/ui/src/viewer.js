/* The image viewer: one Cornerstone3D stack viewport, with boxes that findings own. */
import {
  Enums, PanTool, RectangleROITool, RenderingEngine, StackScrollTool, ToolEnums, ToolGroupManager,
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

const TOOLS = [WindowLevelTool, PanTool, ZoomTool, StackScrollTool, RectangleROITool, PinchTool];
const CONFIGURATIONS = { [ZoomTool.toolName]: { pinchToZoom: false } };
const PRESET_BINDINGS = {
  [PanTool.toolName]: [{ mouseButton: MouseBindings.Auxiliary }],
  [ZoomTool.toolName]: [{ mouseButton: MouseBindings.Secondary }],
  [StackScrollTool.toolName]: [{ mouseButton: MouseBindings.Wheel }],
  [PinchTool.toolName]: [{ numTouchPoints: 2 }],
};
const described = new Set();

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
      described.add(imageIdOf(image));
    }
  }));
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
  /* `on` has functions: rendered(), image(index), box(annotationUID, [l,t,r,b]), window({lower, upper}). */
  constructor(element, on) {
    this.element = element;
    this.on = on;
    this.images = [];
    this.stands = false;
    this.active = WindowLevelTool.toolName;
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
    this.group.addViewport(VIEWPORT, ENGINE);
    this.use(this.active);
    const { Events } = Enums;
    this.element.addEventListener(Events.IMAGE_RENDERED, () => this.on.rendered());
    this.element.addEventListener(Events.CAMERA_MODIFIED, () => this.on.rendered());
    this.element.addEventListener(Events.VOI_MODIFIED, (event) => this.on.window(event.detail.range));
    this.element.addEventListener(Events.STACK_NEW_IMAGE, () => this.on.image(this.index));
    for (const name of [ToolEnums.Events.ANNOTATION_COMPLETED, ToolEnums.Events.ANNOTATION_MODIFIED]) {
      eventTarget.addEventListener(name, (event) => this.#boxed(event.detail.annotation));
    }
    new ResizeObserver(() => this.engine.resize(true, true)).observe(this.element);
    this.element.addEventListener('contextmenu', (event) => event.preventDefault());
  }

  get index() { return this.viewport?.getCurrentImageIdIndex() ?? 0; }

  get image() { return this.images[this.index]; }

  async show(images, index = 0) {
    this.images = images;
    this.stands = false;
    annotation.state.removeAllAnnotations();
    await describe(images);
    await this.viewport.setStack(images.map(imageIdOf), index);
    this.stands = true;
    this.viewport.resetCamera();
    this.viewport.resetProperties();
    this.viewport.render();
  }

  /* Before the stack stands there is nothing to go to: asked for an image, Cornerstone would show none at all. */
  async goTo(index) {
    if (this.stands && index >= 0 && index < this.images.length) await this.viewport.setImageIdIndex(index);
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
