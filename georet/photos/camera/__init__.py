"""What a photo, a log or a user tells of a camera: where it looked, how high, with what lens."""
