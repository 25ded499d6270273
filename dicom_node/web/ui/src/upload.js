/* The upload page: gathers files, packs them as one STOW-RS request (PS3.18 Section 10.5), and
   shows what became of each. Nothing is read into memory: a Blob of Files is streamed from disk. */
const ANSWER = 'application/vnd.dicom-node.upload+json';
const MOST_LISTED = 200;
const LARGEST_ENTRY = 2 ** 31;
/* What systems leave in folders, and lists of contents: no images, and nobody misses them. */
const PASSED_OVER = /(^|\/)(\.[^/]*|__MACOSX\/.*|thumbs\.db|desktop\.ini|autorun\.inf|dicomdir)$/i;

const one = (id) => document.getElementById(id);
const drop = one('drop');
const mostBytes = Number(drop.dataset.mostBytes);
let request = null;
let gathered = null;
let chosen = 0;

const count = (number, word) => `${number.toLocaleString('en')} ${word}${number === 1 ? '' : 's'}`;
const size = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB`
  : bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`);

/* Choosing ---------------------------------------------------------------------------------- */

const named = (file) => ({ file, name: file.webkitRelativePath || file.name });

const ofEntry = async (entry, path = '') => {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    return [{ file, name: path + file.name }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return found;
    for (const each of some) found.push(...(await ofEntry(each, `${path}${entry.name}/`)));
  }
};

/* Entries have to be asked for before the event is over. */
const ofDrop = (transfer) => {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return Promise.resolve([...transfer.files].map(named));
  return Promise.all(entries.map((entry) => ofEntry(entry))).then((found) => found.flat());
};

const isZip = async (file) => (await file.slice(0, 4).text()) === 'PK\x03\x04';

const isDicom = async (file) => (await file.slice(128, 132).text()) === 'DICM';

const unzipped = async function* unzipped({ file, name }, refuse) {
  const { BlobReader, BlobWriter, ZipReader, configure } = await import('./zip.js');
  configure({ useWebWorkers: false });
  const reader = new ZipReader(new BlobReader(file));
  try {
    for await (const entry of reader.getEntriesGenerator()) {
      const inside = `${name}: ${entry.filename}`;
      if (entry.directory || PASSED_OVER.test(entry.filename)) continue;
      if (entry.encrypted) refuse(inside, 'it is protected by a password: unpack it first');
      else if (entry.uncompressedSize > LARGEST_ENTRY) refuse(inside, 'it is too large');
      else yield { file: await entry.getData(new BlobWriter(), { checkSignature: true }), name: inside };
    }
  } catch (error) {
    refuse(name, 'the zip file is damaged: not all of it could be unpacked');
  } finally {
    await reader.close();
  }
};

const images = async (found, refuse) => {
  const taken = [];
  const take = async (each) => {
    if (await isDicom(each.file)) taken.push(each);
    else refuse(each.name, each.file.size ? 'this is not a DICOM file' : 'the file is empty');
  };
  for (const each of found) {
    if (PASSED_OVER.test(each.name)) continue;
    try {
      if (await isZip(each.file)) for await (const inner of unzipped(each, refuse)) await take(inner);
      else await take(each);
    } catch (error) {
      refuse(each.name, 'it cannot be read from this computer');
    }
    say(`Looking at what was chosen: ${count(taken.length, 'image')} so far…`);
  }
  return taken;
};

/* Saying ------------------------------------------------------------------------------------ */

const say = (words, kind = '') => {
  one('sending').hidden = false;
  one('sending').className = `sending ${kind}`;
  one('said').textContent = words;
};

const refused = [];
const showRefused = () => {
  one('refused').hidden = !refused.length;
  one('refused-title').textContent = `Not taken: ${count(refused.length, 'file')}`;
  one('refused-list').replaceChildren(...refused.slice(0, MOST_LISTED).map(({ name, why }) => {
    const item = document.createElement('li');
    const file = document.createElement('span');
    file.className = 'uid';
    file.textContent = name;
    item.append(file, ` ${why}.`);
    return item;
  }), ...(refused.length > MOST_LISTED ? [Object.assign(document.createElement('li'), {
    textContent: `and ${count(refused.length - MOST_LISTED, 'more file')}`,
  })] : []));
};

const isBusy = (busy) => {
  drop.classList.toggle('is-busy', busy);
  for (const id of ['choose-files', 'choose-folder']) one(id).disabled = busy;
  one('stop').hidden = !busy;
  one('progress').hidden = !busy;
};

/* Sending ----------------------------------------------------------------------------------- */

const packed = (taken, boundary) => {
  const parts = taken.flatMap(({ file, name }) => [
    `--${boundary}\r\nContent-Type: application/dicom\r\nContent-Location: ${encodeURI(name).slice(0, 900)}\r\n\r\n`,
    file,
    '\r\n',
  ]);
  return new Blob([...parts, `--${boundary}--\r\n`]);
};

