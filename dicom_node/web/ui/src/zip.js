/* Loaded where somebody uploads a zip file. */
export { BlobReader, BlobWriter, ZipReader, configure } from '@zip.js/zip.js/lib/zip-core-native.js';
