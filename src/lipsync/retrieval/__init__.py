"""Real frames as the texture of a speaking face: chosen, warped onto the wanted mesh, pasted.

Free of torch: rendering runs on it, and the refiner's training looks through it.

A face is put together from an avatar's exemplars, frames of the training part: the *face* exemplar
gives skin and stays as long as it fits; the *mouth* exemplar gives lips and teeth and follows the
expression; the *blend*, a mean of the nearest exemplars, has the steadiest colour and shading, but
no detail. `selection` chooses them, frame by frame and looking back only, `layers` warps them to a
small working size, the refiner decides what to take of which, and `pasting` carries that over to
the exemplars' own resolution.
"""
