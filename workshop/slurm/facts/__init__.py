"""What Slurm tells of itself."""
