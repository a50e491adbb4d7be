"""What both trainings share: data split, loop, checkpoints, device, history."""
