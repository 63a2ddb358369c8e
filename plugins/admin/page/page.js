// Live figures: four documents are fetched every two seconds, and rates come from the difference to the ones before.
'use strict';

const EVERY_MS = 2000;
const POINTS = 60;
const $ = (id) => document.getElementById(id);
const rates = [];
let before = null;

const sum = (counts) => Object.values(counts || {}).reduce((a, b) => a + b, 0);
const number = (n) => (n >= 1e6 ? (n / 1e6).toFixed(1) + ' M' : n >= 1e4 ? (n / 1e3).toFixed(0) + ' k' : n >= 1000 ? (n / 1e3).toFixed(1) + ' k' : n >= 100 || Number.isInteger(n) ? String(Math.round(n)) : n.toFixed(1));
const micros = (us) => (!us ? '–' : us >= 1e6 ? (us / 1e6).toFixed(2) + ' s' : us >= 1000 ? (us / 1000).toFixed(us >= 1e5 ? 0 : 1) + ' ms' : Math.round(us) + ' µs');
const nanos = (ns) => (!ns ? '–' : ns < 1000 ? Math.round(ns) + ' ns' : micros(ns / 1000));
const bytes = (n) => (n >= 1 << 30 ? (n / (1 << 30)).toFixed(1) + ' GiB' : (n / (1 << 20)).toFixed(1) + ' MiB');
const duration = (s) => (s >= 86400 ? Math.floor(s / 86400) + ' d ' : '') + new Date(1000 * (s % 86400)).toISOString().slice(11, 19);
const per = (now, old, seconds) => (old === undefined || seconds <= 0 ? 0 : Math.max(0, (now - old) / seconds));

// Everything goes in as text: names may contain anything.
function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function row(cells) {
  const tr = element('tr');
  for (const [content, className] of cells) {
    const td = element('td', content instanceof Node ? undefined : content, className);
    if (content instanceof Node) td.append(content);
    tr.append(td);
  }
  return tr;
}

function named(text, below) {
  const box = element('span', text);
  if (below) box.append(element('small', below));
  return box;
}

// The value that `part` of what was counted between two samples does not exceed; of everything, where there was nothing new.
function quantile(all, old, bounds, part) {
  let counts = all.map((n, i) => n - (old ? old[i] || 0 : 0));
  let total = counts.reduce((a, b) => a + b, 0);
  if (total <= 0) { counts = all; total = counts.reduce((a, b) => a + b, 0); }
  if (!total) return 0;
  let rest = part * total, below = 0;
  for (let i = 0; i < bounds.length; i++) {
    if (counts[i] > 0 && rest <= counts[i]) return below + (bounds[i] - below) * rest / counts[i];
    rest -= counts[i];
    below = bounds[i];
  }
  return below;
}

const routeList = (listeners) => listeners.flatMap((l) => l.routes.map((r) => ({ ...r, key: l.name + ' ' + r.name, listener: l.name })));
const byKey = (list, key) => new Map(list.map((one) => [one[key], one]));

function showRoutes(now, old, seconds) {
  const earlier = byKey(old ? routeList(old.listeners) : [], 'key');
  $('routes').tBodies[0].replaceChildren(...routeList(now.listeners).map((r) => {
    const was = earlier.get(r.key);
    const total = sum(r.requests), failed = (r.requests || {})['5xx'] || 0;
    const target = r.clusters ? r.clusters.map((c) => c.name).join(', ') : r.handler ? 'plugin ' + r.handler : r.redirect ? 'redirect ' + r.redirect : r.reply ? 'reply ' + r.reply : '–';
    const latest = (part) => micros(quantile(r.duration.buckets, was && was.duration.buckets, r.duration.bounds_us, part));
    return row([[named(r.name, r.listener)], [target, 'more'], [number(per(total, was && sum(was.requests), seconds)), 'n'],
      [number(failed), failed ? 'n bad-text' : 'n'], [latest(0.5), 'n'], [latest(0.99), 'n'], [number(total), 'n more']]);
  }));
}

function showClusters(now, old, seconds) {
  const earlier = byKey(old ? old.clusters : [], 'name');
  $('clusters').replaceChildren(...now.clusters.map((c) => {
    const was = earlier.get(c.name);
    const card = element('div', undefined, 'card');
    const healthy = c.endpoints.filter((e) => e.healthy).length;
    card.append(element('h3', c.name));
    card.append(element('small', `${number(per(c.attempts, was && was.attempts, seconds))} attempts/s · ${c.in_flight} in flight · ${healthy} of ${c.endpoints.length} healthy · p99 ${micros(c.duration.p99_us)}`));
    const list = element('ul');
    for (const e of c.endpoints.slice(0, 12)) {
      const item = element('li');
      const name = element('span');
      name.append(element('span', undefined, e.healthy ? 'dot' : 'dot bad'), e.address);
      item.append(name, element('span', `${e.in_flight} in flight · weight ${e.weight}`, 'quiet'));
      list.append(item);
    }
    if (c.endpoints.length > 12) list.append(element('li', `and ${c.endpoints.length - 12} more`, 'quiet'));
    card.append(list);
    return card;
  }));
}

