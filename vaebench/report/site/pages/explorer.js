"use strict";
// The map of a two-dimensional latent space: decoded images, magnification, codes, and shortest paths.

const names = study().planes.map(name => name.match(/^(.*)-([^-]*)-z(\d+)-(.*)$/))
  .map(([name, dataset, architecture, , flavour]) => ({ name, dataset, architecture, flavour }));
const defaults = { dataset: names[0]?.dataset ?? "", architecture: names[0]?.architecture ?? "",
  flavour: names.some(one => one.flavour === "vae") ? "vae" : names[0]?.flavour ?? "" };
const chosen = choices(defaults);
const FRAMES = 9, PIXELS = 640;
let map = null, cursor = [0, 0], ends = [];

function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0)), view = new DataView(bytes.buffer);
  return Float64Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

// The metric at node i, as an inner product of a step with itself; and the length of a step between nodes i and j.
function squared(i, dx, dy) {
  const size = map.nodes ** 2, [xx, xy, yy] = [map.metric[i], map.metric[size + i], map.metric[2 * size + i]];
  return Math.max(0, xx * dx * dx + 2 * xy * dx * dy + yy * dy * dy);
}
function step(i, j) {
  const n = map.nodes, dx = map.dx * (j % n - i % n), dy = map.dy * (Math.floor(j / n) - Math.floor(i / n));
  return 0.5 * (Math.sqrt(squared(i, dx, dy)) + Math.sqrt(squared(j, dx, dy)));
}

const AROUND = [];
for (let x = -2; x <= 2; x++) for (let y = -2; y <= 2; y++) {
  const [a, b] = [Math.abs(x), Math.abs(y)];
  if (a + b === 1 || (a === 1 && b === 1) || a + b === 3) AROUND.push([x, y]);
}

// Dijkstra's algorithm, with a heap; nodes outside of the latent space have no metric and are no way.
function shortest(from, to) {
  const n = map.nodes, lengths = new Float64Array(n * n).fill(Infinity), before = new Int32Array(n * n).fill(-1), heap = [[0, from]];
  lengths[from] = 0;
  const up = i => { while (i && heap[i][0] < heap[(i - 1) >> 1][0]) { const j = (i - 1) >> 1; [heap[i], heap[j]] = [heap[j], heap[i]]; i = j; } };
  const down = i => {
    for (;;) {
      let least = i;
      for (const j of [2 * i + 1, 2 * i + 2]) if (j < heap.length && heap[j][0] < heap[least][0]) least = j;
      if (least === i) return;
      [heap[i], heap[least]] = [heap[least], heap[i]];
      i = least;
    }
  };
  while (heap.length) {
    const [length, i] = heap[0], last = heap.pop();
    if (heap.length) { heap[0] = last; down(0); }
    if (i === to) break;
    if (length > lengths[i]) continue;
    const [x, y] = [i % n, Math.floor(i / n)];
    for (const [dx, dy] of AROUND) {
      if (x + dx < 0 || x + dx >= n || y + dy < 0 || y + dy >= n) continue;
      const j = (y + dy) * n + x + dx, found = length + step(i, j);
      if (found < lengths[j]) { lengths[j] = found; before[j] = i; heap.push([found, j]); up(heap.length - 1); }
    }
  }
  const path = [];
  for (let i = to; i >= 0; i = before[i]) path.unshift(i);
  return { path: path[0] === from ? path.map(i => [i % n, Math.floor(i / n)]) : [], length: lengths[to] };
}

// The straight line between two nodes, in small steps, each by the metric of the node that it is nearest to.
function straight(a, b) {
  const parts = 8 * Math.max(1, Math.abs(a[0] - b[0]), Math.abs(a[1] - b[1])), path = [];
  let length = 0;
  for (let k = 0; k <= parts; k++) {
    path.push([a[0] + (b[0] - a[0]) * k / parts, a[1] + (b[1] - a[1]) * k / parts]);
    const here = node(path[k]);
    const size = Math.sqrt(squared(here, map.dx * (b[0] - a[0]) / parts, map.dy * (b[1] - a[1]) / parts));
    length += (k === 0 || k === parts ? 0.5 : 1) * size;
  }
  return { path, length };
}
function node([x, y]) { return Math.round(y) * map.nodes + Math.round(x); }

// Places: nodes as [column, row], the row from below; and where they are on the canvas.
function spot([x, y]) { return [PIXELS * (x + 0.5) / map.nodes, PIXELS * (1 - (y + 0.5) / map.nodes)]; }
function place(x, y) { return [map.x[0] + map.dx * x, map.y[0] + map.dy * y]; }

