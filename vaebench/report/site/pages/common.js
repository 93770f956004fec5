"use strict";
// What all pages share: data, elements, numbers as people read them, and choices that the address keeps.

const received = {};
function receive(name, value) { received[name] = value; }

const loading = {};
function load(path) { // a script of data, once: a page from the disk may read nothing else
  return loading[path] ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = path;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${path} is not there`));
    document.head.append(script);
  });
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}
function element(tag, attributes = {}, ...children) { return fill(document.createElement(tag), attributes, children); }
function shape(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}
function by(id) { return document.getElementById(id); }

// Numbers, as the tables write them: two digits of half the interval's width, four of a mean alone.
function number(mean, low = null, high = null) {
  if (!Number.isFinite(mean)) return String(mean).replace("Infinity", "∞");
  const half = low === null || high === null ? NaN : (high - low) / 2;
  const uncertain = Number.isFinite(half) && half > 1e-6 * Math.abs(mean);
  if (!uncertain && mean === Math.round(mean)) return mean.toFixed(0);
  const size = uncertain ? half : Math.abs(mean), digits = uncertain ? 2 : 4;
  let decimals = size ? Math.max(0, digits - 1 - Math.floor(Math.log10(size))) : 0;
  if (decimals > 6 && Math.abs(mean) >= 1e-3) decimals = 6;
  const text = (value, few) => decimals > 6 ? value.toPrecision(few) : value.toFixed(decimals);
  return uncertain ? `${text(mean, 3)} ± ${text(half, 2)}` : text(mean, 3);
}

// Choices: a value by name, which the address keeps after its #.
function choices(defaults) {
  const given = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const chosen = { ...defaults };
  for (const name of Object.keys(defaults)) if (name in given) chosen[name] = given[name];
  return chosen;
}
function keep(chosen, defaults) {
  const changed = Object.entries(chosen).filter(([name, value]) => String(value) !== String(defaults[name]));
  history.replaceState(null, "", changed.length ? `#${new URLSearchParams(changed)}` : location.pathname.split("/").pop());
}
function selector(label, options, value, change) { // options: [value, text] or [group, [[value, text], ...]]
  const option = ([name, text]) => element("option", { value: name, selected: String(name) === String(value) }, text);
  const filled = options.map(([name, inner]) => Array.isArray(inner)
    ? element("optgroup", { label: name }, ...inner.map(option)) : option([name, inner]));
  return element("label", {}, label, element("select", { name: label, onchange: event => change(event.target.value) }, ...filled));
}
function checkbox(label, checked, change) {
  return element("label", { class: "check" },
    element("input", { type: "checkbox", checked, onchange: event => change(event.target.checked) }), label);
}

// What all pages say of a study.
function study() { return received.study; }
function named(kind) { return Object.entries(study()[kind]); }
function latents() { return study().latents.map(size => [size, String(size)]); }
function looks(flavour) { return study().flavours[flavour]; }
function control(flavour) { return looks(flavour).family === "controls"; }
function grouped(metrics) { // options of a selector, by the question that they answer
  const groups = new Map();
  for (const metric of metrics) {
    const title = study().questions[metric.question] ?? "Other";
    if (!groups.has(title)) groups.set(title, []);
    groups.get(title).push([metric.key, metric.name]);
  }
  const order = Object.values(study().questions);
  return [...groups].sort((a, b) => order.indexOf(a[0]) - order.indexOf(b[0]));
}
function block(dataset, architecture, latent) {
  return `${study().datasets[dataset]}, ${study().architectures[architecture]}, latent size ${latent}`;
}
// Those that have a value somewhere; the value of a place is that of its row: [mean, low, high, n], or [reason].
function told(metric) { return received.cells.values[metric.key].some(value => value.length > 1); }

// Markers are those of the figures, in a square of side 2 around the origin.
const MARKERS = {
  o: "M1 0A1 1 0 1 1 -1 0A1 1 0 1 1 1 0Z", s: "M-.85 -.85H.85V.85H-.85Z", "^": "M0 -1L1 .8H-1Z", v: "M0 1L1 -.8H-1Z",
  D: "M0 -1.15L1.15 0L0 1.15L-1.15 0Z", "<": "M-1 0L.8 -1V1Z", ">": "M1 0L-.8 -1V1Z", "|": "M-.25 -1.2H.25V1.2H-.25Z",
  P: "M-.4 -1H.4V-.4H1V.4H.4V1H-.4V.4H-1V-.4H-.4Z", X: "M0 -.5L.6 -1L1 -.6L.5 0L1 .6L.6 1L0 .5L-.6 1L-1 .6L-.5 0L-1 -.6L-.6 -1Z",
  p: "M0 -1L.95 -.31L.59 .81H-.59L-.95 -.31Z", h: "M0 -1L.87 -.5V.5L0 1L-.87 .5V-.5Z",
};
function marker(flavour, size = 6) {
  const look = looks(flavour);
  return shape("path", { d: MARKERS[look.marker] ?? MARKERS.o, fill: look.colour, transform: `scale(${size})` });
}
function badge(flavour) { // a marker in a line of text
  return shape("svg", { width: 12, height: 12, viewBox: "-7 -7 14 14", "aria-hidden": "true" }, marker(flavour, 5));
}
