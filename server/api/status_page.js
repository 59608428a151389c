// SPDX-License-Identifier: MIT
/* What the page at /status does: asks weir for /status.json every two seconds while somebody looks, and
 * draws it. Keeps what it has seen, for rates and curves, and nothing after it is closed. Names and reasons
 * are anybody's words: they are set as text, never as markup (the page's policy forbids that too). */
'use strict';

const POLL_MS = 2000;
const ANSWER_MS = 5000; // weir is given that long to answer
const TICK_MS = 250; // of the countdowns
const SAMPLES_MAX = 90, SAMPLES_MIN = 30; // of the curves: three minutes, and no less than one
const STRIP_SLOTS = 40; // of a pair's strip: one a poll
const RATE_MS = 10000; // rates are of so long,
const MINUTE_MS = 60000; // shares and quantiles of so long
const FOLD_OVER = 12, FOLD_TO = 6; // a longer chain shows so many, and those of interest
const DOTS_MAX = 8;
const INCIDENTS_MAX = 30;
const STATES = ['available', 'tracking', 'recovering', 'exhausted'];
const SVG = 'http://www.w3.org/2000/svg';

/* ---- the document tree ---- */

const byId = (id) => document.getElementById(id);

function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

function makeSvg(tag, className) {
  const node = document.createElementNS(SVG, tag);
  if (className) node.setAttribute('class', className);
  return node;
}

function makeShape(state) {
  const svg = makeSvg('svg', 'shape');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(makeSvg('use'));
  setShape(svg, state);
  return svg;
}

function setShape(svg, state) {
  setAttribute(svg.firstElementChild, 'href', `#shape-${state}`);
}

/* ---- numbers for people ---- */

const count = (n) => n.toLocaleString('en');
const plural = (n, word) => `${count(n)} ${word}${n === 1 ? '' : 's'}`;

function rateText(perSecond) {
  if (perSecond === null) return '–';
  if (perSecond === 0 || perSecond >= 99.5) return count(Math.round(perSecond));
  return perSecond.toFixed(perSecond < 9.95 ? (perSecond < 0.095 ? 2 : 1) : 0);
}

/* Never 100 when something failed, never 0 when something did not. */
function percentText(part, whole) {
  const percent = 100 * part / whole;
  if (percent > 99.9 && part < whole) return '99.9';
  if (percent < 0.1 && part > 0) return '<0.1';
  return percent.toFixed(percent === 0 || percent === 100 ? 0 : 1);
}

