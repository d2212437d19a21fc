"""One job: what it asks for, its script, and how it is sent."""
