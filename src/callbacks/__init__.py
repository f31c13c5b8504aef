"""Lightning callbacks: history, pictures, what happens inside a student."""
