"""The head in each frame: mean shape, pose, and what speech does to the lower face.

Head coordinates: x to the right of the picture, y down, z away from the camera; the unit is the
distance between the outer eye corners of the mean shape, the origin the middle of the rigid points.
"""
