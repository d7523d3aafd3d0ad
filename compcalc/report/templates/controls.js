"use strict";
const part = (name) => document.getElementById("event-" + name);

function showFrame(k) {
  const last = events[scene.event].time_fs.length - 1;
  scene.frame = Math.max(0, Math.min(last, k));
  part("slider").value = scene.frame;
  part("status").textContent = describe();
  drawScene();
}

function showEvent(index) {
  pause();
  scene.event = index;
  const event = events[index];
  part("select").value = index;
  part("slider").max = event.time_fs.length - 1;
  part("cause").textContent = event.run + ": " + event.ending + (event.cause ? ". Cause: " + event.cause : "");
  part("canvas").setAttribute("aria-label", "3D view of " + event.run + ", " + event.ending);
  resetView();
  showFrame(event.time_fs.length - 1);
}

function pause() {
  clearInterval(scene.playing);
  scene.playing = 0;
  part("play").textContent = "Play";
  part("status").setAttribute("aria-live", "polite");
}

function play() {
  if (scene.playing) return pause();
  const last = events[scene.event].time_fs.length - 1;
  if (scene.frame === last) showFrame(0);
  part("play").textContent = "Pause";
  part("status").setAttribute("aria-live", "off");
  scene.playing = setInterval(() => (scene.frame < last ? showFrame(scene.frame + 1) : pause()), FRAME_MS);
}

function zoomBy(factor) {
  scene.zoom = Math.max(0.2, Math.min(8, scene.zoom * factor));
  drawScene();
}

function turnBy(axis, angle) {
  rotate(axis, angle);
  drawScene();
}

function saveFrames() {
  const event = events[scene.event], n = event.symbols.length;
  const text = decoded(event).map((frame, k) => n + "\nProperties=species:S:1:pos:R:3 time_fs=" + event.time_fs[k] + "\n"
    + event.symbols.map((symbol, i) => [symbol, ...point(frame, i).map((x) => x.toFixed(2))].join(" ")).join("\n") + "\n");
  save("event-" + scene.event + ".xyz", text.join(""), "chemical/x-xyz");
}

const keys = {
  ArrowLeft: () => turnBy("y", -0.15), ArrowRight: () => turnBy("y", 0.15), ArrowUp: () => turnBy("x", -0.15), ArrowDown: () => turnBy("x", 0.15),
  "+": () => zoomBy(1.2), "=": () => zoomBy(1.2), "-": () => zoomBy(1 / 1.2), ",": () => showFrame(scene.frame - 1), ".": () => showFrame(scene.frame + 1),
  " ": play, 0: () => { resetView(); drawScene(); },
};

function listenToPointers(canvas) {
  const held = new Map();
  const spread = () => { const [a, b] = [...held.values()]; return Math.hypot(a.x - b.x, a.y - b.y); };
  canvas.addEventListener("pointerdown", (event) => {
    held.set(event.pointerId, { x: event.clientX, y: event.clientY });
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = held.get(event.pointerId);
    if (!before) return;
    const wide = held.size === 2 ? spread() : 0;
    held.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (wide) return zoomBy(spread() / wide);
    rotate("y", 0.01 * (event.clientX - before.x));
    turnBy("x", 0.01 * (event.clientY - before.y));
  });
  ["pointerup", "pointercancel"].forEach((name) => canvas.addEventListener(name, (event) => held.delete(event.pointerId)));
  // The wheel belongs to the page until the reader is in the view.
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas) return;
    event.preventDefault();
    zoomBy(event.deltaY < 0 ? 1.1 : 1 / 1.1);
  }, { passive: false });
}

if (events.length) {
  const canvas = part("canvas");
  listenToPointers(canvas);
  canvas.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
  part("select").addEventListener("change", () => showEvent(Number(part("select").value)));
  part("slider").addEventListener("input", () => { pause(); showFrame(Number(part("slider").value)); });
  part("back").addEventListener("click", () => { pause(); showFrame(scene.frame - 1); });
  part("forward").addEventListener("click", () => { pause(); showFrame(scene.frame + 1); });
  part("play").addEventListener("click", play);
  part("reset").addEventListener("click", keys[0]);
  part("save").addEventListener("click", saveFrames);
  document.querySelectorAll("button[data-event]").forEach((button) => button.addEventListener("click", () => {
    showEvent(Number(button.dataset.event));
    part("view").scrollIntoView({ block: "nearest" });
    canvas.focus();
  }));
  new ResizeObserver(drawScene).observe(canvas);
  darkScreen.addEventListener("change", drawScene);
  addEventListener("beforeprint", () => { scene.printing = true; drawScene(); });
  addEventListener("afterprint", () => { scene.printing = false; drawScene(); });
  showEvent(0);
}