function showPlugins(now, old, seconds) {
  const earlier = byKey(old ? old.plugins : [], 'name');
  $('plugins').tBodies[0].replaceChildren(...now.plugins.map((p) => {
    const was = earlier.get(p.name);
    const buckets = p.hooks.reduce((all, h) => h.buckets.map((n, i) => n + (all[i] || 0)), []);
    const latest = (part) => (buckets.length ? nanos(quantile(buckets, null, now.bounds_ns, part)) : '–');
    let last = '';
    if (p.quarantined) {
      last = element('button', 'Restore', 'danger');
      last.title = 'out of service: quarantined';
      last.addEventListener('click', () => change(`plugins/${encodeURIComponent(p.name)}/restore`, `Restore ${p.name}?`, 'It is called again for new requests.', 'Restore'));
    }
    return row([[named(p.name, p.quarantined ? 'quarantined' : '')], [`${p.plugin} ${p.version}`, 'more'], [number(per(p.calls, was && was.calls, seconds)), 'n'],
      [number(p.failures), p.failures ? 'n bad-text' : 'n'], [latest(0.5), 'n'], [latest(0.99), 'n'], [String(p.generation), 'n more'], [last]]);
  }));
}

function showTiles(now, old, seconds) {
  const s = now.server;
  const total = (all) => all.reduce((n, l) => n + l.requests, 0);
  const errors = (all) => all.reduce((n, l) => n + ((l.responses || {})['5xx'] || 0), 0);
  const rate = per(total(now.listeners), old && total(old.listeners), seconds);
  const failed = per(errors(now.listeners), old && errors(old.listeners), seconds);
  if (old) rates.push(rate);
  if (rates.length > POINTS) rates.shift();
  $('rate').textContent = number(rate);
  $('errors').textContent = rate ? (100 * failed / rate).toFixed(failed ? 1 : 0) : '0';
  const routes = routeList(now.listeners), earlier = old ? routeList(old.listeners) : [];
  const add = (list) => list.reduce((all, r) => r.duration.buckets.map((n, i) => n + (all[i] || 0)), []);
  const bounds = routes.length ? routes[0].duration.bounds_us : [];
  for (const [id, part] of [['p50', 0.5], ['p99', 0.99]]) $(id).textContent = routes.length ? micros(quantile(add(routes), earlier.length ? add(earlier) : null, bounds, part)) : '–';
  $('connections').textContent = number(now.listeners.reduce((n, l) => n + l.connections_active, 0));
  $('exchanges').textContent = 'requests under way: ' + number(now.listeners.reduce((n, l) => n + l.exchanges_active, 0));
  $('memory').textContent = bytes(s.resident_bytes);
  $('descriptors').textContent = `${s.descriptors} descriptors, ${s.threads} threads`;
  $('about').textContent = `${s.version}, ABI ${s.abi} · generation ${s.generation}${s.generations_retired ? ` (${s.generations_retired} retiring)` : ''} · ${s.workers} workers · up ${duration(s.uptime_s)} · ${s.config_file}`;
  state(s.state, s.state === 'serving');
  const most = Math.max(1, ...rates);
  const points = rates.map((r, i) => `${(300 * i / (POINTS - 1)).toFixed(1)},${(46 - 44 * r / most).toFixed(1)}`);
  $('line').setAttribute('d', points.length > 1 ? 'M' + points.join('L') : '');
  $('area').setAttribute('d', points.length > 1 ? `M0,48L${points.join('L')}L${(300 * (points.length - 1) / (POINTS - 1)).toFixed(1)},48Z` : '');
}

function state(text, good) {
  $('state').textContent = text;
  $('state').className = good ? 'pill good' : 'pill bad';
}

function tell(id, text) {
  $(id).textContent = text;
  $(id).hidden = !text;
}

async function read(topic) {
  const answer = await fetch(topic, { cache: 'no-store' });
  if (!answer.ok) throw new Error(`${topic}: ${answer.status} ${(await answer.text()).trim()}`);
  return answer.json();
}

async function refresh() {
  try {
    const [server, listeners, clusters, plugins] = await Promise.all(['server', 'listeners', 'clusters', 'plugins'].map(read));
    const now = { at: performance.now(), server, listeners, clusters, plugins: plugins.plugins, bounds_ns: plugins.bounds_ns };
    const same = before && before.server.pid === server.pid ? before : null;
    const seconds = same ? (now.at - same.at) / 1000 : 0;
    for (const show of [showTiles, showRoutes, showClusters, showPlugins]) show(now, same, seconds);
    before = now;
    tell('trouble', '');
    document.body.dataset.shown = String(1 + Number(document.body.dataset.shown || 0));
  } catch (error) {
    state('unreachable', false);
    tell('trouble', String(error.message || error));
  }
  setTimeout(refresh, EVERY_MS);
}

async function change(path, title, text, yes) {
  $('ask-title').textContent = title;
  $('ask-text').textContent = text;
  $('ask-yes').textContent = yes;
  const dialog = $('ask');
  dialog.returnValue = 'no';
  dialog.showModal();
  await new Promise((closed) => dialog.addEventListener('close', closed, { once: true }));
  if (dialog.returnValue !== 'yes') return;
  try {
    const answer = await fetch(path, { method: 'POST' });
    const said = await answer.json().catch(() => ({ text: answer.statusText }));
    tell('done', answer.ok ? `${yes}: ${said.text || 'done'}` : '');
    tell('trouble', answer.ok ? '' : said.text || String(answer.status));
  } catch (error) {
    tell('trouble', String(error.message || error));
  }
}

$('reload').addEventListener('click', () => change('reload', 'Reload the configuration?', 'It is read again and checked; what is wrong is refused, and nothing changes.', 'Reload'));
$('drain').addEventListener('click', () => change('drain', 'Drain and stop?', 'No more connections are taken, what is under way is finished, and the process ends.', 'Drain'));
refresh();
