"""From what was handed in, however it comes, to attempts of people in one layout."""
