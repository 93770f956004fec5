"use strict";
// Strips of images of every flavour of a block, by family.

const blocks = study().sheets.map(name => name.match(/^(.*)-([^-]*)-z(\d+)$/)).map(([name, dataset, architecture, latent]) => ({ name, dataset, architecture, latent }));
const defaults = { block: blocks[0]?.name ?? "", what: "reconstructions", family: "" };
const chosen = choices(defaults);

function strip(uri, alt, ...caption) {
  return element("div", { class: "strip" }, element("p", {}, ...caption), uri
    ? element("img", { src: uri, alt, class: "pixels" }) : "");
}

function draw() {
  keep(chosen, defaults);
  const sheet = received[chosen.block], kinds = [...new Set(Object.values(sheet.flavours).flatMap(one => Object.keys(one)))].filter(kind => kind !== "reason");
  if (!kinds.includes(chosen.what)) chosen.what = kinds[0];
  form(kinds);
  const parts = [];
  if (chosen.what === "reconstructions" && sheet.originals) {
    parts.push(element("div", { class: "rows" }, strip(sheet.originals, `${sheet.count} test images`, element("b", {}, "Test images"))));
  }
  let shown = 0;
  const lacking = [];
  for (const [family, { title, colour }] of named("families")) {
    if (chosen.family && chosen.family !== family) continue;
    const of = Object.keys(study().flavours).filter(flavour => looks(flavour).family === family && flavour in sheet.flavours);
    const there = of.filter(flavour => sheet.flavours[flavour][chosen.what]);
    lacking.push(...of.filter(flavour => !there.includes(flavour)).map(flavour => `${looks(flavour).name}${sheet.flavours[flavour].reason ? ` (${sheet.flavours[flavour].reason})` : ""}`));
    shown += there.length;
    if (there.length) parts.push(element("h2", { style: `border-color: ${colour}` }, title), element("div", { class: "rows" }, ...there.map(flavour =>
      strip(sheet.flavours[flavour][chosen.what], `${chosen.what} of ${looks(flavour).name}`, badge(flavour), ` ${looks(flavour).name}`))));
  }
  by("sheet").replaceChildren(...parts);
  by("told").textContent = `${shown} flavours, of each the first seed that did not diverge` + (lacking.length ? `; none of ${lacking.join(", ")}` : "");
}

function form(kinds) {
  const change = name => text => { chosen[name] = text; show(); };
  const focused = document.activeElement?.name;
  by("choices").replaceChildren(
    selector("Block", blocks.map(one => [one.name, block(one.dataset, one.architecture, one.latent)]), chosen.block, change("block")),
    selector("Show", kinds.map(kind => [kind, kind]), chosen.what, change("what")),
    selector("Family", [["", "all"], ...named("families").map(([name, family]) => [name, family.title])], chosen.family, change("family")));
  if (focused) by("choices").querySelector(`[name="${focused}"]`)?.focus();
}

function show() { load(`data/sheets/${chosen.block}.js`).then(draw); }
if (blocks.length) show();
else by("told").textContent = "There are no pictures: these pages were made of tables alone.";