function ramp(share) { const grey = Math.round(252 - 150 * share); return `rgb(${grey} ${grey} ${Math.min(255, grey + 6)})`; }
function background() {
  const n = map.nodes, canvas = element("canvas", { width: n, height: n }), paint = canvas.getContext("2d");
  const known = map.magnification.filter(Number.isFinite), [low, high] = [Math.min(...known), Math.max(...known)];
  map.magnification.forEach((value, i) => {
    paint.fillStyle = Number.isFinite(value) ? ramp((value - low) / (high - low || 1)) : "#fff";
    paint.fillRect(i % n, n - 1 - Math.floor(i / n), 1, 1);
  });
  by("scale").replaceChildren("log magnification ", known.length ? number(low) : "—", element("span", { class: "ramp", style: `background: linear-gradient(90deg, ${ramp(0)}, ${ramp(1)})` }),
    known.length ? number(high) : "—", ` · across: ${map.axes[0]}, ${number(map.x[0])} to ${number(map.x[1])}; up: ${map.axes[1]}, ${number(map.y[0])} to ${number(map.y[1])}`);
  return canvas;
}

function line(paint, path, colour, dashes = []) {
  for (const [width, ink] of [[5, "#fff"], [2.5, colour]]) {
    paint.beginPath();
    path.forEach((point, k) => paint[k ? "lineTo" : "moveTo"](...spot(point)));
    paint.lineWidth = width; paint.strokeStyle = ink; paint.setLineDash(width > 3 ? [] : dashes);
    paint.stroke();
  }
  paint.setLineDash([]);
}

function draw() {
  const paint = by("plane").getContext("2d");
  paint.imageSmoothingEnabled = false;
  paint.drawImage(map.back, 0, 0, PIXELS, PIXELS);
  map.labels.forEach((label, k) => {
    const [x, y] = [(map.codes[2 * k] - map.x[0]) / map.dx, (map.codes[2 * k + 1] - map.y[0]) / map.dy];
    paint.beginPath();
    paint.arc(...spot([x, y]), 2.4, 0, 7);
    paint.fillStyle = map.classes[label];
    paint.fill();
  });
  if (map.curves) { line(paint, map.curves.line.path, "#555", [6, 5]); line(paint, map.curves.geodesic.path, "#000"); }
  for (const end of ends) { paint.beginPath(); paint.arc(...spot(end), 6, 0, 7); paint.fillStyle = "#000"; paint.fill(); paint.strokeStyle = "#fff"; paint.lineWidth = 2; paint.stroke(); }
  const [x, y] = spot(cursor);
  paint.strokeStyle = "#000"; paint.lineWidth = 1.5; paint.strokeRect(x - 8, y - 8, 16, 16);
  decoded(by("image"), [cursor]);
  by("told").textContent = told(cursor);
}

function called(label) { return map.names[label] ?? label; }

function told([x, y]) {
  const [a, b] = place(x, y), value = map.magnification[node([x, y])];
  const near = map.labels.map((label, k) => [Math.hypot((map.codes[2 * k] - a) / map.dx, (map.codes[2 * k + 1] - b) / map.dy), label]).reduce((p, q) => q[0] < p[0] ? q : p);
  const where = `${map.axes[0]} ${a.toFixed(2)}, ${map.axes[1]} ${b.toFixed(2)}`;
  return Number.isFinite(value) ? `${where}: log magnification ${number(value)}; nearest code of class ${called(near[1])}` : `${where}: outside of the latent space, or the decoder is flat there`;
}

// The decoded images nearest to nodes, side by side.
function decoded(canvas, points) {
  const [height, width] = map.shape, scale = Math.max(1, Math.round(112 / height)), share = (map.side - 1) / (map.nodes - 1);
  canvas.width = width * points.length * scale; canvas.height = height * scale;
  const paint = canvas.getContext("2d");
  paint.imageSmoothingEnabled = false;
  points.forEach(([x, y], k) => paint.drawImage(map.picture, Math.round(x * share) * width, Math.round(y * share) * height, width, height, k * width * scale, 0, width * scale, height * scale));
}

function spread(path, lengths) { // FRAMES points of a path, evenly spaced by its length
  const total = [0];
  for (let k = 1; k < path.length; k++) total.push(total[k - 1] + lengths(path[k - 1], path[k]));
  return Array.from({ length: FRAMES }, (_, f) => path[total.findIndex(length => length >= f / (FRAMES - 1) * total.at(-1) * (1 - 1e-12))] ?? path.at(-1));
}