function millisecondsText(ms) {
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 9950 ? 1 : 0)} s`;
}

/* Whole seconds, rounded up: 0 s is only shown when nothing is left. */
function durationText(ms) {
  const s = Math.ceil(ms / 1000);
  const two = (n) => String(n).padStart(2, '0');
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${two(Math.floor(s / 60) % 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}

function timeText(ms) {
  const at = new Date(ms);
  const day = at.toDateString() === new Date().toDateString() ? '' : `${at.toLocaleDateString()} `;
  return day + at.toLocaleTimeString([], { hourCycle: 'h23' });
}

/* ---- what was seen ---- */

let samples = []; // of the latest polls, oldest first
let incidents = []; // latest cooldowns of all pairs, and earlier ones that were seen
const strips = new Map(); // name of a pair -> [[successes, failures] between two polls, ...]
const mostLeft = new Map(); // name of a pair and kind of quota -> the most that was left

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const nameOf = (pair) => `${pair.provider}/${pair.model}`;

function sampleOf(found) {
  const codes = Object.entries(found.requests);
  return {
    at: performance.now(),
    uptime: found.uptimeMs,
    requests: sum(codes.map(([, n]) => n)),
    errors: found.answers.error + found.answers.broken,
    broken: sum(found.pairs.map((p) => p.midStreamFailuresTotal)),
    streams: found.activeStreams,
    buckets: found.timeToFirstToken.buckets,
    pairs: new Map(found.pairs.map((p) => [nameOf(p), p])),
  };
}

/* A counter that went back belongs to another weir, and samples from before a pause are too old: neither can
   be compared with what comes now. */
function forgetWhatIsOver(sample) {
  const last = samples.at(-1);
  if (last && (sample.uptime < last.uptime || sample.requests < last.requests || sample.at - last.at > MINUTE_MS)) {
    samples = [];
    strips.clear();
  }
}

function noteStrips(sample) {
  const last = samples.at(-1);
  for (const [name, pair] of sample.pairs) {
    const before = last?.pairs.get(name);
    const strip = strips.get(name) ?? [];
    if (before) strip.push([Math.max(0, pair.successes - before.successes), Math.max(0, pair.failures - before.failures)]);
    strips.set(name, strip.slice(-STRIP_SLOTS));
  }
}

function note(found) {
  const sample = sampleOf(found);
  forgetWhatIsOver(sample);
  noteStrips(sample);
  samples.push(sample);
  samples = samples.slice(-SAMPLES_MAX);
  for (const older of samples.slice(0, -Math.ceil(MINUTE_MS / POLL_MS) - 1)) older.pairs = null;
}

/* The sample that lies `ms` before that of `index`, or the oldest; null when there is none before it. */
function sampleBefore(index, ms) {
  let first = index;
  while (first > 0 && samples[index].at - samples[first].at < ms) first--;
  return first < index ? samples[first] : null;
}

function rateAt(index) {
  const before = sampleBefore(index, RATE_MS), now = samples[index];
  return before ? (now.requests - before.requests) / (now.at - before.at) * 1000 : null;
}

/* Of one pair; null while only one poll has seen it. */
function pairRate(name) {
  const now = samples.at(-1), before = sampleBefore(samples.length - 1, RATE_MS);
  const then = before?.pairs?.get(name);
  return then ? Math.max(0, now.pairs.get(name).requests - then.requests) / (now.at - before.at) * 1000 : null;
}

function errorsAt(index) {
  const before = sampleBefore(index, MINUTE_MS), now = samples[index];
  const requests = before ? now.requests - before.requests : 0;
  return requests > 0 ? { part: now.errors - before.errors, whole: requests } : null;
}

/* As weir's own p50Ms: linear within a bucket, whose upper ends are 2^i microseconds. */
function quantileMs(buckets, q) {
  const total = sum(buckets);
  let below = 0;
  for (let i = 0; i < buckets.length; i++) {
    if (buckets[i] > 0 && below + buckets[i] >= q * total) {
      const low = i === 0 ? 0 : 2 ** (i - 1);
      const share = i === buckets.length - 1 ? 0 : (q * total - below) / buckets[i];
      return (low + (2 ** i - low) * share) / 1000;
    }
    below += buckets[i];
  }
  return null;
}

function bucketsAt(index) {
  const before = sampleBefore(index, MINUTE_MS);
  return before ? samples[index].buckets.map((n, i) => n - before.buckets[i]) : [];
}

/* ---- curves ---- */

/* One or more lines of the same scale, newest value at the right; null is a gap. */
function drawCurve(svg, lines) {
  const top = Math.max(...lines.flat().map((v) => v ?? 0), 1e-9);
  const step = 100 / (Math.max(samples.length, SAMPLES_MIN) - 1);
  const shapes = lines.flatMap((values, i) => {
    const points = values.map((v, n) => v === null ? null :
      `${(100 - (values.length - 1 - n) * step).toFixed(1)} ${(28 - 26 * v / top).toFixed(1)}`);
    const runs = points.reduce((all, p) => {
      if (p === null) all.push([]);
      else all.at(-1).push(p);
      return all;
    }, [[]]).filter((run) => run.length > 1);
    const curve = runs.map((run) => `M${run.join('L')}`).join('');
    const area = i > 0 ? '' : runs.map((run) => `M${run.join('L')}L${run.at(-1).split(' ')[0]} 30L${run[0].split(' ')[0]} 30Z`).join('');
    return [[i > 0 ? 'curve upper' : 'curve', curve], ['area', area]];
  });
  shapes.forEach(([className, d], i) => {
    const path = svg.children[i] ?? svg.appendChild(makeSvg('path'));
    setAttribute(path, 'class', className);
    setAttribute(path, 'd', d);
  });
}

/* Successes stand upwards, failures hang downwards. */
function drawStrip(svg, strip) {
  const top = Math.max(1, ...strip.flat());
  const bars = (which, from, length) => strip.map((slot, i) => slot[which] === 0 ? '' :
    `M${(STRIP_SLOTS - strip.length + i) * 3 + 1.5} ${from}v${(Math.sign(length) * Math.max(2, Math.abs(length) * slot[which] / top)).toFixed(1)}`).join('');
  setAttribute(svg.children[1], 'd', bars(0, 12, -12));
  setAttribute(svg.children[2], 'd', bars(1, 13, 9));
}

function makeStrip() {
  const svg = makeSvg('svg', 'strip');
  svg.setAttribute('viewBox', `0 0 ${STRIP_SLOTS * 3} 22`);
  svg.setAttribute('aria-hidden', 'true');
  const base = makeSvg('path', 'base');
  base.setAttribute('d', `M0 12.5h${STRIP_SLOTS * 3}`);
  svg.append(base, makeSvg('path', 'good'), makeSvg('path', 'bad'));
  return svg;
}

/* ---- head and tiles ---- */

const ICON_COLOURS = { ok: '18794e', degraded: 'c77700', lost: 'b42318' };
const ICON_SHAPES = {
  ok: '<circle cx="10" cy="10" r="9"/>',
  degraded: '<path d="M10 1 19.4 18.6H.6z"/>',
  lost: '<path d="m4 1 6 6 6-6 3 3-6 6 6 6-3 3-6-6-6 6-3-3 6-6-6-6z"/>',
};

function drawState(state, word, why) {
  setAttribute(byId('head'), 'data-state', state);
  setAttribute(byId('state-shape'), 'href', `#shape-${state === 'ok' ? 'available' : state}`);
  setText(byId('state-word'), word);
  setText(byId('state-why'), why);
  document.title = `${word} – weir`;
  setAttribute(byId('icon'), 'href', 'data:image/svg+xml,' + encodeURIComponent(
    `<svg xmlns="${SVG}" viewBox="0 0 20 20" fill="#${ICON_COLOURS[state]}">${ICON_SHAPES[state]}</svg>`));
}

