/* What is used of Cornerstone3D: in a file of its own, which changes only with its version. */
export { Enums, RenderingEngine, eventTarget, imageLoader, init as initCore } from '@cornerstonejs/core';
export { init as initLoader, wadors } from '@cornerstonejs/dicom-image-loader';
export {
  Enums as ToolEnums, LengthTool, PanTool, RectangleROITool, StackScrollTool, ToolGroupManager, WindowLevelTool,
  ZoomTool, addTool, annotation, init as initTools,
} from '@cornerstonejs/tools';
