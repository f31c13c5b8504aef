"""LightningModules: the teacher stage and the student stage."""