/* All pairs of a chain other than the default may be in cooldown while weir is ok. */
function whyOk(found) {
  const dry = found.chains.filter((c) => c.entries.every((i) => found.pairs[i].passedBy !== null));
  if (dry.length > 0) return `But nothing takes the requests of: ${dry.map((c) => c.name).join(', ')}.`;
  const resting = found.pairs.filter((p) => p.status === 'exhausted').length;
  if (resting === 0) return 'Every pair can serve.';
  return `${plural(resting, 'pair')} of ${found.pairs.length} ${resting === 1 ? 'rests' : 'rest'}; every chain can serve.`;
}

function drawHead(found) {
  drawState(found.status, found.status, found.why ?? whyOk(found));
  const { tracker, workers } = found;
  setText(byId('tracker'), tracker.state === 'up' && tracker.uptimeMs !== null ?
    `up ${durationText(tracker.uptimeMs)}` : tracker.state);
  byId('tracker').classList.toggle('is-bad', tracker.state !== 'up');
  setText(byId('workers'), `${workers.running}, ${plural(workers.restarts, 'restart')}`);
  setText(byId('uptime'), durationText(found.uptimeMs));
  setText(byId('version'), found.version);
}

function drawRequests(now) {
  setText(byId('rate'), rateText(rateAt(samples.length - 1)));
  setText(byId('rate-more'), `${count(now.requests)} since the start`);
  drawCurve(byId('rate-spark'), [samples.map((_, i) => rateAt(i))]);
}

