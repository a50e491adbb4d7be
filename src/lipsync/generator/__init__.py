"""The face generator: a hidden lower face, painted anew from what is said."""
