"""What a graded class is written as: gradebook, results, feedback, summary."""
