"""How the processes of a run find each other, and how they learn that one of them has ended."""