function curves() {
  map.curves = null;
  by("length").textContent = ends.length === 1 ? "One end is set." : "";
  by("strips").replaceChildren();
  if (ends.length < 2) return;
  const straightest = straight(...ends);
  let geodesic = shortest(...ends.map(node));
  if (!geodesic.path.length || !Number.isFinite(straightest.length)) { by("length").textContent = "There is no way between these ends."; return; }
  const better = straightest.length < geodesic.length;
  if (better) geodesic = straightest;
  map.curves = { line: straightest, geodesic };
  const share = 100 * (1 - geodesic.length / straightest.length);
  by("length").textContent = `Length of the straight line ${number(straightest.length)}, of the shortest path ${number(geodesic.length)}`
    + (better ? ": no path of the graph is shorter than the line." : `: ${share.toFixed(1)} % shorter.`);
  const euclid = (p, q) => Math.hypot((p[0] - q[0]) * map.dx, (p[1] - q[1]) * map.dy);
  const pulled = (p, q) => Math.sqrt(squared(node(p), map.dx * (q[0] - p[0]), map.dy * (q[1] - p[1])));
  for (const [name, curve, size] of [["along the shortest path, evenly by its length", geodesic, pulled], ["along the straight line, evenly", straightest, euclid]]) {
    const canvas = element("canvas", { role: "img", "aria-label": `Images ${name}` });
    by("strips").append(element("p", {}, `${name[0].toUpperCase()}${name.slice(1)}`), canvas);
    decoded(canvas, spread(curve.path, size));
  }
}

function mark() {
  if (ends.length === 2) ends = [];
  ends.push([...cursor]);
  curves();
  draw();
}

function show() {
  keep(chosen, defaults);
  const name = names.find(one => ["dataset", "architecture", "flavour"].every(what => one[what] === chosen[what]))?.name;
  by("explorer").hidden = true;
  by("reason").textContent = name ? "" : "There is no map of this flavour here.";
  if (!name) return;
  load(`data/planes/${name}.js`).then(() => {
    const found = received[name];
    if (found.reason) { by("reason").textContent = `${looks(chosen.flavour).name} has no map: ${found.reason}.`; return; }
    const span = ends => (ends[1] - ends[0]) / (found.nodes - 1);
    map = { ...found, dx: span(found.x), dy: span(found.y), metric: unpacked(found.metric), magnification: unpacked(found.magnification), codes: unpacked(found.codes) };
    map.back = background();
    map.picture = new Image();
    map.picture.src = found.images;
    const middle = (map.nodes - 1) / 2;
    cursor = [middle, middle];
    ends = [];
    by("classes").replaceChildren(...Object.entries(map.classes).map(([label, colour]) =>
      element("span", {}, element("span", { class: "swatch", style: `background: ${colour}` }), called(label))));
    return map.picture.decode().then(() => { by("explorer").hidden = false; curves(); draw(); });
  });
}

function pointed(event) {
  const box = by("plane").getBoundingClientRect(), last = map.nodes - 1, inside = at => Math.max(0, Math.min(last, Math.round(at * map.nodes - 0.5)));
  cursor = [inside((event.clientX - box.left) / box.width), inside(1 - (event.clientY - box.top) / box.height)];
}

function form() {
  const change = name => text => { chosen[name] = text; show(); };
  const present = kind => named(kind).filter(([name]) => names.some(one => one[kind.slice(0, -1)] === name));
  const flavours = named("families").map(([family, { title }]) => [title, present("flavours").filter(([name]) => looks(name).family === family).map(([name, look]) => [name, look.name])]).filter(([, inner]) => inner.length);
  by("choices").append(
    selector("Dataset", present("datasets"), chosen.dataset, change("dataset")),
    ...(present("architectures").length > 1 ? [selector("Architecture", present("architectures"), chosen.architecture, change("architecture"))] : []),
    selector("Flavour", flavours, chosen.flavour, change("flavour")));
}

if (names.length) {
  const plane = by("plane"), moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  plane.width = plane.height = PIXELS;
  plane.addEventListener("pointermove", event => { pointed(event); draw(); });
  plane.addEventListener("pointerup", event => { pointed(event); mark(); });
  plane.addEventListener("keydown", event => {
    if (event.key in moves) cursor = cursor.map((at, axis) => Math.max(0, Math.min(map.nodes - 1, at + moves[event.key][axis] * (event.shiftKey ? 5 : 1))));
    else if (event.key === "Escape") { ends = []; curves(); }
    else if (event.key === "Enter" || event.key === " ") { event.preventDefault(); mark(); return; }
    else return;
    event.preventDefault();
    draw();
  });
  form();
  show();
} else by("reason").textContent = "There are no maps: no model of latent size 2 has one, or these pages were made of tables alone.";
