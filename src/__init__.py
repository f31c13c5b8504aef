"""Knowledge distillation for multi-task dense prediction."""