function drawErrors(now) {
  const found = errorsAt(samples.length - 1);
  const before = sampleBefore(samples.length - 1, MINUTE_MS);
  setText(byId('errors'), found ? `${percentText(found.part, found.whole)} %` : '–');
  const broken = before ? Math.max(0, now.broken - before.broken) : 0;
  setText(byId('errors-more'), `${plural(broken, 'stream')} broke`);
  byId('errors-more').classList.toggle('is-bad', broken > 0);
  drawCurve(byId('errors-spark'), [samples.map((_, i) => {
    const e = errorsAt(i);
    return e ? e.part / e.whole : (i > 0 ? 0 : null);
  })]);
}

function drawFirstToken(found) {
  const buckets = bucketsAt(samples.length - 1), first = found.timeToFirstToken;
  const inMinute = sum(buckets);
  const shown = inMinute > 0 ? [quantileMs(buckets, 0.5), quantileMs(buckets, 0.95)] :
    first.count > 0 ? [first.p50Ms, first.p95Ms] : [null, null];
  ['p50', 'p95'].forEach((id, i) => setText(byId(id), shown[i] === null ? '–' : millisecondsText(shown[i])));
  setText(byId('token-more'), inMinute > 0 ? `of ${count(inMinute)} in a minute` :
    first.count > 0 ? `of ${count(first.count)} since the start` : 'none yet');
  const all = samples.map((_, i) => bucketsAt(i));
  drawCurve(byId('token-spark'), [0.5, 0.95].map((q) => all.map((b) => quantileMs(b, q))));
}

function drawStreams(found) {
  setText(byId('streams'), count(found.activeStreams));
  setText(byId('streams-more'), `${count(found.queued)} waiting, ${plural(found.connections, 'connection')}`);
  drawCurve(byId('streams-spark'), [samples.map((s) => s.streams)]);
}

function drawPairs(found) {
  const of = (state) => found.pairs.filter((p) => p.status === state).length;
  setText(byId('pairs'), `${found.pairs.length - of('exhausted')} of ${found.pairs.length}`);
  STATES.forEach((state, i) => {
    const bar = byId('share').children[i] ?? byId('share').appendChild(make('i'));
    const item = byId('counts').children[i] ?? byId('counts').appendChild(make('li', '', makeShape(state), make('span')));
    for (const node of [bar, item]) {
      setAttribute(node, 'data-state', state);
      node.hidden = of(state) === 0;
    }
    bar.style.flexGrow = of(state);
    setText(item.lastChild, `${count(of(state))} ${state}`);
  });
}

/* ---- chains ---- */

let drawnShape = ''; // names of chains and entries as they stand in the page
let entryViews = []; // of all chains
const unfolded = new Set(); // names of chains

/* Which entries take the requests that come now: places in the chain -> what of them. A recovering one takes
   some of them, and the next one the others. */
function takersOf(chain, found) {
  const takers = new Map();
  for (const [place, index] of chain.entries.entries()) {
    const { passedBy, status } = found.pairs[index];
    if (passedBy !== null) continue;
    if (status !== 'recovering' || found.recoveryConcurrency === 0) {
      takers.set(place, takers.size > 0 ? '← the other requests go here' : '← requests go here');
      break;
    }
    takers.set(place, `← on trial, ${plural(found.recoveryConcurrency, 'request')} at a time`);
  }
  return takers;
}

/* Its state already shows that it is in cooldown. */
function passedByText(pair) {
  return pair.passedBy === null || pair.passedBy === 'in_cooldown' ? '' : `passed by: ${pair.passedBy}`;
}

