"use strict";
// Any metric against any other: a point for each flavour, with its intervals.

const SIZE = { width: 1000, height: 640, left: 78, right: 24, top: 18, bottom: 56 };
let metrics, defaults, chosen, alone = "", out = [];

function points() {
  const { places, values } = received.cells, found = [], missing = [];
  places.forEach(([dataset, architecture, flavour, latent], index) => {
    if (dataset !== chosen.dataset || architecture !== chosen.architecture || String(latent) !== String(chosen.latent) || !looks(flavour)) return;
    if (control(flavour) && chosen.controls !== "true") return;
    const [x, y] = [chosen.x, chosen.y].map(key => values[key][index]);
    const lacking = [[chosen.x, x], [chosen.y, y]].filter(([, value]) => value.length === 1 || !Number.isFinite(value[0]));
    if (lacking.length) missing.push([flavour, lacking[0][1].length === 1 ? received.cells.reasons[lacking[0][1][0]] : "its value is infinite"]);
    else found.push({ flavour, x, y, family: looks(flavour).family });
  });
  return { found, missing };
}

// Values that lie no farther from the quartiles than three times these are apart, all of them if a reader asks.
function bulk(means) {
  if (chosen.frame === "all") return means;
  const sorted = [...means].sort((a, b) => a - b), quartile = share => sorted[Math.round(share * (sorted.length - 1))];
  const [low, high] = [quartile(0.25), quartile(0.75)], reach = 3 * (high - low);
  return means.filter(mean => mean >= low - reach && mean <= high + reach);
}
// Ends of an axis: those of the values, and of intervals that are not far wider than all values are apart.
function range(every) {
  const kept = new Set(bulk(every.map(value => value[0]))), values = every.filter(value => kept.has(value[0]));
  const means = values.map(value => value[0]), spread = Math.max(...means) - Math.min(...means) || Math.abs(means[0]) || 1;
  const reach = value => value[1] !== null && value[2] - value[1] < spread ? [value[1], value[2]] : [value[0]];
  const all = values.flatMap(value => [value[0], ...reach(value)]), margin = 0.05 * (Math.max(...all) - Math.min(...all) || spread);
  return [Math.min(...all) - margin, Math.max(...all) + margin];
}
function ticks([low, high]) {
  const rough = (high - low) / 6, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= rough), digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) found.push([i * step, (i * step).toFixed(digits)]);
  return found;
}

function words(point) {
  const value = (key, [mean, low, high, n]) =>
    `${metric(key).name} ${number(mean, low, high)}${low === null ? "" : ` [${number(low)}, ${number(high)}]`} (${n} seed${n > 1 ? "s" : ""})`;
  return `${looks(point.flavour).name}, ${study().families[point.family].title}: ${value(chosen.x, point.x)}; ${value(chosen.y, point.y)}`;
}
function metric(key) { return metrics.find(one => one.key === key); }

// Names beside their points, where they cover neither a point nor a name.
function labelled(placed) {
  const boxes = placed.map(({ cx, cy }) => [cx - 7, cy - 7, cx + 7, cy + 7]), names = [];
  const free = box => box[0] > SIZE.left && box[2] < SIZE.width - SIZE.right && box[1] > SIZE.top && box[3] < SIZE.height - SIZE.bottom
    && boxes.every(other => box[2] < other[0] || box[0] > other[2] || box[3] < other[1] || box[1] > other[3]);
  for (const { point, cx, cy } of placed) {
    if (alone && point.family !== alone) continue;
    const text = looks(point.flavour).name, width = 6.4 * text.length;
    const beside = [[cx + 9, cy + 4, "start"], [cx - 9, cy + 4, "end"], [cx, cy - 11, "middle"], [cx, cy + 19, "middle"]];
    const between = [[cx + 8, cy - 6, "start"], [cx - 8, cy - 6, "end"], [cx + 8, cy + 15, "start"], [cx - 8, cy + 15, "end"]];
    const spots = point.x[1] === null && point.y[1] === null ? [...beside, ...between] : between; // of an interval's lines
    for (const [x, y, anchor] of spots) {
      const left = { start: x, end: x - width, middle: x - width / 2 }[anchor], box = [left, y - 10, left + width, y + 3];
      if (!free(box)) continue;
      boxes.push(box);
      names.push(shape("text", { class: "name", x, y, "text-anchor": anchor }, text));
      break;
    }
  }
  return names;
}

