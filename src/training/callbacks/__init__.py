"""Lightning callbacks: history, pictures, progress bar and feature probe."""
