"""Results to one HTML file that opens anywhere, offline."""
