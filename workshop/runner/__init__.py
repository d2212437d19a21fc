"""Settings -> measurement: put the engine together, run it on one rank or several, time it."""
