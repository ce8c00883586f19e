// The box to search in: dragged on the map, or typed as four numbers.

import { boxPolygon, wrapped } from "./geo.js";

const SIDES = ["west", "south", "east", "north"];

/**
 * Wire up the form; `onChange(box)` gets {west, south, east, north} or null.
 * Without a map (`results` is null) boxes are typed only.
 */
export function areaForm({ form, draw, clear, stop, results, onChange }) {
  const drawing = results && new Drawing(results.map, (box, isDone) => {
    for (const side of SIDES) form.elements[side].value = box[side].toFixed(4);
    results.showBox(boxPolygon(box));
    if (isDone) {
      setDrawing(false);
      apply();
    }
  });
  draw.hidden = !results;

  function setDrawing(wanted) {
    draw.setAttribute("aria-pressed", String(wanted));
    stop.hidden = !wanted;
    drawing.setActive(wanted);
  }

  function apply() {
    if (!form.reportValidity()) return;
    const entries = SIDES.map((side) => [side, Number(form.elements[side].value)]);
    const box = Object.fromEntries(entries);
    if (box.south >= box.north) {
      form.elements.north.setCustomValidity("North must be greater than south.");
      form.reportValidity();
      return;
    }
    clear.disabled = false;
    results?.showBox(boxPolygon(box));
    onChange(box);
  }

  form.addEventListener("input", () => form.elements.north.setCustomValidity(""));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply();
  });
  draw.addEventListener("click", () => setDrawing(draw.getAttribute("aria-pressed") !== "true"));
  stop.addEventListener("click", () => setDrawing(false));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !stop.hidden) setDrawing(false);
  });
  clear.addEventListener("click", () => {
    form.reset();
    clear.disabled = true;
    results?.showBox(null);
    onChange(null);
  });
}

/** Turns a drag over the map into a box; the map stands still meanwhile. */
class Drawing {
  constructor(map, onBox) {
    this.map = map;
    this.onBox = onBox;
    this.start = null;
    this.isActive = false;
    const canvas = map.getCanvasContainer();
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event, false));
    canvas.addEventListener("pointerup", (event) => this.move(event, true));
    canvas.addEventListener("pointercancel", () => { this.start = null; });
  }

  setActive(wanted) {
    this.isActive = wanted;
    this.start = null;
    this.map.getCanvas().classList.toggle("drawing", wanted);
    this.map.dragPan[wanted ? "disable" : "enable"]();
    this.map.getCanvasContainer().style.touchAction = wanted ? "none" : "";
  }

  down(event) {
    if (!this.isActive || !event.isPrimary) return;
    this.map.getCanvasContainer().setPointerCapture(event.pointerId);
    this.start = this.at(event);
  }

  move(event, isDone) {
    if (this.start === null) return;
    const end = this.at(event);
    const isLarge = Math.hypot(end.x - this.start.x, end.y - this.start.y) > 5;
    if (isLarge) this.onBox(box(this.start.place, end.place), isDone);
    if (isDone) this.start = null;
  }

  at(event) {
    const frame = this.map.getContainer().getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    return { x, y, place: this.map.unproject([x, y]) };
  }
}

/** Return the box between two corners: of both ways round the globe the shorter. */
function box(one, other) {
  const [south, north] = [one.lat, other.lat].sort((a, b) => a - b);
  const east = wrapped(other.lng - one.lng) > 0;
  const [west, end] = east ? [one.lng, other.lng] : [other.lng, one.lng];
  return { west: wrapped(west), south, east: wrapped(end), north };
}
