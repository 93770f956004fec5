"use strict";
// The answer first: a row for each question, a column for each block.

function leader(found) {
  if (!found) return [element("span", { class: "quiet" }, "—")];
  const sampler = found.part ? ` (${found.part.replaceAll("_", " ")})` : "";
  const names = list => list.map(flavour => looks(flavour).name).join(", ");
  const parts = [
    element("b", {}, badge(found.flavour), ` ${looks(found.flavour).name}`), sampler, element("br"),
    `${number(found.mean, found.low, found.high)}`, element("br"), element("span", { class: "quiet" }, found.told),
  ];
  if (found.tied.length) parts.push(element("details", {}, element("summary", {}, `not told from ${found.tied.length}`), names(found.tied)));
  return parts;
}

function answer() {
  const leaders = study().answer, several = study().conditions.length > 1;
  const place = found => [found.dataset, found.architecture, found.latent, found.conditions].join("/");
  const title = found => block(found.dataset, found.architecture, found.latent) + (several ? ` (${found.conditions})` : "");
  const blocks = [...new Map(leaders.map(found => [place(found), title(found)]))];
  const questions = [...new Set(leaders.map(found => found.question))];
  const name = found => study().metrics.find(metric => metric.key === (found.part ? `${found.metric}:${found.part}` : found.metric)).name;
  by("answer").append(
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Question"),
      ...blocks.map(([, text]) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...questions.map(question => {
      const of = leaders.filter(found => found.question === question);
      const shown = name(of[0]).replace(` (${of[0].part.replaceAll("_", " ")})`, "");
      return element("tr", {},
        element("th", { scope: "row" }, element("b", {}, study().questions[question]), element("br"), element("span", { class: "quiet" }, shown)),
        ...blocks.map(([where, text]) => element("td", { "data-block": text }, ...leader(of.find(found => place(found) === where)))));
    })));
  by("note").textContent = study().note;
}

function facts() {
  const { verification, flavours, datasets, latents, seeds, conditions, cards } = study();
  by("verification").append(element("b", {}, verification.verified ? "Verified: " : "Not verified: "), verification.said);
  by("verification").classList.toggle("broken", !verification.verified);
  const count = Object.keys(flavours).filter(flavour => !control(flavour)).length;
  const controls = Object.keys(flavours).length - count;
  const words = [
    `${count} flavours${controls ? ` and ${controls} controls` : ""} on ${Object.values(datasets).join(", ")}`,
    `latent sizes ${latents.join(", ")}`,
    ...seeds,
    `data convention and likelihood: ${conditions.join(", or ")}`,
  ];
  by("study").append(...words.map(text => element("li", {}, text)));
  by("data").hidden = !cards.length;
  by("cards").append(...cards.map(card => element("section", { class: "card" },
    element("h3", {}, card.name),
    element("details", { open: !card.sheet }, element("summary", {}, card.lines[0]), element("ul", {}, ...card.lines.slice(1).map(line => element("li", {}, line)))),
    ...(card.sheet ? [element("a", { href: card.sheet }, element("img", { src: card.sheet, loading: "lazy", alt: `Contact sheet of ${card.name}` }))] : []))));
}

answer();
facts();
