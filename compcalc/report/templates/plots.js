"use strict";
const readJson = (id) => JSON.parse(document.getElementById(id).textContent);
const figures = readJson("figures");
const plotOf = (name) => document.getElementById("figure-" + name);
const plotBar = { displaylogo: false, responsive: true, modeBarButtons: [["toImage"]] };

function drawPlot(name, printing = false) {
  const figure = figures[name], data = darkScreen.matches && !printing ? darkened(figure.data) : figure.data;
  const layout = printing ? { ...figure.layout, width: 640 } : { ...figure.layout, autosize: true };
  Plotly.react(plotOf(name), data, layout, plotBar);
}

function choose(name, place) {
  const { data, choices } = figures[name];
  choices.forEach(([, traces], k) => traces.forEach((i) => { data[i].visible = k === place; }));
  drawPlot(name);
}

const folded = () => [...document.querySelectorAll("details.more:not([open])")];
let unfolded = [];

addEventListener("beforeprint", () => {
  unfolded = folded();
  unfolded.forEach((part) => { part.open = true; });
  Object.keys(figures).forEach((name) => drawPlot(name, true));
});
addEventListener("afterprint", () => {
  unfolded.forEach((part) => { part.open = false; });
  Object.keys(figures).forEach((name) => drawPlot(name));
});
darkScreen.addEventListener("change", () => Object.keys(figures).forEach((name) => drawPlot(name)));

Object.keys(figures).forEach((name) => { plotOf(name).textContent = ""; drawPlot(name); });
document.querySelectorAll("select[data-figure]").forEach((select) =>
  select.addEventListener("change", () => choose(select.dataset.figure, Number(select.value))));
document.querySelectorAll("details.more").forEach((part) =>
  part.addEventListener("toggle", () => part.open && part.querySelectorAll(".plot").forEach((plot) => Plotly.Plots.resize(plot))));