function plot(found) {
  const { width, height, left, right, top, bottom } = SIZE;
  const ends = { x: range(found.map(point => point.x)), y: range(found.map(point => point.y)) };
  const inside = (share) => Math.min(1.01, Math.max(-0.01, share));
  const sx = value => left + (width - left - right) * inside((value - ends.x[0]) / (ends.x[1] - ends.x[0]));
  const sy = value => height - bottom - (height - top - bottom) * inside((value - ends.y[0]) / (ends.y[1] - ends.y[0]));
  const grid = [
    ...ticks(ends.x).flatMap(([value, text]) => [shape("line", { class: "grid", x1: sx(value), x2: sx(value), y1: top, y2: height - bottom }),
      shape("text", { x: sx(value), y: height - bottom + 17, "text-anchor": "middle" }, text)]),
    ...ticks(ends.y).flatMap(([value, text]) => [shape("line", { class: "grid", y1: sy(value), y2: sy(value), x1: left, x2: width - right }),
      shape("text", { x: left - 7, y: sy(value) + 4, "text-anchor": "end" }, text)]),
    shape("rect", { class: "frame", x: left, y: top, width: width - left - right, height: height - top - bottom }),
    shape("text", { class: "title", x: (left + width - right) / 2, y: height - 14, "text-anchor": "middle" }, metric(chosen.x).name),
    shape("text", { class: "title", transform: `translate(17 ${(top + height - bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, metric(chosen.y).name),
  ];
  const beyond = (value, [low, high]) => value < low || value > high;
  const placed = found.map(point => ({ point, cx: sx(point.x[0]), cy: sy(point.y[0]) }));
  out = found.filter(point => beyond(point.x[0], ends.x) || beyond(point.y[0], ends.y)).map(point => looks(point.flavour).name);
  const marks = placed.map(({ point, cx, cy }) => {
    const bars = [];
    if (point.x[1] !== null) bars.push(shape("line", { x1: sx(point.x[1]), x2: sx(point.x[2]), y1: cy, y2: cy, stroke: looks(point.flavour).colour }));
    if (point.y[1] !== null) bars.push(shape("line", { y1: sy(point.y[1]), y2: sy(point.y[2]), x1: cx, x2: cx, stroke: looks(point.flavour).colour }));
    const tell = () => { by("told").textContent = words(point); };
    return shape("g", { class: alone && point.family !== alone ? "point faded" : "point", tabindex: 0, role: "img", "aria-label": words(point),
      "data-flavour": point.flavour, onfocus: tell, onpointerenter: tell, onclick: tell },
      ...bars, shape("g", { transform: `translate(${cx} ${cy})` }, shape("circle", { class: "halo", r: 10, "pointer-events": "all" }), marker(point.flavour)));
  });
  const title = `${metric(chosen.y).name} against ${metric(chosen.x).name}`;
  return shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": title }, ...grid, ...marks, ...labelled(placed));
}

function draw() {
  keep(chosen, defaults);
  // The plot is drawn as wide as it is shown, so that its letters keep their size.
  SIZE.width = Math.max(340, Math.min(1100, by("figure").clientWidth));
  SIZE.height = Math.round(Math.max(320, 0.62 * SIZE.width));
  SIZE.left = SIZE.width < 500 ? 62 : 78;
  const { found, missing } = points();
  by("figure").replaceChildren(found.length ? plot(found) : element("p", {}, "No flavour has both values here."));
  by("told").textContent = found.length ? `${found.length} flavours` + (out.length ? `; beyond the frame, at its edge: ${out.join(", ")}` : "") : "";
  const reasons = [...new Set(missing.map(([, reason]) => reason))];
  by("missing").replaceChildren(...reasons.map(reason => element("li", {},
    `${missing.filter(one => one[1] === reason).map(([flavour]) => looks(flavour).name).join(", ")}: ${reason}`)));
  by("lacking").hidden = !missing.length;
  const families = [...new Set(found.map(point => point.family))];
  by("families").replaceChildren(...named("families").filter(([name]) => families.includes(name)).map(([name, family]) =>
    element("button", { type: "button", "data-family": name, "aria-pressed": String(alone === name), onclick: () => only(name) },
      element("span", { class: "swatch", style: `background: ${family.colour}` }), family.title)));
}
function only(family) {
  alone = alone === family ? "" : family;
  draw();
  by("families").querySelector(`[data-family="${family}"]`).focus();
}

function form() {
  const change = name => text => { chosen[name] = String(text); draw(); };
  by("choices").append(
    selector("Across", grouped(metrics), chosen.x, change("x")), selector("Up", grouped(metrics), chosen.y, change("y")),
    selector("Dataset", named("datasets"), chosen.dataset, change("dataset")),
    ...(named("architectures").length > 1 ? [selector("Architecture", named("architectures"), chosen.architecture, change("architecture"))] : []),
    selector("Latent size", latents(), chosen.latent, change("latent")),
    selector("Frame", [["bulk", "the bulk"], ["all", "all points"]], chosen.frame, change("frame")),
    checkbox("controls", chosen.controls === "true", change("controls")));
}

load("data/cells.js").then(() => {
  metrics = study().metrics.filter(told);
  const first = [...new Set(study().answer.map(found => found.part ? `${found.metric}:${found.part}` : found.metric))];
  const [x, y] = [...first, ...metrics.map(one => one.key)].filter((key, place, all) => all.indexOf(key) === place);
  defaults = { x, y: y ?? x, dataset: named("datasets")[0][0], architecture: named("architectures")[0][0], latent: study().latents[0], frame: "bulk", controls: "false" };
  chosen = choices(defaults);
  for (const name of ["x", "y"]) if (!metric(chosen[name])) chosen[name] = defaults[name];
  form();
  draw();
  let width = by("figure").clientWidth;
  addEventListener("resize", () => { if (by("figure").clientWidth !== width) { width = by("figure").clientWidth; draw(); } });
});
