"""Price ranges: from forces to bounds, how far two ranges differ, what a position in a range holds, and the search."""
