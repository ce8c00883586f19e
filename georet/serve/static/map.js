// The map: the gallery's own tiles, and what was found drawn over them.

import * as maplibregl from "./vendor/maplibre/maplibre-gl.mjs";
import { DRAWN, cameraShapes, drawnLayers, flightShapes } from "./drawn.js";
import { circle, collection, footprint, graticule } from "./geo.js";

const WIDE_DEGREES = 100;
const DAY = { paper: "#e6e5df", sea: "#0c2348", line: "#ffffff", space: "#dfe4ea" };
const NIGHT = { paper: "#1b1f23", sea: "#081830", line: "#ffffff", space: "#0b0d10" };
const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Show a gallery; returns an object with the methods that the page uses. */
export function showMap(container, gallery) {
  const [west, south, east, north] = gallery.extent;
  const isWide = east - west > WIDE_DEGREES;
  const map = new maplibregl.Map({
    container,
    style: style(gallery, isWide),
    bounds: isWide ? undefined : [[west, south], [east, north]],
    center: isWide ? [10, 22] : undefined,
    zoom: isWide ? globeZoom(container) : undefined,
    fitBoundsOptions: { padding: 40, maxZoom: gallery.max_zoom },
    maxZoom: Math.min(22, gallery.max_zoom + 3),
    maxPitch: 0,
    dragRotate: false,
    attributionControl: false,
    fadeDuration: still.matches ? 0 : 200,
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new maplibregl.GlobeControl(), "top-right");
  map.addControl(new maplibregl.ScaleControl({ maxWidth: 110 }), "bottom-right");
  dark.addEventListener("change", () => paintTheme(map, isWide));
  return new Results(map, gallery);
}

class Results {
  constructor(map, gallery) {
    this.map = map;
    this.sideM = gallery.side_m[0];
    this.markers = [];
    this.ready = new Promise((resolve) => { map.once("load", resolve); });
  }

  /** Draw an answer; `onChoose(number)` is called when a candidate's marker is clicked. */
  async show(answer, truth, onChoose, { isStill = false } = {}) {
    await this.ready;
    this.setData("heat", answer.heat.map(([longitude, latitude, weight]) => ({
      type: "Feature",
      properties: { weight },
      geometry: { type: "Point", coordinates: [longitude, latitude] },
    })));
    this.setData("radius", [[answer.radius_90_m, 90], [answer.radius_50_m, 50]]
      .filter(([radius]) => radius !== null)
      .map(([radius, share]) => circle(answer.latlon, radius, { share })));
    const shapes = cameraShapes(answer, answer.candidates[0]?.side_m ?? this.sideM);
    for (const [source, features] of Object.entries(shapes)) this.setData(source, features);
    this.dim(true);
    this.drawMarkers(answer, truth, onChoose);
    this.choose(answer, -1);
    if (!isStill) this.showAll(answer);
  }

  /** Draw a flight; `current` is the frame that is shown. */
  async showFlight(entries, current, { isWhole = false } = {}) {
    await this.ready;
    const shapes = flightShapes(entries, current);
    for (const [source, features] of Object.entries(shapes)) this.setData(source, features);
    const points = shapes.frames.map(({ geometry }) => geometry.coordinates);
    if (!isWhole || points.length === 0) return;
    const bounds = new maplibregl.LngLatBounds(points[0], points[0]);
    points.forEach((point) => bounds.extend(point));
    const padding = { top: 60, right: 60, bottom: 190, left: 60 };
    this.map.fitBounds(bounds, { padding, maxZoom: this.map.getMaxZoom() - 2 });
  }

  /** Draw the candidates' footprints, the chosen one brighter. */
  async choose(answer, number) {
    await this.ready;
    this.setData("tiles", answer.candidates.map((candidate, index) => (
      footprint(candidate, { chosen: index === number })
    )));
    const pins = this.markers.map((marker) => marker.getElement())
      .filter((element) => element.classList.contains("pin"));
    pins.forEach((pin, index) => pin.classList.toggle("chosen", index === number));
  }

  /** Move to a candidate. */
  flyTo(candidate) {
    const [latitude, longitude] = candidate.latlon;
    const { clientWidth, clientHeight } = this.map.getContainer();
    // The comparison lies over the upper left, except on a phone.
    const offset = clientWidth > 700 ? [0.17 * clientWidth, 0.14 * clientHeight] : [0, 0];
    const zoom = this.zoomFor(6 * candidate.side_m, latitude);
    this.map.flyTo({ center: [longitude, latitude], zoom, offset });
  }

  /** Move so that the estimate and its radius are seen. */
  showAll(answer) {
    const [latitude, longitude] = answer.latlon;
    const tiles = answer.refinement?.accepted ? 3 : 7;
    const widthM = Math.max(2.6 * (answer.radius_90_m ?? 0), tiles * this.sideM);
    this.map.flyTo({ center: [longitude, latitude], zoom: this.zoomFor(widthM, latitude) });
  }

  /** Draw the box to search in (a GeoJSON polygon), or none. */
  async showBox(feature) {
    await this.ready;
    this.setData("area", feature === null ? [] : [feature]);
  }

  /** Take all that was found from the map. */
  async clear() {
    await this.ready;
    for (const source of ["heat", "radius", "tiles", ...DRAWN]) this.setData(source, []);
    this.dim(false);
    for (const marker of this.markers.splice(0)) marker.remove();
  }

  drawMarkers(answer, truth, onChoose) {
    for (const marker of this.markers.splice(0)) marker.remove();
    this.mark(dot("estimate"), answer.latlon, "Best estimate");
    if (truth) this.mark(dot("truth"), truth, "Where it was taken");
    if (answer.refinement?.accepted) {
      this.mark(dot("retrieved"), answer.retrieved_latlon, "Where the tiles alone put it");
    }
    answer.candidates.forEach((candidate, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "pin";
      button.textContent = String(index + 1);
      button.addEventListener("click", (event) => {
        event.stopPropagation();
        onChoose(index);
      });
      this.mark(button, candidate.latlon, `Compare with candidate ${index + 1}`);
    });
  }

  /** Let the imagery step back behind what is drawn over it. */
  dim(wanted) {
    this.map.setPaintProperty("basemap", "raster-saturation", wanted ? -0.45 : 0);
    this.map.setPaintProperty("basemap", "raster-brightness-max", wanted ? 0.8 : 1);
  }

  mark(element, [latitude, longitude], name) {
    const marker = new maplibregl.Marker({ element, opacityWhenCovered: "0" });
    this.markers.push(marker.setLngLat([longitude, latitude]).addTo(this.map));
    element.setAttribute("aria-label", name);
    element.title = name;
  }

  setData(source, features) {
    this.map.getSource(source).setData(collection(features));
  }

  zoomFor(widthM, latitude) {
    const box = this.map.getContainer();
    // On the globe a zoom means one size everywhere, on the flat map it grows towards the poles.
    const isGlobe = this.map.getProjection()?.type === "globe" && widthM > 1e6;
    const shrink = isGlobe ? 1 : Math.max(0.1, Math.cos((latitude * Math.PI) / 180));
    const around = 40030000 * shrink;
    const pixels = Math.min(box.clientWidth, box.clientHeight);
    return Math.max(0, Math.log2((around / widthM) * (pixels / 512)));
  }
}

function dot(kind) {
  const element = document.createElement("div");
  element.className = kind;
  element.setAttribute("role", "img");
  return element;
}

function globeZoom(container) {
  return Math.log2(Math.min(container.clientWidth, container.clientHeight) / 168);
}

function colours() {
  return dark.matches ? NIGHT : DAY;
}

function paintTheme(map, isWide) {
  map.setPaintProperty("ground", "background-color", isWide ? colours().sea : colours().paper);
}

function style(gallery, isWide) {
  const empty = () => ({ type: "geojson", data: collection([]) });
  const tiles = [`${location.origin}/basemap/{z}/{x}/{y}.png`];
  return {
    version: 8,
    projection: { type: isWide ? "globe" : "mercator" },
    sources: {
      basemap: { type: "raster", tiles, tileSize: 256, maxzoom: gallery.max_zoom },
      graticule: { type: "geojson", data: collection(isWide ? [graticule(15)] : []) },
      heat: empty(), radius: empty(), tiles: empty(), area: empty(),
      ...Object.fromEntries(DRAWN.map((name) => [name, empty()])),
    },
    sky: { "atmosphere-blend": ["interpolate", ["linear"], ["zoom"], 0, 0.6, 5, 0] },
    layers: layers(gallery.side_m[0], isWide),
  };
}

function layers(sideM, isWide) {
  const halo = { "line-color": "#000000", "line-opacity": 0.45, "line-width": 4 };
  return [
    { id: "ground", type: "background",
      paint: {
        "background-color": isWide ? colours().sea : colours().paper,
        "background-color-transition": { duration: 0 },
      } },
    { id: "basemap", type: "raster", source: "basemap",
      paint: { "raster-fade-duration": still.matches ? 0 : 200 } },
    { id: "graticule", type: "line", source: "graticule",
      paint: { "line-color": "#ffffff", "line-opacity": 0.09, "line-width": 1 } },
    heatLayer(sideM),
    { id: "area-fill", type: "fill", source: "area",
      paint: { "fill-color": "#ffffff", "fill-opacity": 0.1 } },
    { id: "area-halo", type: "line", source: "area", paint: halo },
    { id: "area", type: "line", source: "area",
      paint: { "line-color": "#ffffff", "line-width": 2, "line-dasharray": [3, 2] } },
    { id: "tiles-halo", type: "line", source: "tiles", paint: halo,
      filter: ["get", "chosen"] },
    { id: "tiles", type: "line", source: "tiles",
      paint: {
        "line-color": ["case", ["get", "chosen"], "#ffd75e", "#ffffff"],
        "line-width": ["case", ["get", "chosen"], 3, 1],
        "line-opacity": ["case", ["get", "chosen"], 1, 0.55],
      } },
    { id: "radius-fill", type: "fill", source: "radius",
      paint: { "fill-color": "#4da3ff", "fill-opacity": 0.08 } },
    { id: "radius-halo", type: "line", source: "radius", paint: halo },
    { id: "radius", type: "line", source: "radius",
      paint: {
        "line-color": "#8cc4ff",
        "line-width": ["case", ["==", ["get", "share"], 50], 2.5, 1.5],
      } },
    ...drawnLayers(),
  ];
}

/** A tile's belief spreads over its own ground, whatever the zoom. */
function heatLayer(sideM) {
  const pixels = (zoom) => Math.min(4096, Math.max(5, (0.55 * sideM * 2 ** zoom) / 78271));
  const radius = ["interpolate", ["exponential", 2], ["zoom"]];
  for (let zoom = 0; zoom <= 22; zoom += 2) radius.push(zoom, pixels(zoom));
  return {
    id: "heat",
    type: "heatmap",
    source: "heat",
    paint: {
      "heatmap-weight": ["get", "weight"],
      "heatmap-intensity": 2.2,
      "heatmap-radius": radius,
      "heatmap-opacity": 0.85,
      "heatmap-color": [
        "interpolate", ["linear"], ["heatmap-density"],
        0, "rgba(60, 15, 110, 0)", 0.06, "rgba(110, 32, 150, 0.5)", 0.2, "rgba(190, 50, 120, 0.8)",
        0.45, "rgba(250, 125, 85, 0.9)", 0.7, "rgba(254, 200, 105, 0.95)", 1, "#fffbd0",
      ],
    },
  };
}
