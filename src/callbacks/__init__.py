"""Lightning callbacks: history, pictures."""
