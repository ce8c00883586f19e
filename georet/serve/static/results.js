// The answer in words and pictures: estimate, candidates, and one of them beside the photo.

import { headingOf } from "./drawn.js";
import { distanceM, length, place } from "./geo.js";
import { drawMatches } from "./matches.js";

const byId = (id) => document.getElementById(id);

/** Fill the panel with an answer; `onChoose(number)` is called when a candidate is clicked. */
export function showAnswer(answer, truth, onChoose) {
  byId("photo").hidden = !answer.photo;
  if (answer.photo) byId("photo").src = answer.photo.preview;
  byId("position").textContent = place(answer.latlon, worth(answer));
  byId("facts").replaceChildren(...facts(answer, truth));
  const remark = remarkOn(answer);
  byId("remark").textContent = remark;
  byId("remark").hidden = remark === "";
  byId("candidates").replaceChildren(
    ...answer.candidates.map((candidate, index) => card(candidate, index, answer, onChoose)),
  );
  byId("candidates-title").closest(".row").hidden = answer.candidates.length === 0;
  byId("result").hidden = false;
  byId("legend").hidden = answer.heat.length === 0;
}

/** Return how many metres an answer's place is worth writing. */
function worth(answer) {
  if (answer.refinement?.accepted) return 10 * answer.refinement.radius_90_m;
  if (answer.fromFile && answer.radius_90_m !== null) return 10 * answer.radius_90_m;
  return answer.candidates[0]?.side_m ?? 1000;
}

/** Take the answer away. */
export function hideAnswer() {
  byId("result").hidden = true;
  byId("legend").hidden = true;
  byId("compare").hidden = true;
}

/** Mark a candidate in the list and show it beside the photo; -1 closes the comparison. */
export function showComparison(answer, number) {
  const buttons = byId("candidates").querySelectorAll("button");
  buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(index === number)));
  byId("compare").hidden = number < 0;
  if (number < 0) return;
  const candidate = answer.candidates[number];
  const [photo, tile, overlay] = ["compare-photo", "compare-tile", "matches"].map(byId);
  const draw = () => {
    const num = photo.naturalWidth && tile.naturalWidth
      ? drawMatches(overlay, photo, tile, answer, candidate) : 0;
    byId("compare-matches").textContent = num ? `${num} points in common` : "";
  };
  photo.onload = draw;
  tile.onload = draw;
  overlay.replaceChildren();
  byId("compare-title").textContent = `Photo and tile ${number + 1} of ${answer.candidates.length}`;
  photo.closest("figure").hidden = !answer.photo;
  if (answer.photo) photo.src = answer.photo.preview;
  byId("compare-tile").src = `/api/tile/${candidate.row}`;
  byId("compare-tile").alt = `Tile ${candidate.id}`;
  byId("compare-caption").textContent = [
    candidate.id,
    place(candidate.latlon, candidate.side_m),
    `${length(candidate.side_m)} wide`,
    `score ${candidate.score.toFixed(3)}`,
  ].join(" · ");
}

/** Return the sentence that a screen reader hears. */
export function spoken(answer) {
  const num = answer.candidates.length;
  if (num === 0 && !answer.fromFile) return "No tile lies in this box.";
  const where = place(answer.latlon, worth(answer));
  const near = answer.radius_90_m === null
    ? "" : ` Nine of ten such photos lie within ${length(answer.radius_90_m)}.`;
  return `Best estimate ${where}.${near} ${num} candidates are listed.`;
}

function facts(answer, truth) {
  const rows = [];
  const found = answer.refinement;
  if (found?.accepted) {
    rows.push(["Refined to", `± ${length(found.radius_90_m)}`]);
    rows.push(["Points in common", String(found.inliers)]);
    rows.push(["Off the tiles' place", length(distanceM(answer.latlon, answer.retrieved_latlon))]);
  }
  const heading = headingOf(answer);
  if (heading !== null) rows.push(["Heading", `${heading.toFixed(found?.accepted ? 1 : 0)}°`]);
  if (found?.accepted && found.height_m !== null) {
    rows.push(["Height above ground", length(found.height_m)]);
  }
  if (answer.radius_50_m !== null) rows.push(["Half lie within", length(answer.radius_50_m)]);
  if (answer.radius_90_m !== null) rows.push(["Nine of ten within", length(answer.radius_90_m)]);
  if (answer.confidence !== null) {
    // Nothing is certain: 99.6 % is not 100 %.
    const sure = Math.round(100 * answer.confidence);
    rows.push(["Confidence", sure >= 100 ? "over 99 %" : `${sure} %`]);
  }
  if (truth) rows.push(["Off the true place", length(distanceM(answer.latlon, truth)), "truth-row"]);
  return rows.map(([term, value, kind]) => {
    const row = element("div", kind ?? "");
    row.append(element("dt", "", term), element("dd", "", value));
    return row;
  });
}

function remarkOn(answer) {
  if (answer.fromFile) return answer.abstained ? "Too unclear to be trusted." : "";
  if (answer.candidates.length === 0) return "No tile of the gallery lies in this box.";
  if (answer.refinement?.accepted) return "";
  if (answer.refinement) return `Not refined: ${answer.refinement.reason}.`;
  if (answer.abstained) {
    return "Not sure enough to say: the confidence is below this gallery's threshold. "
      + "The tiles that look most alike are shown all the same.";
  }
  if (answer.radius_90_m === null) {
    return "This gallery isn't calibrated, so nothing can be said of how far off this may be.";
  }
  return "";
}

function card(candidate, index, answer, onChoose) {
  const item = document.createElement("li");
  const button = element("button", "card");
  button.type = "button";
  button.setAttribute("aria-pressed", "false");
  const image = document.createElement("img");
  image.src = `/api/tile/${candidate.row}`;
  image.alt = "";
  image.addEventListener("error", () => image.classList.add("absent"), { once: true });
  const text = element("span", "what");
  const bar = document.createElement("meter");
  [bar.min, bar.max, bar.value] = [0, 1, Math.max(0, candidate.score)];
  bar.setAttribute("aria-hidden", "true");
  text.append(
    element("b", "", place(candidate.latlon, candidate.side_m)),
    element("small", "", `${candidate.id} · score ${candidate.score.toFixed(3)}`),
    bar,
  );
  button.append(element("i", "number", String(index + 1)), image, text);
  button.addEventListener("click", () => onChoose(index));
  item.append(button);
  return item;
}

function element(name, kind, text = "") {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text) made.textContent = text;
  return made;
}
