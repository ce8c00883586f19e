// Holds the page together: one photo or a row of them, one box, one answer, one chosen candidate.

import * as api from "./api.js";
import { areaForm } from "./area.js";
import { CameraForm } from "./camera.js";
import { Flight, entriesOf, inOrder } from "./flight.js";
import { length } from "./geo.js";
import { showMap } from "./map.js";
import { photoInputs } from "./photo.js";
import { hideAnswer, showAnswer, showComparison, spoken } from "./results.js";

const byId = (id) => document.getElementById(id);
const state = { photo: null, truth: null, box: null, answer: null, chosen: -1, search: null };
let results = null;
let camera = null;
let flight = null;

start().catch(complain);

async function start() {
  const gallery = await api.gallery();
  describe(gallery);
  photoInputs({
    file: byId("file"),
    drop: byId("drop"),
    samples: byId("samples"),
    list: gallery.samples,
    onPhoto: (photo, truth) => {
      closeFlight();
      Object.assign(state, { photo, truth });
      return search();
    },
    onFiles: (files) => open(files).catch(complain),
    onProblem: complain,
  });
  camera = new CameraForm({
    details: byId("camera"),
    form: byId("camera-form"),
    notes: byId("camera-notes"),
    refine: byId("refine"),
    hasRefiner: gallery.refiner !== null,
    onChange: search,
  });
  flight = new Flight({
    section: byId("flight"),
    slider: byId("slider"),
    label: byId("frame"),
    play: byId("play"),
    onPick: pick,
  });
  byId("num-candidates").addEventListener("change", search);
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("close").addEventListener("click", () => choose(-1));
  byId("compare").addEventListener("keydown", (event) => {
    if (event.key === "Escape") choose(-1);
  });
  addMap(gallery);
}

function describe(gallery) {
  const [least, most] = gallery.side_m.map(length);
  const wide = least === most ? least : `${least} to ${most}`;
  byId("about").textContent = `${gallery.num_tiles.toLocaleString("en")} tiles of ${wide} `
    + `in the gallery ${gallery.name}`;
  document.title = `${gallery.name} - georet`;
  byId("credits").hidden = !gallery.credits;
  byId("credits").textContent = `Imagery: ${(gallery.credits ?? []).join("; ")}`;
}

function addMap(gallery) {
  try {
    results = showMap(byId("map"), gallery);
  } catch {
    document.body.classList.add("no-map");
    complain(new Error("The map can't be shown: this browser has no WebGL 2. The rest works."));
  }
  // For whoever looks into the page from outside, such as a test.
  window.georet = { map: results?.map, state, flight };
  areaForm({
    form: byId("area-form"),
    draw: byId("draw"),
    clear: byId("clear"),
    stop: byId("stop-drawing"),
    results,
    onChange: (box) => {
      state.box = box;
      if (state.photo !== null) search();
      else say(box === null ? "Searching everywhere." : "The next photo is searched in this box.");
    },
  });
}

/** Open what was chosen or dropped: one photo, several, or what georet wrote of a flight. */
async function open(files) {
  const [first] = files;
  closeFlight();
  byId("problem").hidden = true;
  if (/\.json$/i.test(first.name)) {
    flight.open(await entriesOf(first));
    results?.showFlight(flight.entries, 0, { isWhole: true });
    return;
  }
  if (files.length === 1) {
    Object.assign(state, { photo: first, truth: null });
    await search();
    return;
  }
  const entries = inOrder(files)
    .map((photo) => ({ name: photo.name, photo, answer: null, error: null }));
  flight.open(entries);
  await searchAll(entries);
}

/** Search for the photos of a row, one after the other, unless another search is begun. */
async function searchAll(entries) {
  const running = begin();
  for (const [index, entry] of entries.entries()) {
    say(`Searching photo ${index + 1} of ${entries.length}.`);
    try {
      entry.answer = await ask(entry.photo, running);
    } catch (error) {
      if (error.name === "AbortError") return;
      entry.error = error.message;
    }
    if (flight.entries !== entries) return;
    // Whoever has moved the slider looks at another one meanwhile.
    const follows = flight.current === index - 1 || flight.current === index;
    if (follows) flight.pick(index);
    else results?.showFlight(entries, flight.current);
  }
  results?.showFlight(entries, flight.current, { isWhole: true });
  end(running);
}

async function search() {
  if (state.photo === null) return;
  const entry = flight.isOpen ? flight.entries[flight.current] : null;
  const running = begin();
  say("Searching.");
  try {
    const answer = await ask(state.photo, running);
    if (entry) Object.assign(entry, { answer, error: null });
    show(answer, entry !== null);
  } catch (error) {
    if (error.name !== "AbortError") complain(error);
  } finally {
    end(running);
  }
}

function begin() {
  state.search?.abort();
  state.search = new AbortController();
  setBusy(true);
  byId("problem").hidden = true;
  return state.search;
}

function end(running) {
  if (state.search === running) setBusy(false);
}

function ask(photo, { signal }) {
  const k = byId("num-candidates").value;
  const known = { camera: camera.values(), refine: camera.refines() };
  return api.locate(photo, { k, box: state.box, signal, ...known });
}

function show(answer, isStill = false) {
  Object.assign(state, { answer, chosen: -1 });
  camera.tell(answer.camera);
  showAnswer(answer, state.truth, choose);
  showComparison(answer, -1);
  results?.show(answer, state.truth, choose, { isStill });
  if (flight.isOpen) results?.showFlight(flight.entries, flight.current);
  say(spoken(answer));
}

/** Show one photo of a row, or one frame of a flight. */
function pick(entry) {
  Object.assign(state, { photo: entry.photo, truth: null });
  if (entry.answer) {
    byId("problem").hidden = true;
    show(entry.answer, true);
  } else if (entry.error) complain(new Error(`${entry.name}: ${entry.error}`), { isKept: true });
}

function closeFlight() {
  if (!flight.isOpen) return;
  flight.close();
  results?.clear();
}

function choose(number) {
  const before = state.chosen;
  state.chosen = number;
  const { answer } = state;
  showComparison(answer, number);
  results?.choose(answer, number);
  if (number >= 0) {
    results?.flyTo(answer.candidates[number]);
    say(`Photo beside candidate ${number + 1}, ${byId("compare-caption").textContent}`);
  } else {
    results?.showAll(answer);
    byId("candidates").querySelectorAll("button")[before]?.focus();
  }
}

function step(by) {
  const num = state.answer.candidates.length;
  choose((state.chosen + by + num) % num);
}

function setBusy(isBusy) {
  byId("panel").setAttribute("aria-busy", String(isBusy));
  byId("choose").textContent = isBusy ? "Searching…" : "Choose a photo";
}

function say(text) {
  byId("status").textContent = text;
}

function complain(error, { isKept = false } = {}) {
  hideAnswer();
  if (!isKept) results?.clear();
  state.answer = null;
  say("");
  byId("problem").textContent = error.message;
  byId("problem").hidden = false;
}