function makeEntry(place, index, pair) {
  const view = {
    index, place, name: nameOf(pair), until: null, length: 1,
    shape: makeShape('available'), word: make('span', 'word'), takes: make('span', 'takes-word'),
    reason: make('span', 'reason'), clock: make('div', 'clock'), bar: make('i'),
    dots: make('span', 'dots'), dotsText: make('span'), strip: makeStrip(), numbers: make('span', 'numbers'),
    quota: [make('div', 'left'), make('div', 'left')],
  };
  view.rest = make('div', 'rest', view.bar);
  view.failures = make('div', 'failures', view.dots, view.dotsText);
  view.clock.setAttribute('role', 'timer');
  view.rest.setAttribute('aria-hidden', 'true');
  view.dots.setAttribute('aria-hidden', 'true');
  view.item = make('li', 'entry', make('div', 'node', view.shape),
    make('div', 'pair',
      make('h3', '', make('span', 'place', `${place + 1}. `), make('span', 'provider', `${pair.provider} / `), make('b', '', pair.model)),
      make('div', 'says', view.word, view.takes, view.reason)),
    view.clock,
    make('div', 'details', view.failures, make('div', '', view.strip, view.numbers), ...view.quota),
    view.rest);
  return view;
}

function makeChain(chain, found) {
  const views = chain.entries.map((index, place) => makeEntry(place, index, found.pairs[index]));
  const fold = make('button', 'fold');
  fold.type = 'button';
  fold.addEventListener('click', () => {
    if (!unfolded.delete(chain.name)) unfolded.add(chain.name);
    drawChains(latest);
  });
  const header = make('header', '', make('h2', '', chain.name));
  if (chain.isDefault) header.append(make('span', 'tag', 'default chain'));
  if (chain.delivery === 'complete') header.append(make('span', 'tag', 'delivery: complete'));
  header.append(make('span', 'more'));
  const node = make('section', 'chain', header, make('ol', '', ...views.map((v) => v.item)), fold);
  node.setAttribute('aria-label', `chain ${chain.name}`);
  entryViews.push(...views);
  return { node, views, fold, more: header.lastChild };
}

let chainViews = [];

function makeChainsAnew(found) {
  const shape = JSON.stringify([found.chains.map((c) => [c.name, c.isDefault, c.delivery, c.entries]), found.pairs.map(nameOf)]);
  if (shape === drawnShape) return;
  drawnShape = shape;
  entryViews = [];
  chainViews = found.chains.map((chain) => makeChain(chain, found));
  byId('chains').replaceChildren(...chainViews.map((v) => v.node));
}

function drawDots(view, failures, threshold) {
  const many = threshold > DOTS_MAX;
  view.failures.hidden = many && failures === 0;
  view.dots.hidden = many;
  while (!many && view.dots.children.length < threshold) view.dots.append(make('i'));
  while (view.dots.children.length > (many ? 0 : threshold)) view.dots.lastChild.remove();
  [...view.dots.children].forEach((dot, i) => dot.classList.toggle('is-on', i < failures));
  setText(view.dotsText, `${failures} of ${threshold} broken`);
  view.failures.title = `Streams in a row that broke: at ${threshold} the pair rests.`;
}

function drawNumbers(view, pair) {
  const ended = pair.successes + pair.failures;
  const rate = pairRate(view.name);
  setText(view.numbers, pair.requests === 0 ? 'no request yet' :
    `${rateText(rate)}/s, ${ended > 0 ? `${percentText(pair.successes, ended)} % good of ${count(ended)}` : 'none ended'}`);
  drawStrip(view.strip, strips.get(view.name) ?? []);
}

/* How much is left of a provider's limit. The limit itself is not known: a full bar is the most seen here. */
function drawQuota(view, pair) {
  [['requests', 'remainingRequests'], ['tokens', 'remainingTokens']].forEach(([word, key], i) => {
    const left = pair.quota?.[key] ?? null;
    view.quota[i].hidden = left === null;
    if (left === null) return;
    const most = Math.max(left, mostLeft.get(view.name + key) ?? 0, 1);
    mostLeft.set(view.name + key, most);
    if (!view.quota[i].firstChild) view.quota[i].append(make('i', '', make('b')), make('span'));
    view.quota[i].firstChild.setAttribute('aria-hidden', 'true');
    view.quota[i].firstChild.firstChild.style.transform = `scaleX(${Math.max(0, left) / most})`;
    setText(view.quota[i].lastChild, `${count(left)} ${word} left`);
    view.quota[i].title = `The bar is full at the most that was seen here: ${count(most)}.`;
  });
}

