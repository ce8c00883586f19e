"""Refiners by OpenCV alone: photos placed within tiles by what both show."""
