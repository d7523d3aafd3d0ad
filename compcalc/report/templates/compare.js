"use strict";
const figures = JSON.parse(document.getElementById("figures").textContent);
const plotOf = (key) => document.getElementById("figure-" + key);
const bar = { displaylogo: false, responsive: true, modeBarButtons: [["toImage"]] };
Object.entries(figures).forEach(([key, figure]) => {
  plotOf(key).textContent = "";
  Plotly.newPlot(plotOf(key), figure.data, { ...figure.layout, autosize: true }, bar);
});
addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((part) => { part.open = true; });
  Object.keys(figures).forEach((key) => Plotly.relayout(plotOf(key), { width: 640 }));
});
addEventListener("afterprint", () =>
  Object.keys(figures).forEach((key) => Plotly.relayout(plotOf(key), { width: null, autosize: true })));
