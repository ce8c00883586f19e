// What is drawn of a photo's camera, of a refined place, and of a flight: sources, layers, shapes.

import { destination, distanceM, polygon } from "./geo.js";

export const DRAWN = ["footprint", "wedge", "shift", "ellipse", "track", "frames"];
const RAD = Math.PI / 180;
const USUAL_FOV = 50;

/** Return the layers over the imagery, for the style. */
export function drawnLayers() {
  const halo = { "line-color": "#000000", "line-opacity": 0.5, "line-width": 5 };
  const fill = (id, color, opacity) => ({ id: `${id}-fill`, type: "fill", source: id,
    paint: { "fill-color": color, "fill-opacity": opacity } });
  const line = (id, paint) => ({ id, type: "line", source: id, paint });
  return [
    fill("footprint", "#ffd75e", 0.12),
    line("footprint", { "line-color": "#ffd75e", "line-width": 2 }),
    fill("wedge", "#ffffff", 0.3),
    line("wedge", { "line-color": "#ffffff", "line-width": 1.5 }),
    fill("ellipse", "#4be3c4", 0.25),
    line("ellipse", { "line-color": "#4be3c4", "line-width": 1.5 }),
    line("shift", { "line-color": "#ffffff", "line-width": 2, "line-dasharray": [1, 1.5] }),
    { id: "track-halo", type: "line", source: "track", paint: halo },
    line("track", { "line-color": "#8cc4ff", "line-width": 2.5 }),
    { id: "frames", type: "circle", source: "frames",
      paint: {
        "circle-radius": ["case", ["get", "current"], 8, 4],
        "circle-color": ["match", ["get", "source"],
          "matched", "#ffd75e", "propagated", "#8cc4ff", "#b8b8b8"],
        "circle-stroke-color": "#0c2348",
        "circle-stroke-width": ["case", ["get", "current"], 3, 1],
      } },
  ];
}

/** Return the shapes of an answer by source: footprint, wedge, ellipse, way from the tile. */
export function cameraShapes(answer, sideM) {
  const found = { footprint: [], wedge: [], shift: [], ellipse: [] };
  if (answer.footprint) found.footprint = [ring(answer.footprint)];
  const heading = headingOf(answer);
  if (heading !== null) found.wedge = [wedge(answer, heading, sideM)];
  if (answer.refinement?.accepted) {
    found.ellipse = [ring(answer.refinement.ellipse)];
    const ends = [answer.retrieved_latlon, answer.latlon].map(([lat, lon]) => [lon, lat]);
    found.shift = [lineString(ends)];
  }
  return found;
}

/** Return the heading that was found, else the one that is known, in degrees; null: neither. */
export function headingOf(answer) {
  return answer.refinement?.heading_deg ?? answer.camera?.heading_deg?.value ?? null;
}

/** Return a flight's way and its frames, the current one marked. */
export function flightShapes(entries, current) {
  const placed = entries.map((entry, index) => ({ ...entry, index }))
    .filter(({ answer }) => answer !== null);
  const points = [];
  for (const { answer: { latlon: [lat, lon] } } of placed) {
    // The shorter way round where it crosses the antimeridian.
    const before = points.at(-1)?.[0] ?? lon;
    points.push([lon + 360 * Math.round((before - lon) / 360), lat]);
  }
  const frames = placed.map(({ source, answer, index }, at) => ({
    type: "Feature",
    properties: {
      index, current: index === current, source: source ?? (answer.abstained ? "unsure" : "matched"),
    },
    geometry: { type: "Point", coordinates: points[at] },
  }));
  return { track: points.length > 1 ? [lineString(points)] : [], frames };
}

function wedge(answer, heading, sideM) {
  const [lat, lon] = answer.refinement?.camera_latlon ?? answer.latlon;
  const fov = Math.min(120, answer.camera?.fov_deg?.value ?? USUAL_FOV);
  const edge = answer.footprint?.slice(0, 2).map((corner) => distanceM([lat, lon], corner));
  const reach = edge ? Math.max(...edge) : 0.5 * sideM;
  const arc = [];
  for (let step = 0; step <= 16; step += 1) {
    const bearing = (heading - fov / 2 + (fov * step) / 16) * RAD;
    arc.push(destination([lon, lat], reach, bearing));
  }
  return polygon([[lon, lat], ...arc, [lon, lat]]);
}

function ring(latlon) {
  const points = latlon.map(([lat, lon]) => [lon, lat]);
  return polygon([...points, points[0]]);
}

function lineString(coordinates) {
  return { type: "Feature", properties: {}, geometry: { type: "LineString", coordinates } };
}
