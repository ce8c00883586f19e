// Several photos, or a flight that was tracked: one after the other, with a slider through them.

const STEP_MS = 600;
const SAYS = { matched: "matched", propagated: "carried on from its neighbours",
  "dead-reckoned": "dead-reckoned" };

/** Sorts files by their names, numbers within names as numbers. */
export function inOrder(files) {
  const order = new Intl.Collator("en", { numeric: true });
  return [...files].sort((one, other) => order.compare(one.name, other.name));
}

/** Return the entries of a file that georet locate or georet track wrote as JSON. */
export async function entriesOf(file) {
  let found = null;
  try {
    found = JSON.parse(await file.text());
  } catch { /* told below */ }
  const places = found?.locations?.filter(({ latitude, longitude }) => (
    Number.isFinite(latitude) && Number.isFinite(longitude)));
  if (!places?.length) {
    throw new Error(`${file.name} holds no places; georet locate and track write such files.`);
  }
  return places.map((record) => ({
    name: record.photo, photo: null, error: null, source: record.source, time: record.time_s,
    answer: answerOf(record),
  }));
}

/** Return the radius that holds nine of ten where an ellipse holds 95 of 100. */
function nineOfTen(ellipse) {
  return ellipse && ellipse.major_m * Math.sqrt(Math.log(0.1) / Math.log(0.05));
}

function answerOf(record) {
  const known = record.known ?? {};
  const heading = record.heading_deg ?? known.heading_deg;
  return {
    fromFile: true,
    latlon: [record.latitude, record.longitude],
    radius_50_m: record.radius_50_m ?? null,
    radius_90_m: record.radius_90_m ?? nineOfTen(record.ellipse_95) ?? null,
    confidence: record.confidence ?? null,
    abstained: record.abstained ?? false,
    footprint: record.footprint ?? null,
    camera: heading === undefined || heading === null ? {} : {
      heading_deg: { value: heading, source: "file" },
      ...(known.fov_deg ? { fov_deg: { value: known.fov_deg, source: "file" } } : {}),
    },
    photo: null,
    heat: [],
    candidates: (record.candidates ?? []).map((one) => ({
      row: one.row, id: one.id, score: one.score, side_m: one.side_m,
      latlon: [one.latitude, one.longitude], corners_latlon: one.corners,
    })),
  };
}

/** The slider; `onPick(entry, index)` is called for each entry that is to be shown. */
export class Flight {
  constructor({ section, slider, label, play, onPick }) {
    Object.assign(this, { section, slider, label, play, onPick });
    this.entries = [];
    this.current = -1;
    this.timer = 0;
    slider.addEventListener("input", () => { this.stop(); this.pick(Number(slider.value)); });
    play.addEventListener("click", () => (this.timer ? this.stop() : this.start()));
  }

  get isOpen() {
    return this.entries.length > 0;
  }

  open(entries) {
    this.stop();
    this.entries = entries;
    this.current = -1;
    this.slider.max = String(Math.max(0, entries.length - 1));
    this.section.hidden = entries.length < 2;
    this.pick(0);
  }

  close() {
    this.stop();
    this.entries = [];
    this.section.hidden = true;
  }

  pick(index) {
    this.current = index;
    this.slider.value = String(index);
    this.tell();
    this.onPick(this.entries[index], index);
  }

  /** Say which entry is shown. */
  tell() {
    const entry = this.entries[this.current];
    if (!entry) return;
    const time = Number.isFinite(entry.time) ? `${entry.time.toFixed(1)} s` : "";
    const state = entry.error ?? SAYS[entry.source] ?? (entry.answer ? "" : "not searched yet");
    const words = [`${this.current + 1} of ${this.entries.length}`, entry.name, time, state];
    this.label.textContent = words.filter(Boolean).join(" · ");
    this.slider.setAttribute("aria-valuetext", this.label.textContent);
  }

  start() {
    this.play.setAttribute("aria-pressed", "true");
    if (this.current >= this.entries.length - 1) this.pick(0);
    this.timer = setInterval(() => {
      if (this.current >= this.entries.length - 1) this.stop();
      else this.pick(this.current + 1);
    }, STEP_MS);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.play.setAttribute("aria-pressed", "false");
  }
}
