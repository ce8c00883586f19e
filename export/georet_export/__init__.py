"""The plugin ``export``: it will bring exporters to other runtimes, and declares none yet."""