function drawEntry(view, found, takers, isPast) {
  const pair = found.pairs[view.index];
  setAttribute(view.item, 'data-state', pair.status);
  view.item.classList.toggle('takes', takers.has(view.place));
  view.item.classList.toggle('is-past', isPast);
  setShape(view.shape, pair.status);
  setText(view.word, pair.status);
  setText(view.takes, takers.get(view.place) ?? passedByText(pair));
  setText(view.reason, pair.reason ?? '');
  const rests = pair.cooldownRemainingMs > 0;
  view.until = rests ? found.receivedAt + pair.cooldownRemainingMs : null;
  view.length = rests && pair.lastCooldown?.endsAt ?
    Math.max(pair.lastCooldown.endsAt - pair.lastCooldown.beganAt, pair.cooldownRemainingMs) : pair.cooldownRemainingMs;
  view.rest.hidden = !rests;
  if (!rests) setText(view.clock, '');
  drawDots(view, pair.midStreamFailures, found.midStreamFailureThreshold);
  drawQuota(view, pair);
}

const isOfInterest = (pair) => pair.passedBy !== null || pair.status === 'recovering' || pair.midStreamFailures > 0;

/* A long chain shows its first entries and those of interest; true for an entry that is folded away. */
function isFolded(chain, view, found, takers) {
  return chain.entries.length > FOLD_OVER && !unfolded.has(chain.name) && view.place >= FOLD_TO &&
    !takers.has(view.place) && !isOfInterest(found.pairs[view.index]);
}

function drawChain(chain, view, found) {
  const takers = takersOf(chain, found);
  const last = takers.size > 0 ? Math.max(...takers.keys()) : chain.entries.length;
  let folded = 0;
  for (const entry of view.views) {
    drawEntry(entry, found, takers, entry.place < last && !takers.has(entry.place));
    entry.item.hidden = isFolded(chain, entry, found, takers);
    if (entry.item.hidden) folded++;
    else drawNumbers(entry, found.pairs[entry.index]);
  }
  view.fold.hidden = chain.entries.length <= FOLD_OVER || (folded === 0 && !unfolded.has(chain.name));
  view.fold.setAttribute('aria-expanded', String(unfolded.has(chain.name)));
  setText(view.fold, folded > 0 ? `Show ${count(folded)} more that can serve` : 'Show fewer');
  const requests = plural(sum(Object.values(chain.requests)), 'request');
  setText(view.more, chain.queued > 0 ? `${requests}, ${count(chain.queued)} waiting` : requests);
}

function drawChains(found) {
  makeChainsAnew(found);
  found.chains.forEach((chain, i) => drawChain(chain, chainViews[i], found));
  tick();
}

/* ---- countdowns ---- */

function tick() {
  if (document.hidden) return;
  const now = performance.now();
  for (const view of entryViews) {
    if (view.until === null) continue;
    const left = Math.max(0, view.until - now);
    setText(view.clock, durationText(left));
    view.bar.style.transform = `scaleX(${Math.min(1, left / view.length)})`;
    if (left === 0 && !isLost) pollSoon();
    if (left === 0) view.until = null; // shown once as 0 s; the next answer says what the pair is now
  }
  if (isLost) drawAge();
}

/* ---- incidents ---- */

