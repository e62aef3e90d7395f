// Replaced by the area's first file.
