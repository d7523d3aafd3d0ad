"use strict";
const MOST_LINES = 2000; // shown on the page; a file has them all

function save(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// A text that begins like a formula is one to a spreadsheet, wherever it came from.
function csvCell(value) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) && isNaN(value) ? "'" + value : String(value);
  return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}

// The mark at the beginning tells spreadsheets that the text is UTF-8.
const csv = (lines) => "\ufeff" + lines.map((line) => line.map(csvCell).join(",")).join("\r\n") + "\r\n";

function cellText(cell) {
  return cell.dataset.v !== undefined ? cell.dataset.v : cell.innerText.replace(/\s+/g, " ").trim();
}

function tableLines(table) {
  return [...table.rows].map((row) => [...row.cells].filter((cell) => !cell.classList.contains("picture")).map(cellText));
}

// Of curves among which the reader chooses, the numbers are those of the traces, which hold no x but its steps.
function linesOf({ lines, choices, data }) {
  if (lines.length) return lines;
  return choices.flatMap(([label, traces]) => traces.flatMap((i) =>
    data[i].y.map((y, k) => [label, data[i].name, Number((data[i].x0 + k * data[i].dx).toPrecision(6)), y])));
}

function showNumbers(details) {
  const figure = figures[details.dataset.figure], { columns } = figure, lines = linesOf(figure);
  const table = document.createElement("table"), head = table.createTHead().insertRow(), body = table.createTBody();
  columns.forEach((name) => {
    const cell = head.appendChild(document.createElement("th"));
    cell.scope = "col";
    cell.textContent = name;
  });
  table.createCaption().textContent = lines.length > MOST_LINES ? "The first " + MOST_LINES + " of " + lines.length + " lines" : lines.length + " lines";
  lines.slice(0, MOST_LINES).forEach((line) => {
    const row = body.insertRow();
    line.forEach((value) => {
      const cell = row.insertCell();
      cell.textContent = value === null ? "–" : typeof value === "number" ? Number(value.toPrecision(6)) : value;
      cell.className = typeof value === "number" ? "n" : "";
    });
  });
  details.querySelector(".scroll").replaceChildren(table);
}

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

function filterMolecules() {
  const [text, split, state] = ["text", "split", "state"].map((name) => document.getElementById("filter-" + name).value);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean), rows = [...document.querySelectorAll("#molecule-table tbody tr")];
  rows.forEach((row) => {
    const name = (row.dataset.molecule + " " + row.dataset.smiles).toLowerCase();
    row.hidden = !(words.every((word) => name.includes(word)) && (!split || row.dataset.split === split)
      && (!state || row.dataset.state.split(" ").includes(state)));
  });
  const shown = rows.filter((row) => !row.hidden).length;
  document.getElementById("filter-count").textContent = shown + " of " + rows.length + " rows";
}

const sortedHeaders = document.querySelectorAll(".sortable thead th:not(.unsorted)");

function addSortButton(th) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...th.childNodes);
  button.addEventListener("click", () => sortBy(th));
  th.append(button);
}

// A header that is repeated on each page of paper is printed without its buttons, and so without its words.
addEventListener("beforeprint", () => sortedHeaders.forEach((th) => th.replaceChildren(...th.firstChild.childNodes)));
addEventListener("afterprint", () => sortedHeaders.forEach(addSortButton));
sortedHeaders.forEach(addSortButton);
document.querySelectorAll("[id^=filter-]").forEach((field) => field.addEventListener("input", filterMolecules));
document.querySelectorAll("details.numbers").forEach((part) =>
  part.addEventListener("toggle", () => part.open && showNumbers(part)));
document.querySelectorAll("button[data-csv-figure]").forEach((button) => button.addEventListener("click", () => {
  const figure = figures[button.dataset.csvFigure];
  save(button.dataset.csvFigure + ".csv", csv([figure.columns, ...linesOf(figure)]), "text/csv");
}));
document.querySelectorAll("button[data-csv-table]").forEach((button) => button.addEventListener("click", () =>
  save(button.dataset.csvTable + ".csv", csv(tableLines(document.getElementById(button.dataset.csvTable))), "text/csv")));