/* The number begins anew with a new table, so the time has to agree too. */
function noteIncidents(found) {
  for (const pair of found.pairs) {
    const last = pair.lastCooldown;
    if (!last) continue;
    const name = nameOf(pair);
    const known = incidents.find((i) => i.name === name && i.number === last.number && Math.abs(i.beganAt - last.beganAt) < 5000);
    const seen = { ...last, name, beganAt: known?.beganAt ?? last.beganAt, isRunning: pair.cooldownRemainingMs > 0 };
    if (known) Object.assign(known, seen);
    else incidents.push(seen);
    for (const i of incidents) if (i.name === name && i.number !== last.number) i.isRunning = false;
  }
  incidents.sort((a, b) => b.beganAt - a.beganAt);
  incidents = incidents.slice(0, INCIDENTS_MAX);
}

function howLong(incident) {
  if (incident.endsAt === null) return 'cleared';
  const length = durationText(Math.round((incident.endsAt - incident.beganAt) / 1000) * 1000);
  return incident.isRunning ? `rests for ${length}` : `rested for ${length}`;
}

function drawIncidents(found) {
  noteIncidents(found);
  const list = byId('incidents');
  while (list.children.length > incidents.length) list.lastChild.remove();
  incidents.forEach((incident, i) => {
    const item = list.children[i] ?? list.appendChild(make('li', '',
      make('div', '', make('time'), make('span')), make('b'), make('div', '', make('small'))));
    const [head, name, tail] = item.children;
    setText(head.firstChild, timeText(incident.beganAt));
    setText(head.lastChild, howLong(incident));
    head.lastChild.className = incident.isRunning ? 'is-running' : '';
    setText(name, incident.name);
    setText(tail.firstChild, incident.reason);
  });
  byId('no-incidents').hidden = incidents.length > 0;
}

/* ---- asking weir ---- */

let latest = null; // the latest document
let receivedAt = null;
let isLost = false;
let key = ''; // never stored
let timer = null;
let isAsking = false;

function draw() {
  drawHead(latest);
  const now = samples.at(-1);
  drawRequests(now);
  drawErrors(now);
  drawFirstToken(latest);
  drawStreams(latest);
  drawPairs(latest);
  drawChains(latest);
  drawIncidents(latest);
}

function drawAge() {
  setText(byId('stale-age'), receivedAt === null ? '' : `What is below is ${durationText(performance.now() - receivedAt)} old.`);
}

function setLost(why) {
  isLost = why !== null;
  byId('stale').hidden = !isLost;
  document.body.classList.toggle('is-stale', isLost);
  if (!isLost) return;
  setText(byId('stale-why'), why);
  drawState('lost', 'not answering', 'This page goes on asking.');
  drawAge();
}

function askForKey() {
  byId('key-form').hidden = false;
  setText(byId('key-why'), key === '' ? 'weir wants an API key to show its state.' : 'weir does not take this key.');
}

async function ask() {
  const headers = key === '' ? {} : { Authorization: `Bearer ${key}` };
  const answer = await fetch('status.json', {
    headers, cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(ANSWER_MS),
  });
  if (answer.status === 401) {
    askForKey();
    throw new Error('weir does not show its state without a key.');
  }
  if (!answer.ok) throw new Error(`weir answers with status ${answer.status}.`);
  const found = await answer.json();
  byId('key-form').hidden = true;
  return found;
}

function show(found) {
  receivedAt = found.receivedAt = performance.now();
  latest = found;
  note(found);
  setLost(null);
  draw();
}

async function poll() {
  if (isAsking || document.hidden) return; // it is asked again when somebody looks
  isAsking = true;
  const found = await ask().catch((error) => setLost(error.name === 'Error' ? error.message : 'weir does not answer.'));
  isAsking = false;
  schedule(POLL_MS);
  if (found) show(found);
}

function schedule(ms) {
  clearTimeout(timer);
  timer = setTimeout(poll, ms);
}

const pollSoon = () => schedule(50);

byId('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  key = byId('key').value.trim();
  byId('key').value = '';
  poll();
});
document.addEventListener('visibilitychange', poll);
setText(byId('where'), location.host);
setInterval(tick, TICK_MS);
poll();
