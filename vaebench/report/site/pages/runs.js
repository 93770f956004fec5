"use strict";
// All cells, or all runs, in a table that a reader filters, sorts and chooses the columns of.

const defaults = { text: "", dataset: "", architecture: "", latent: "", family: "", rows: "cells", sort: "", columns: "" };
const chosen = choices(defaults);
// Of what a row is, but for what is the same of all.
const PLACES = ["Flavour", ...(named("datasets").length > 1 ? ["Dataset"] : []), ...(named("architectures").length > 1 ? ["Architecture"] : []), "Latent"];
let metrics, drawn = [];

function value(row, metric) { // [number to sort by or null, text, why it is missing]
  const found = row.table.values[metric.key]?.[row.index] ?? [0];
  if (typeof found === "number") return [found, number(found), ""];
  if (found.length === 1) return [null, "—", row.table.reasons[found[0]]];
  const [mean, low, high, n] = found;
  return [mean, number(mean, low, high), `${n} seed${n > 1 ? "s" : ""}${low === null ? "" : `, 95 % interval ${number(low)} to ${number(high)}`}`];
}

function columns() {
  const keys = chosen.columns ? chosen.columns.split(",") : first();
  return metrics.filter(metric => keys.includes(metric.key));
}
function first() { // the numbers of the answer
  const keys = study().answer.map(found => found.part ? `${found.metric}:${found.part}` : found.metric);
  return [...new Set([...keys, ...metrics.slice(0, 1).map(metric => metric.key), "wall_seconds"])];
}

function rows() {
  const table = received[chosen.rows], words = chosen.text.toLowerCase().split(/\s+/).filter(Boolean);
  return table.places.map(([dataset, architecture, flavour, latent, seed], index) => {
    const look = looks(flavour);
    if (!look) return null;
    const family = study().families[look.family].title;
    const all = { Flavour: look.name, Dataset: study().datasets[dataset] ?? dataset, Architecture: study().architectures[architecture] ?? architecture, Latent: String(latent), Seed: String(seed) };
    const texts = heads().map(name => all[name]);
    return { table, index, dataset, architecture, flavour, latent, seed, texts, family: look.family,
      said: [...Object.values(all).slice(0, 4), family, flavour, look.objective].join(" ").toLowerCase() };
  }).filter(row => row && ["dataset", "architecture", "latent", "family"].every(name => !chosen[name] || String(row[name]) === chosen[name])
    && words.every(word => row.said.includes(word)));
}

function compared(a, b) { return typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a < b ? -1 : a > b ? 1 : 0; }
function ordered(list, shown) {
  const [column, direction] = chosen.sort.split("|");
  const place = heads().indexOf(column), metric = shown.find(one => one.key === column);
  if (!direction || (place < 0 && !metric)) return list;
  const sign = direction === "descending" ? -1 : 1;
  const keyed = list.map(row => [metric ? value(row, metric)[0] : row.texts[place], row]);
  const known = keyed.filter(([key]) => key !== null), missing = keyed.filter(([key]) => key === null);
  return [...known.sort((a, b) => sign * compared(a[0], b[0])), ...missing].map(([, row]) => row);
}
function heads() { return chosen.rows === "runs" ? [...PLACES, "Seed"] : PLACES; }

function head(column, text, number, better) {
  const [sorted, direction] = chosen.sort.split("|"), now = sorted === column ? direction : "none";
  const start = better === "higher" ? "descending" : "ascending", second = better === "higher" ? "ascending" : "descending";
  const next = { none: start, [start]: second, [second]: "none" }[now];
  const sort = () => {
    chosen.sort = next === "none" ? "" : `${column}|${next}`;
    draw();
    [...by("runs").tHead.rows[0].cells].find(cell => cell.dataset.column === column).firstChild.focus();
  };
  return element("th", { scope: "col", class: number ? "number" : "", "aria-sort": now, "data-column": column },
    element("button", { type: "button", onclick: sort }, text));
}

function line(row, shown) {
  const [name, ...others] = row.texts;
  return element("tr", {}, element("th", { scope: "row" }, badge(row.flavour), ` ${name}`),
    ...others.map(text => element("td", {}, text)),
    ...shown.map(metric => {
      const [number, text, remark] = value(row, metric);
      return element("td", { class: number === null ? "number missing" : "number", title: remark }, text);
    }));
}

function draw() {
  keep(chosen, defaults);
  const shown = columns();
  drawn = ordered(rows(), shown);
  const ours = drawn.filter(row => !control(row.flavour)), controls = drawn.filter(row => control(row.flavour));
  by("runs").replaceChildren(
    element("thead", {}, element("tr", {}, ...heads().map(name => head(name, name, false)),
      ...shown.map(metric => head(metric.key, metric.name, true, metric.better)))),
    element("tbody", {}, ...ours.map(row => line(row, shown))),
    element("tbody", { class: "controls" }, ...controls.map(row => line(row, shown))));
  by("count").textContent = `${drawn.length} of ${received[chosen.rows].places.length} ${chosen.rows}`;
}

function form() {
  const change = name => text => { chosen[name] = text; draw(); };
  const all = options => [["", "all"], ...options];
  by("choices").addEventListener("submit", event => event.preventDefault());
  by("choices").append(
    element("label", {}, "Filter", element("input", { type: "search", value: chosen.text, placeholder: "name, family, …", oninput: event => change("text")(event.target.value) })),
    selector("Dataset", all(named("datasets")), chosen.dataset, change("dataset")),
    ...(named("architectures").length > 1 ? [selector("Architecture", all(named("architectures")), chosen.architecture, change("architecture"))] : []),
    selector("Latent size", all(latents()), chosen.latent, change("latent")),
    selector("Family", all(named("families").map(([name, family]) => [name, family.title])), chosen.family, change("family")),
    selector("Rows", [["cells", "cells: means over seeds"], ["runs", "runs: a row for each seed"]], chosen.rows, change("rows")));
  for (const [title, options] of grouped(metrics)) {
    by("columns").append(element("fieldset", {}, element("legend", {}, title), element("div", {}, ...options.map(([key, name]) => {
      const box = element("input", { type: "checkbox", value: key, checked: columns().some(metric => metric.key === key), onchange: picked });
      return element("label", {}, box, ` ${name}`);
    }))));
  }
}
function picked() {
  chosen.columns = [...by("columns").querySelectorAll("input:checked")].map(box => box.value).join(",");
  draw();
}

function save() {
  const shown = columns(), quoted = text => /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const numbers = row => shown.map(metric => value(row, metric)[0] ?? "");
  const lines = [[...heads(), ...shown.map(metric => metric.key)], ...drawn.map(row => [...row.texts, ...numbers(row)])];
  const text = lines.map(cells => cells.map(cell => quoted(String(cell))).join(",")).join("\n");
  const link = element("a", { href: URL.createObjectURL(new Blob([`${text}\n`], { type: "text/csv" })), download: `${chosen.rows}.csv` });
  link.click();
  URL.revokeObjectURL(link.href);
}

Promise.all([load("data/cells.js"), load("data/runs.js")]).then(() => {
  metrics = study().metrics.filter(told);
  form();
  draw();
  by("save").addEventListener("click", save);
});
