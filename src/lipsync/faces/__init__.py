"""Finding the face in each picture, cutting it out, and pasting a new one in.

Coordinates are in pixels from the picture's top left corner: pixel (column 0, row 0) covers
0..1 in x and y, so its centre is at (0.5, 0.5) and a box of the whole picture is (0, 0, W, H).
"""
