"use strict";
const figures = JSON.parse(document.getElementById("figures").textContent);
const plots = Object.keys(figures).map((key) => document.getElementById("figure-" + key));
const bar = { displaylogo: false, responsive: true, modeBarButtons: [["toImage"]] };
Object.values(figures).forEach((figure, i) => {
  plots[i].textContent = "";
  Plotly.newPlot(plots[i], figure.data, figure.layout, bar);
});
addEventListener("beforeprint", () => plots.forEach((plot) => Plotly.relayout(plot, { width: 640 })));
addEventListener("afterprint", () => plots.forEach((plot) => Plotly.relayout(plot, { width: null, autosize: true })));

function cellValue(row, column) {
  const cell = row.cells[column];
  return cell.dataset.v === undefined ? cell.textContent.trim() : cell.dataset.v === "" ? null : Number(cell.dataset.v);
}

function compare(a, b) {
  return typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
}

function sortBy(header) {
  const table = header.closest("table"), body = table.tBodies[0], column = header.cellIndex;
  const down = header.getAttribute("aria-sort") === "ascending";
  const rows = [...body.rows].map((row) => [cellValue(row, column), row]);
  const known = rows.filter(([v]) => v !== null).sort(([a], [b]) => (down ? -compare(a, b) : compare(a, b)));
  body.append(...[...known, ...rows.filter(([v]) => v === null)].map(([, row]) => row));
  table.querySelectorAll("[aria-sort]").forEach((th) => th.removeAttribute("aria-sort"));
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
}

document.querySelectorAll(".sortable thead th:not(.unsorted)").forEach((th) => {
  th.tabIndex = 0;
  th.addEventListener("click", () => sortBy(th));
  th.addEventListener("keydown", (event) => event.key === "Enter" && sortBy(th));
});
