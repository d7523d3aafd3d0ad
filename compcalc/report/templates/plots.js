"use strict";
const readJson = (id) => JSON.parse(document.getElementById(id).textContent);
const figures = readJson("figures");
const plotOf = (name) => document.getElementById("figure-" + name);
const darkScreen = matchMedia("(prefers-color-scheme: dark)");
const plotBar = { displaylogo: false, responsive: true, modeBarButtons: [["toImage"]] };

// Colours of the traces, and what stands for them on a dark page.
const onDark = [["#0072B2", "#56B4E9"], ["#D55E00", "#FF9350"], ["#009E73", "#3CCB9F"], ["#CC79A7", "#E3A3C6"], ["#8a8a8a", "#9aa4ae"]];
const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)).join();

function darkColour(colour) {
  return onDark.reduce((text, [from, to]) => text.replace(from, to).replace(channels(from), channels(to)), colour);
}

function darkened(value, key) {
  if (typeof value === "string") return key === "color" || key === "fillcolor" ? darkColour(value) : value;
  if (Array.isArray(value)) return value.map((item) => darkened(item, key));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, darkened(item, name)]));
}

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
