"""The cluster side: describe a cluster, render a job, submit it, follow it."""
