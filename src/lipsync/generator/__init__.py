"""The refiner: a small U-Net that decides how a face is put together from warped exemplars."""
