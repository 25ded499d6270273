/* Builds the pages' scripts into ../static/ui. */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { build } from 'esbuild';

const OUT = '../static/ui';
const LOADER = 'node_modules/@cornerstonejs/dicom-image-loader/dist/esm';

/* The node decodes frames (docs/adr), so the loader's codecs stay out; so do the readers of meshes
   and the worker for statistics of segmentations, which no page uses. */
const CODECS = /decoders\/decode(HTJ2K|JPEG2000|JPEGBaseline12Bit-js|JPEGBaseline8Bit|JPEGLS|JPEGLossless|JPEGXL|RLE)\.js$/;
const replaced = (filter, contents) => (setup) => setup.onLoad({ filter }, () => ({ contents, loader: 'js' }));
const leaveOut = {
  name: 'leave-out',
  setup(setup) {
    replaced(CODECS, `
      export const initialize = async () => {};
      export default async () => { throw new Error('the node decodes frames: ask it for native pixels'); };
    `)(setup);
    replaced(/@kitware\/vtk\.js\/IO\//, `
      export default { newInstance() { throw new Error('meshes are not read here'); } };
    `)(setup);
    replaced(/registerComputeWorker\.js$/, 'export const registerComputeWorker = () => {};')(setup);
    /* The loader starts its worker from the file that is built below. */
    setup.onLoad({ filter: /dicom-image-loader\/dist\/esm\/init\.js$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replace('./decodeImageFrameWorker.js', './decoder.js'),
      loader: 'js',
    }));
  },
};

rmSync(OUT, { recursive: true, force: true });
const HOW = { outdir: OUT, bundle: true, format: 'esm', target: 'es2022', minify: true, logLevel: 'info' };
await build({
  ...HOW,
  entryPoints: {
    pages: 'src/pages.js',
    study: 'src/study.js',
    cornerstone: 'src/cornerstone.js',
    decoder: `${LOADER}/decodeImageFrameWorker.js`,
    /* What all of it shares, in files of their own: each below 2 MB, and fetched side by side. */
    core: '@cornerstonejs/core',
    dcmjs: 'dcmjs',
    opengl: '@kitware/vtk.js/Rendering/OpenGL/RenderWindow',
  },
  splitting: true,
  legalComments: 'linked',
  chunkNames: 'chunk-[hash]',
  plugins: [leaveOut],
});
/* The upload page shares nothing with the viewer. */
await build({
  ...HOW,
  entryPoints: { upload: 'src/upload.js' },
  splitting: true,
  legalComments: 'linked',
  chunkNames: 'upload-[hash]',
});

/* What the bundle was made from: a test compares it with the sources. */
const digest = createHash('sha256');
const sources = readdirSync('src').sort().map((name) => `src/${name}`);
for (const name of ['build.mjs', 'package-lock.json', ...sources]) digest.update(readFileSync(name));
writeFileSync(`${OUT}/made-from.txt`, `${digest.digest('hex')}\n`);