const readable = (location) => {
  try {
    return decodeURI(location);
  } catch (error) {
    return location;
  }
};

const problems = {
  0: 'The connection was lost. What came whole is kept; send again, and nothing is stored twice.',
  401: 'You are signed out: load this page again and sign in.',
  403: 'This page is out of date, or you may not upload: load it again.',
  413: `This is more than the node takes at once (${size(mostBytes)}): send it in parts, each study whole.`,
};

const answered = () => {
  let said = {};
  try {
    said = JSON.parse(request.responseText);
  } catch (error) { /* a proxy's page */ }
  if (said.stored) {
    for (const each of said.refused) refused.push({ name: readable(each.location), why: each.why });
    showRefused();
    const studies = [...new Set(said.stored.map((each) => each.study))];
    if (studies.length) {
      say(`${count(said.stored.length, 'image')} of ${studies.length === 1 ? 'one study' : `${studies.length} studies`} arrived and ${said.stored.length === 1 ? 'is' : 'are'} kept.`, 'is-well');
      const asked = studies.map((uid) => `study=${encodeURIComponent(uid)}`).join('&');
      window.htmx.ajax('GET', `/upload/studies?${asked}`, { target: '#on-their-way', swap: 'outerHTML' });
    } else say('Nothing was taken: see why below.', 'is-problem');
    gathered = null;
    return;
  }
  const words = problems[request.status] || `The node refused it: ${said.problem || `status ${request.status}`}.`;
  say(words, 'is-problem');
  one('again').hidden = [401, 403, 413].includes(request.status);
};

const send = (taken) => {
  gathered = taken;
  const boundary = `upload-${crypto.getRandomValues(new Uint32Array(4)).join('-')}`;
  const body = packed(taken, boundary);
  if (body.size > mostBytes) {
    isBusy(false);
    say(problems[413], 'is-problem');
    return;
  }
  request = new XMLHttpRequest();
  request.open('POST', '/dicom-web/studies');
  request.setRequestHeader('Content-Type', `multipart/related; type="application/dicom"; boundary=${boundary}`);
  request.setRequestHeader('Accept', ANSWER);
  request.setRequestHeader('X-CSRF-Token', drop.dataset.csrf);
  request.upload.onprogress = ({ loaded, total }) => {
    one('progress').value = loaded / total;
    say(loaded < total
      ? `Sending ${count(taken.length, 'image')}: ${size(loaded)} of ${size(total)}`
      : `Sent ${size(total)}; the node is putting ${taken.length === 1 ? 'it' : 'them'} away…`);
  };
  request.onloadend = () => {
    isBusy(false);
    if (request.stopped) say('Stopped. What came whole is kept; its study waits for the rest.', 'is-problem');
    else answered();
    if (request.stopped) one('again').hidden = false;
    request = null;
  };
  one('again').hidden = true;
  isBusy(true);
  say(`Sending ${count(taken.length, 'image')}…`);
  request.send(body);
};

const begin = async (choice) => {
  if (drop.classList.contains('is-busy')) return;
  const mine = (chosen += 1);
  refused.length = 0;
  showRefused();
  one('again').hidden = true;
  isBusy(true);
  one('stop').hidden = true;
  one('progress').hidden = true;
  say('Looking at what was chosen…');
  const found = await choice;
  const taken = await images(found, (name, why) => refused.push({ name, why }));
  if (mine !== chosen) return;
  showRefused();
  if (taken.length) {
    send(taken);
    return;
  }
  isBusy(false);
  if (!found.length) say('Nothing was chosen.', 'is-problem');
  else say('There are no DICOM images in what was chosen.', 'is-problem');
};

/* Wiring ------------------------------------------------------------------------------------ */

for (const [button, input] of [['choose-files', 'files'], ['choose-folder', 'folder']]) {
  one(button).addEventListener('click', () => one(input).click());
  one(input).addEventListener('change', () => {
    const found = [...one(input).files].map(named);
    one(input).value = '';
    begin(found);
  });
}
/* Phones have no folders to choose. */
if (!('webkitdirectory' in one('folder')) || /Android|iPhone|iPad/.test(navigator.userAgent)) one('choose-folder').hidden = true;

for (const kind of ['dragenter', 'dragover']) {
  document.addEventListener(kind, (event) => {
    if (![...event.dataTransfer.types].includes('Files')) return;
    event.preventDefault();
    drop.classList.add('is-over');
  });
}
document.addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) drop.classList.remove('is-over');
});
document.addEventListener('drop', (event) => {
  event.preventDefault();
  drop.classList.remove('is-over');
  begin(ofDrop(event.dataTransfer));
});
one('stop').addEventListener('click', () => {
  if (request) {
    request.stopped = true;
    request.abort();
  }
});
one('again').addEventListener('click', () => gathered && send(gathered));
window.addEventListener('beforeunload', (event) => {
  if (request) event.preventDefault();
});
