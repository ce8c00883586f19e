// Lines between what photo and tile have in common, drawn over the two pictures of the comparison.

const SVG = "http://www.w3.org/2000/svg";
const MOST = 60;

/** Draw the matches of an answer with one candidate; none where the refiner used another tile. */
export function drawMatches(overlay, photo, tile, answer, candidate) {
  overlay.replaceChildren();
  const found = answer.refinement;
  if (!found?.accepted || found.row !== candidate.row || !found.matches) return 0;
  const frame = overlay.getBoundingClientRect();
  overlay.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
  const inside = found.matches
    .map(([x, y, lat, lon]) => [
      [x / answer.photo.width, y / answer.photo.height], shareOf(candidate, lat, lon)])
    .filter(([, [u, v]]) => u >= 0 && u <= 1 && v >= 0 && v <= 1);
  const step = Math.max(1, Math.ceil(inside.length / MOST));
  const [left, right] = [photo, tile].map((image) => pictureBox(image, frame));
  const shown = inside.filter((_, index) => index % step === 0);
  shown.forEach(([[x, y], [u, v]], index) => {
    const line = document.createElementNS(SVG, "line");
    const ends = { x1: left.x + x * left.width, y1: left.y + y * left.height,
      x2: right.x + u * right.width, y2: right.y + v * right.height };
    for (const [name, value] of Object.entries(ends)) line.setAttribute(name, value.toFixed(1));
    line.setAttribute("class", `match match-${index % 4}`);
    overlay.append(line);
  });
  return inside.length;
}

/** Return where a place lies in a tile, as shares of its width and height from the top left. */
function shareOf(candidate, lat, lon) {
  const [[lat0, lon0], right, , below] = candidate.corners_latlon;
  const east = lon + 360 * Math.round((lon0 - lon) / 360) - lon0;
  const north = lat - lat0;
  const [a, b] = [right[1] - lon0, below[1] - lon0];
  const [c, d] = [right[0] - lat0, below[0] - lat0];
  const size = a * d - b * c;
  return [(east * d - b * north) / size, (a * north - east * c) / size];
}

/** Return the box that a picture's pixels take within its element, which keeps their shape. */
function pictureBox(image, frame) {
  const box = image.getBoundingClientRect();
  const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
  const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
  return {
    x: box.left - frame.left + (box.width - width) / 2,
    y: box.top - frame.top + (box.height - height) / 2,
    width,
    height,
  };
}
