"""How jobs stand, and what became of them."""
