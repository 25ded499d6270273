/* The upload page: gathers files, packs them as one STOW-RS request (PS3.18 Section 10.5), and
   shows what became of each. Nothing is read into memory: a Blob of Files is streamed from disk. */
const ANSWER = 'application/vnd.dicom-node.upload+json';
const MOST_LISTED = 200;
const LARGEST_ENTRY = 2 ** 31;
/* What systems leave in folders, and lists of contents: no images, and nobody misses them. */
const PASSED_OVER = /(^|\/)(\.[^/]*|__MACOSX\/.*|thumbs\.db|desktop\.ini|autorun\.inf|dicomdir)$/i;

const one = (id) => document.getElementById(id);
/* What is said, in the reader's language: the page brings it. A sentence that counts has a form for each
   category of the language's plurals. */
const words = JSON.parse(one('words').textContent);
const language = document.documentElement.lang;
const plural = new Intl.PluralRules(language);
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const said = (key, values = {}) => filled(words[key], values);
const counted = (key, count, values = {}) => filled(words[key][plural.select(count)] ?? words[key].other, {
  count: count.toLocaleString(language), ...values,
});
const drop = one('drop');
const mostBytes = Number(drop.dataset.mostBytes);
let request = null;
let gathered = null;
let chosen = 0;

const measured = (number, unit, digits) => number.toLocaleString(language, {
  style: 'unit', unit, minimumFractionDigits: digits, maximumFractionDigits: digits,
});
const size = (bytes) => (bytes < 1e6 ? measured(Math.max(1, bytes / 1e3), 'kilobyte', 0)
  : bytes < 1e9 ? measured(bytes / 1e6, 'megabyte', 1) : measured(bytes / 1e9, 'gigabyte', 2));

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
      if (entry.encrypted) refuse(inside, said('locked'));
      else if (entry.uncompressedSize > LARGEST_ENTRY) refuse(inside, said('too_large'));
      else yield { file: await entry.getData(new BlobWriter(), { checkSignature: true }), name: inside };
    }
  } catch (error) {
    refuse(name, said('damaged'));
  } finally {
    await reader.close();
  }
};

const images = async (found, refuse) => {
  const taken = [];
  const take = async (each) => {
    if (await isDicom(each.file)) taken.push(each);
    else refuse(each.name, said(each.file.size ? 'not_dicom' : 'empty'));
  };
  for (const each of found) {
    if (PASSED_OVER.test(each.name)) continue;
    try {
      if (await isZip(each.file)) for await (const inner of unzipped(each, refuse)) await take(inner);
      else await take(each);
    } catch (error) {
      refuse(each.name, said('unreadable'));
    }
    say(counted('looking_so_far', taken.length));
  }
  return taken;
};

/* Saying ------------------------------------------------------------------------------------ */

const say = (sentence, kind = '') => {
  one('sending').hidden = false;
  one('sending').className = `sending ${kind}`;
  one('said').textContent = sentence;
};

const refused = [];
const showRefused = () => {
  one('refused').hidden = !refused.length;
  one('refused-title').textContent = counted('not_taken', refused.length);
  one('refused-list').replaceChildren(...refused.slice(0, MOST_LISTED).map(({ name, why }) => {
    const item = document.createElement('li');
    const file = document.createElement('span');
    file.className = 'uid';
    file.textContent = name;
    item.append(file, ` ${why}.`);
    return item;
  }), ...(refused.length > MOST_LISTED ? [Object.assign(document.createElement('li'), {
    textContent: counted('more', refused.length - MOST_LISTED),
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
  0: said('lost'),
  401: said('signed_out'),
  403: said('out_of_date'),
  413: said('too_much', { size: size(mostBytes) }),
};

const answered = () => {
  let answer = {};
  try {
    answer = JSON.parse(request.responseText);
  } catch (error) { /* a proxy's page */ }
  if (answer.stored) {
    for (const each of answer.refused) refused.push({ name: readable(each.location), why: each.why });
    showRefused();
    const studies = [...new Set(answer.stored.map((each) => each.study))];
    if (studies.length) {
      const arrived = counted('arrived', answer.stored.length);
      say(studies.length === 1 ? arrived : `${arrived} ${counted('studies', studies.length)}`, 'is-well');
      const asked = studies.map((uid) => `study=${encodeURIComponent(uid)}`).join('&');
      window.htmx.ajax('GET', `/upload/studies?${asked}`, { target: '#on-their-way', swap: 'outerHTML' });
    } else say(said('nothing_taken'), 'is-problem');
    gathered = null;
    return;
  }
  const why = answer.problem || `HTTP ${request.status}`;
  say(problems[request.status] || said('refused', { why }), 'is-problem');
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
      ? counted('sending_so_far', taken.length, { done: size(loaded), whole: size(total) })
      : said('put_away', { whole: size(total) }));
  };
  request.onloadend = () => {
    isBusy(false);
    if (request.stopped) say(said('stopped'), 'is-problem');
    else answered();
    if (request.stopped) one('again').hidden = false;
    request = null;
  };
  one('again').hidden = true;
  isBusy(true);
  say(counted('sending', taken.length));
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
  say(said('looking'));
  const found = await choice;
  const taken = await images(found, (name, why) => refused.push({ name, why }));
  if (mine !== chosen) return;
  showRefused();
  if (taken.length) {
    send(taken);
    return;
  }
  isBusy(false);
  if (!found.length) say(said('nothing_chosen'), 'is-problem');
  else say(said('no_images'), 'is-problem');
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
