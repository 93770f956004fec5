"""What lets a reader sort the tables of a page."""

from __future__ import annotations

# Best first, worst first, then as the rows were; rows without a value last. Only the first body is sorted: controls,
# in the second, stay below.
SCRIPT = """
function ordered(values, direction) {
  const sign = direction === "descending" ? -1 : 1;
  const compare = (a, b) => typeof a === "string" ? a.localeCompare(b) : a < b ? -1 : a > b ? 1 : 0;
  const known = values.map((value, index) => index).filter(index => values[index] !== null);
  const missing = values.map((value, index) => index).filter(index => values[index] === null);
  return known.sort((a, b) => sign * compare(values[a], values[b]) || a - b).concat(missing);
}
function following(direction, first) {
  const second = first === "descending" ? "ascending" : "descending";
  return { none: first, [first]: second, [second]: "none" }[direction];
}
function value(cell) {
  if (!cell.classList.contains("number")) return cell.dataset.name ?? cell.textContent;
  return "value" in cell.dataset ? Number(cell.dataset.value) : null;
}
function sortable(table) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0], rows = [...body.rows];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const direction = following(head.getAttribute("aria-sort"), head.dataset.first);
    heads.forEach(other => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", direction);
    const order = direction === "none" ? rows.keys() : ordered(rows.map(row => value(row.cells[column])), direction);
    body.replaceChildren(...[...order].map(index => rows[index]));
    table.classList.toggle("sorted", direction !== "none");
  }));
}
if (typeof document !== "undefined") document.querySelectorAll("table").forEach(sortable);
"""
