"""Formats of maps and aircraft: GPX, KML, GeoPackage, CZML, GPS_INPUT; and geotags in copies."""
