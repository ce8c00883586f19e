"""What pages and terminal tables are drawn with: markup, charts, projections, thumbnails."""
